"""How quickly a call of an hour opens, moves and plays, and how exactly: Opus, GSM in WAV and AMR, in a real browser.

    CALLQA_SHARED=../shared .venv/bin/python -m bench.desk_call

Short bursts stand at known times on the recording, and a word of the transcript begins with each of them. Heard is what
the browser plays; seen is when the transcript marks the word.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from desk.context import Desk, make_desk
from pipeline.datatypes import CDR, Evidence, Judged, Turn, Word
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.results.store import build_database
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Hearing, Home, JudgedFile, RecordingRecord
from pipeline.timeline import Span
from tests.support.browser import Browser, browser
from tests.support.desks import served, settings_of, sign_in
from tests.support.factories import NIGHT, make_judged, make_verdict, sha_of

LENGTH_S, EVERY_S, RATE_HZ = 3600, 5, 8000
TRIED_AT_S = (3300, 3305, 3310, 30, 1800)
SEEKS_S = (3000.0, 120.0, 3590.0, 1777.7, 3301.2, 5.0, 2400.0)
FORMATS = {"Opus": ("call.opus", 2, ("-c:a", "libopus", "-b:a", "24k")), "GSM-WAV": ("call.wav", 1, ()),
           "AMR": ("call.amr", 1, ("-c:a", "libopencore_amrnb", "-b:a", "12.2k"))}  # fmt: skip

COLUMNS = (
    "format", "page there the first time", "sound made", "opens again", "of the processor", "seek, median",
    "seek, longest", "heard off at 55:00–55:10", "at all places", "text off sound",
)  # fmt: skip

LISTENING = """(() => {
  const audio = document.querySelector('#player audio'), heard = window.heard = [], seen = window.seen = [];
  const context = new AudioContext(), source = context.createMediaElementSource(audio);
  const ear = context.createScriptProcessor(256, 2, 2);
  source.connect(ear); ear.connect(context.destination);
  let quietFor = 99;
  ear.onaudioprocess = (event) => {
    const loud = [0, 1].some((side) => event.inputBuffer.getChannelData(side).some((x) => Math.abs(x) > 0.15));
    if (loud && quietFor > 40) heard.push([performance.now(), audio.currentTime]);
    quietFor = loud ? 0 : quietFor + 1;
  };
  let last = '';
  callqa.sound.onTime(() => {
    const [word] = CSS.highlights.get('word') || [];
    const now = word ? word.startContainer.parentElement.closest('li').id + word.startOffset : '';
    if (now !== last && String(word).startsWith('滴')) seen.push(performance.now());
    last = now;
  });
  return true;
})()"""


def recording(path: Path, channels: int, codec: Sequence[str]) -> None:
    """An hour of faint noise with a burst of 60 ms every few seconds, on one side and the other in turn."""
    rng = np.random.default_rng(1)
    sound = (0.003 * rng.standard_normal((LENGTH_S * RATE_HZ, channels))).astype(np.float32)
    burst = (0.5 * np.sin(2 * np.pi * 900 * np.arange(round(0.06 * RATE_HZ)) / RATE_HZ)).astype(np.float32)
    for number, at_s in enumerate(range(0, LENGTH_S, EVERY_S)):
        first = at_s * RATE_HZ
        sound[first : first + burst.size, number % channels] += burst
    if not codec:
        soundfile.write(path, sound, RATE_HZ, format="WAV", subtype="GSM610")
        return
    plain = path.with_suffix(".plain.wav")
    soundfile.write(plain, sound, RATE_HZ)
    command = [ffmpeg_executable("auto"), "-nostdin", "-loglevel", "error", "-y", "-i", str(plain), *codec, str(path)]
    subprocess.run(command, check=True)
    plain.unlink()


def judged_call(name: str) -> Judged:
    """A call of 720 turns whose words begin with the bursts, and 300 findings."""
    turns = []
    for index, at_s in enumerate(range(0, LENGTH_S, EVERY_S)):
        texts = ["滴", *"这是第一小时里面的一句话。"]
        words = tuple(
            Word(Span(at_s + 0.3 * n, at_s + 0.3 * n + 0.3), text, 0.9, index % 2) for n, text in enumerate(texts)
        )
        turns.append(Turn(index, Span(float(at_s), words[-1].span.end_s), f"ch{index % 2}", "".join(texts), words))
    hits = [Evidence(turn.index, turn.span, turn.text[:6], "听到", turn.text) for turn in turns[::2][:300]]
    rules = ("greeting", "closing", "forbidden-phrases", "empathy", "apology", "dead-air")
    verdicts = [make_verdict(rule, "fail", tuple(hits[n :: len(rules)])) for n, rule in enumerate(rules)]
    cdr = CDR(call_id=name, agent_id="1001", agent_name="李梅", team="一组", started_at=NIGHT)
    judged = make_judged(name, turns=tuple(turns), verdicts=verdicts, cdr=cdr)
    return replace(judged, call=replace(judged.call, facts=replace(judged.call.facts, duration_s=float(LENGTH_S))))


def prepared(folder: Path) -> tuple[Desk, dict[str, str]]:
    """A desk on one call in each format, and the calls' SHA-256s."""
    home, found = Home(folder / "home"), {}
    for name, (file, channels, codec) in FORMATS.items():
        path = folder / file
        recording(path, channels, codec)
        sha256 = found[name] = file_sha256(path)
        judged = judged_call(name)
        call = replace(judged.call, sha256=sha256)
        judged = Judged(call, judged.scorecard and replace(judged.scorecard, sha256=sha256))
        record = RecordingRecord(sha256, path.stat().st_size, (str(path),), NIGHT, call.cdr)
        artefacts.write(home.recording(sha256), record)
        hearing = Hearing("f" * 64, "stereo" if channels == 2 else "mono", 0.98, {})
        artefacts.write(home.judged(sha256), JudgedFile(sha_of(sha256), judged, hearing))
    settings = settings_of(home.root)
    build_database(home, settings)
    return make_desk(settings, dict), found


def opened_s(page: Browser, address: str) -> tuple[float, float]:
    """Until the page is there with its transcript; until its lanes are drawn and it can be played."""
    begun = time.monotonic()
    page.open(address)
    there = time.monotonic() - begun
    page.wait_for("document.querySelector('#player audio').src !== ''", 300)
    page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    return there, time.monotonic() - begun


def processor_s(profile: Path) -> float:
    """Processor seconds of this process, which is the server too, and of all of Chromium's so far."""
    stats = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            stats.append((fields[3], int(fields[11]) + int(fields[12]), (folder / "cmdline").read_bytes()))
    sessions = {session for session, _, command in stats if str(profile).encode() in command}
    ticks = sum(used for session, used, _ in stats if session in sessions)
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def seek_ms(page: Browser, to_s: float) -> float:
    """From asking for a place until sound of that place plays on."""
    return float(
        page.run(
            "new Promise(done => { const audio = document.querySelector('#player audio'), begun = performance.now();"
            f"callqa.sound.seek({to_s}); const look = () => audio.currentTime > {to_s} && audio.readyState > 2 && "
            "!audio.seeking ? done(performance.now() - begun) : setTimeout(look, 2); if (audio.paused) "
            "callqa.sound.toggle(); look(); })"
        )
    )


def places(page: Browser) -> list[dict[str, Any]]:
    """How far what is heard, and what is seen, is from where it ought to be, in seconds."""
    page.run(LISTENING)
    page.run("callqa.sound.pause()")
    found = []
    waiting = list(TRIED_AT_S)
    while waiting:
        at_s = waiting.pop(0)
        page.run("heard.length = 0, seen.length = 0, true")
        page.run(f"callqa.sound.seek({at_s - 1.5}), callqa.sound.toggle(), true")
        page.wait_for("heard.length > 0 && seen.length > 0", 15)
        heard, seen = page.run("heard[0]"), page.run("seen[0]")
        page.run("callqa.sound.pause()")
        if heard[1] - at_s > EVERY_S / 2:  # a busy machine: our ear slept through the burst, and this is the next one
            waiting.append(at_s)
            continue
        found.append({"at_s": at_s, "heard_s": heard[1] - at_s, "seen_s": (seen - heard[0]) / 1000})
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        desk, found = prepared(folder)
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        with served(desk) as address, browser(folder / "profile") as page:
            page.viewport(1280, 800)
            sign_in(page, address, desk, "reviewer", language="zh")
            for name, sha256 in found.items():
                call = f"{address}/calls/{desk.call_ids.of(sha256)}"
                there, made = opened_s(page, call)
                again, used_s = [], []
                for _ in range(3):
                    before_s = processor_s(folder / "profile")
                    again.append(opened_s(page, call)[1])
                    used_s.append(processor_s(folder / "profile") - before_s)
                seeks = [seek_ms(page, to_s) for to_s in SEEKS_S]
                page.open(call)
                page.wait_for("document.querySelector('#player audio').src !== ''")
                off = places(page)
                late = [abs(each["heard_s"]) for each in off if each["at_s"] >= 3300]
                figures = (
                    f"{there:.2f} s", f"{made:.1f} s", f"{min(again):.2f} s", f"{min(used_s):.2f} s",
                    f"{statistics.median(seeks):.0f} ms", f"{max(seeks):.0f} ms", f"{max(late):.3f} s",
                    f"{max(abs(each['heard_s']) for each in off):.3f} s",
                    f"{max(abs(each['seen_s']) for each in off):.3f} s",
                )  # fmt: skip
                print(f"| {name} | {' | '.join(figures)} |", flush=True)
            told = [text for text in page.complaints if "ScriptProcessorNode" not in text]  # our own ear
            assert told == [], told


if __name__ == "__main__":
    main()
