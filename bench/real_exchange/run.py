"""Calls through a real Asterisk on the loopback: half hung up by each side, half in and half out.

    python bench/real_exchange/run.py FOLDER [--root ROOT]

It needs `sipp` (Debian's sip-tester) and `asterisk`. Where the distribution has none, ROOT is a folder into which
another release was unpacked (debootstrap), and FOLDER is made below its /tmp. Agents and the line to the outside are
SIPp. The folder keeps the recordings, the logs and `truth.json`, what really happened in each call, for
compare.py.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
TALK_MS = 1500

CALLEES = {5071: TALK_MS, 5072: 0, 5073: TALK_MS, 5074: 0, 5081: 0, 5082: TALK_MS}
"""Port of a party that is called → after how long it hangs up; 0: it waits for the caller to do so."""

TRANSFERS = {5075: "1002", 5076: "1001"}
"""Port of an agent who passes calls on → to whom."""


@dataclass(frozen=True)
class Call:
    """One call to drive, and what must be known of it afterwards."""

    name: str
    line: str
    caller: str
    dialled: str
    talk_ms: int
    direction: str
    agent: str | None
    customer: str
    hung_up: str | None
    queue: str | None = None


def inbound(number: int, dialled: str, agent: str, queue: str | None, *, agent_ends: bool) -> Call:
    customer = f"1390000{number:04}"
    talk_ms, side = (0, "agent") if agent_ends else (TALK_MS, "customer")
    return Call(f"in-{number}", "trunk", customer, dialled, talk_ms, "inbound", agent, customer, side, queue)


def outbound(number: int, agent: str, *, agent_ends: bool) -> Call:
    # the line of numbers that begin with 013 waits, that of 015 hangs up
    customer = f"01{3 if agent_ends else 5}8{number:08}"
    talk_ms, side = (TALK_MS, "agent") if agent_ends else (0, "customer")
    return Call(f"out-{number}", "none", agent, customer, talk_ms, "outbound", agent, customer, side)


def calls() -> list[Call]:
    """50 calls, half hung up by each side, half in and half out; 4 that are passed on, and 6 in which nobody talks to
    an agent."""
    ways = [("600", "1001", "support", True), ("601", "1002", "sales", False), ("602", "1003", "complaints", True),
            ("603", "1004", "billing", False), ("1001", "1001", None, True), ("1002", "1002", None, False)]  # fmt: skip
    made = []
    for number in range(25):
        dialled, agent, queue, agent_ends = ways[number % 6] if number < 24 else ways[0]
        made.append(inbound(number, dialled, agent, queue, agent_ends=agent_ends))
    made += [outbound(number, f"100{number % 4 + 1}", agent_ends=number % 2 == 0) for number in range(24)]
    made.append(outbound(24, "1001", agent_ends=False))
    for number in range(80, 84):
        dialled, agent, queue = ("605", "1005", "reception") if number % 2 else ("606", "1006", "switchboard")
        call = inbound(number, dialled, agent, queue, agent_ends=agent == "1006")
        # it is the second agent, and not the first, who may hang up
        made.append(replace(call, name=f"passed-on-{number}", talk_ms=call.talk_ms and 2 * TALK_MS + 1000))
    for number in range(90, 93):
        customer = f"1390000{number:04}"
        name = f"abandoned-{number}"
        made.append(Call(name, "trunk", customer, "604", 2500, "inbound", None, customer, None, "nobody"))
    for number in range(93, 96):
        customer = f"1390000{number:04}"
        made.append(Call(f"closed-{number}", "trunk", customer, "699", 0, "inbound", None, customer, None))
    return made


def sipp(scenario: str, port: int, media_port: int, *more: str) -> list[str]:
    return ["sipp", "-sf", str(HERE / "scenarios" / f"{scenario}.xml"), "-i", "127.0.0.1", "-p", str(port), "-mp",
            str(media_port), "-nostdin", *more]  # fmt: skip


def drive(folder: Path, call: Call, at: int) -> None:
    """Make one call, and see it end."""
    time.sleep(random.Random(at).uniform(0, 1))
    command = sipp("caller", 5100 + at, 30000 + 4 * at, "-m", "1", "-s", call.dialled, "-key", "from", call.caller,
                   "-key", "name", call.name, "-key", "line", call.line, "-timeout", "60",
                   "-set", "talk_ms", str(call.talk_ms), "127.0.0.1:5060")  # fmt: skip
    # a recording is known by its bytes: no two may be alike
    own = folder / "calls" / call.name
    own.mkdir(parents=True)
    (own / "speech.ul").write_bytes(random.Random(call.name).randbytes(8000 * 20))
    done = subprocess.run(command, cwd=own, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{call.name}: sipp {done.returncode}: {(done.stderr or done.stdout)[-300:]}")


def exchange(folder: Path, root: Path | None) -> subprocess.Popen[bytes]:
    """Start Asterisk with the configuration here, its folders below `folder`."""
    inside = _inside(folder, root)
    top = root or Path("/")
    modules = next(folder for name in ("*/asterisk", "asterisk") for folder in top.glob(f"usr/lib/{name}/modules"))
    modules = Path("/") / modules.relative_to(top)
    for name in ("etc", "lib", "spool/monitor", "run", "log/cdr-csv", "log/cdr-custom", "log/cel-custom"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for file in (HERE / "etc").iterdir():
        text = file.read_text().replace("@RUN@", str(inside)).replace("@MODULES@", str(modules))
        (folder / "etc" / file.name).write_text(text)
    command = ["asterisk", "-f", "-C", str(inside / "etc/asterisk.conf")]
    with (folder / "asterisk.out").open("wb") as out:
        started = subprocess.Popen([*(["chroot", str(root)] if root else []), *command], stdout=out, stderr=out)
    rasterisk(folder, root, "core waitfullybooted")
    return started


def _inside(folder: Path, root: Path | None) -> Path:
    """A folder as Asterisk sees it."""
    return Path("/") / folder.relative_to(root) if root else folder


def rasterisk(folder: Path, root: Path | None, command: str) -> str:
    """What Asterisk answers to a command; it may still be starting."""
    words = ["asterisk", "-C", str(_inside(folder, root) / "etc/asterisk.conf"), "-rx", command]
    words = ["chroot", str(root), *words] if root else words
    for _ in range(20):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        time.sleep(0.5)
    raise SystemExit(f"asterisk does not answer: {done.stdout[-500:]}{done.stderr[-500:]}")


def callees(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start everyone who is called."""
    parties = [(port, "callee", ["-set", "talk_ms", str(talk_ms)]) for port, talk_ms in CALLEES.items()]
    parties += [(port, "transfers", ["-key", "to", to]) for port, to in TRANSFERS.items()]
    for port, scenario, behaviour in (*parties, (5079, "refuses", [])):
        command = sipp(scenario, port, 40000 + (port - 5060) * 4, *behaviour)
        with (folder / f"callee-{port}.out").open("wb") as out:
            yield subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--root", type=Path)
    options = parser.parse_args()
    root = options.root.resolve() if options.root else None
    folder = (root / "tmp" / options.folder.name if root else options.folder).resolve()
    folder.mkdir(parents=True)
    # half a minute of noise, so that recordings have something in them
    (folder / "speech.ul").write_bytes(random.Random(1).randbytes(8000 * 30))
    running = []
    try:
        running.append(exchange(folder, root))
        running += callees(folder)
        time.sleep(1)
        print(rasterisk(folder, root, "core show version").strip())
        if any(process.poll() is not None for process in running):
            raise SystemExit(f"a party did not start; see {folder}/*.out")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda pair: drive(folder, pair[1], pair[0]), enumerate(calls())))
        time.sleep(1)
        rasterisk(folder, root, "core stop gracefully")
        running[0].wait(30)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(10)
    (folder / "truth.json").write_text(json.dumps([asdict(call) for call in calls()], indent=1))
    print(f"{len(calls())} calls; files in {folder}")


if __name__ == "__main__":
    main()
