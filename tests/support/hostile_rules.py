"""Rulebooks that somebody wrote to do harm, by name, and what loading one comes to, in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import BadRule
from pipeline.judging.loader import load_rulebook
from pipeline.judging.verdicts import run_cases
from tests.support.rulebooks import write_book

HEAD = """\
name: trial
language: en
version: "1"
title: {zh: 试, en: trial}
dimensions: {one: {title: {zh: 一, en: one}, weight: 1}}
"""
TOP = "id: evil\ntitle: {zh: 甲, en: A}\ndimension: one\nwhy: x\n"
REQUIRE = "require: {said: {by: agent, any: hello}}\n"
CASES = """\
cases:
  - {verdict: pass, call: "agent 0.0: hello there"}
  - {verdict: fail, call: "agent 0.0: bye"}
  - {verdict: not_applicable, call: "customer 0.0: hi"}
"""
RULE = TOP + REQUIRE + CASES
PHRASES = "empty: [nothing]\n"


def rule(require: str = "", cases: str = "", top: str = "") -> str:
    """A rule with its requirement, one more case, or more lines."""
    given = f"require: {require}\n" if require else REQUIRE
    return TOP + top + given + CASES + (f"  - {{verdict: pass, call: {json.dumps(cases)}}}\n" if cases else "")


def bomb(first: str, link: Callable[[str], str], levels: int, width: int) -> str:
    """Lines each of which names the one before several times."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} {link(','.join([f'*a{n - 1}'] * width))}" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def listed(items: str) -> str:
    return f"[{items}]"


def nested(times: int, kind: str = "any") -> str:
    return f"{{{kind}: [" * times + "{said: {by: agent, any: hello}}" + "]}" * times


def chain(length: int) -> str:
    """Conditions of which each is near the next."""
    near = [
        f"{{said: {{by: agent, any: hello, in: {{around: {{name: c{n + 1}, after: 2}}}}}}, as: c{n}}}"
        for n in range(length)
    ]
    return f"{{any: [{', '.join(near)}, {{said: {{by: agent, any: hello}}, as: c{length}}}]}}"


RULES: Mapping[str, str] = {
    "anchors-9x9": bomb("[x,x,x,x,x,x,x,x,x]", listed, 9, 9) + RULE,
    "anchors-7x10": bomb("[x]", listed, 7, 10) + RULE,
    "anchors-30x2": bomb("[x]", listed, 30, 2) + RULE,
    "anchors-of-mappings": bomb("{k: x}", lambda items: f"{{k: [{items}]}}", 12, 4) + RULE,
    "anchors-in-a-condition": rule("{any: [&a {said: {by: agent, any: hello}}" + ", *a" * 60_000 + "]}"),
    "merge-keys": bomb("{a: 1, b: 2}", lambda items: f"{{<<: [{items}]}}", 9, 9) + RULE,
    "anchor-in-itself": TOP + "require: &a {any: [*a]}\n" + CASES,
    "anchor-in-itself-further-in": TOP + "require: {all: &a [{any: [{none: *a}]}]}\n" + CASES,
    "merge-of-itself": TOP + "require: &a {<<: *a, said: {by: agent, any: hello}}\n" + CASES,
    "anchor-deep-by-alias": bomb("[x]", listed, 200, 1) + RULE,
    "anchor-unknown": rule("*nobody"),
    "anchor-twice": "a: &a x\nb: &a y\n" + RULE,
    "flow-lists-100k": TOP + "require: " + "[" * 100_000,
    "flow-lists-1m": TOP + "require: " + "[" * 1_000_000,
    "flow-mappings-100k": TOP + "require: " + "{a: " * 100_000,
    "flow-lists-100k-closed": TOP + "require: " + "[" * 100_000 + "]" * 100_000 + "\n" + CASES,
    "block-lists-10k": TOP + "require:\n  " + "- " * 10_000 + "x\n" + CASES,
    "block-mappings-1k": TOP + "require:\n" + "".join(" " * n + "a:\n" for n in range(1, 1000)) + CASES,
    "question-marks-10k": TOP + "require:\n  " + "? " * 10_000 + "x\n" + CASES,
    "any-in-any-200": rule(nested(200)),
    "any-in-any-28": rule(nested(28)),
    "none-in-none-40": rule(nested(40, "none")),
    "chain-of-anchors-300": rule(chain(300)),
    "as-a-list": rule("{as: [1, 2], said: {by: agent, any: hello}}"),
    "as-a-mapping": rule("{as: {a: b}, said: {by: agent, any: hello}}"),
    "as-a-number": rule("{as: 1, said: {by: agent, any: hello}}"),
    "condition-a-number": rule("1"),
    "condition-of-numbers": rule("{1: 2}"),
    "condition-with-a-list-as-key": rule("{[a]: b}"),
    "condition-with-a-mapping-as-key": rule("{{a: b}: c}"),
    "condition-null": rule("{~: ~}"),
    "key-of-a-number": rule(top="1: x\n"),
    "key-of-nothing": rule(top="~: x\n"),
    "keys-60k": rule(top="".join(f"k{n}: x\n" for n in range(60_000))),
    "keys-20k": rule(top="".join(f"k{n}: x\n" for n in range(20_000))),
    "keys-20k-the-same": rule(top="weight: 1\n" * 20_000),
    "key-of-1mb": rule(top="k" * 1_000_000 + ": x\n"),
    "steering-key": rule(top='"\\e]0;x\\a\\e[2J\\u202e": x\n'),
    "case-at-1e20-s": rule(cases="agent 99999999999999999999.0: hello"),
    "case-until-1e20-s": rule(cases="agent 0.0-99999999999999999999.0: hello"),
    "case-hung-up-at-1e20-s": rule(cases="agent 0.0: hello\nhangup agent 99999999999999999999"),
    "case-loud-until-1e20-s": rule(cases="agent 0.0: hello\nloud 1-99999999999999999999 agent 8"),
    "case-loud-of-points": rule(cases="agent 0.0: hello\nloud 1.2.3-4.5.6 agent 8"),
    "case-loud-by-1e400": rule(cases="agent 0.0: hello\nloud 1-2 agent 1" + "0" * 400),
    "case-marked-until-1e20-s": rule(cases="agent 0.0: hello\nmark ring 1-99999999999999999999"),
    "case-rings-1e5000": rule(cases="agent 0.0: hello\nmark ring 1-2 x1" + "0" * 5000),
    "case-unheard-until-1e20-s": rule(cases="agent 0.0: hello\nunheard 1-99999999999999999999 agent"),
    "case-cdr-number-of-5000-digits": rule(cases="cdr ring_count=1" + "0" * 5000 + "\nagent 0.0: hello"),
    "case-cdr-of-quotes": rule(cases="cdr a='\nagent 0.0: hello"),
    "case-a-list": TOP + REQUIRE + "cases: [[], {verdict: pass, call: []}]\n",
    "cases-a-mapping": TOP + REQUIRE + "cases: {verdict: pass}\n",
    "number-of-5000-digits": rule(top="weight: 1" + "0" * 5000 + "\n"),
    "number-of-400-digits": rule(top="weight: 1" + "0" * 400 + "\n"),
    "number-infinite": rule(top="weight: 1" + "0" * 400 + ".0\n"),
    "number-infinite-by-word": rule(top="weight: inf\n"),
    "number-none": rule(top="weight: nan\n"),
    "number-infinite-in-a-condition": rule("{silence: {longer_than_s: 1" + "0" * 400 + ".0}}"),
    "turns-of-400-digits": rule("{said: {by: agent, any: hello, in: {turns: 1.." + "9" * 400 + "}}}"),
    "distance-of-400-digits": rule(
        "{all: [{said: {by: agent, any: hello}, as: a},"
        " {said: {by: agent, any: hello, in: {around: {name: a, after: " + "9" * 400 + " turns}}}}]}"
    ),
    "pattern-of-repeats": rule(r"{said: {by: agent, pattern: '(\p{L}{30}){30}'}}"),
    "patterns-of-repeats-5k": rule(
        "{said: {by: agent, any: [" + ", ".join(rf"'/\p{{L}}{{999}}{n}/'" for n in range(5000)) + "]}}"
    ),
    "patterns-large-20k": rule(
        "{said: {by: agent, any: [" + ", ".join(rf"'/.{{999}}{n}/'" for n in range(20_000)) + "]}}"
    ),
    "python-object": TOP + "require: !!python/object/apply:os.system ['true']\n" + CASES,
    "tag-unknown": TOP + "require: !evil x\n" + CASES,
    "number-by-tag-of-sixties-2mb": rule(top='weight: !!int "' + "1:" * 1_000_000 + '1"\n'),
    "time-by-tag-before-all-times": rule(top="weight: !!timestamp 0001-01-01T00:00:00+23:59\n"),
    "number-by-tag-of-no-number": rule(top="weight: !!float .nan\n"),
    "binary": TOP + "require: !!binary aGVsbG8=\n" + CASES,
    "set": TOP + "require: !!set {a, b}\n" + CASES,
    "two-documents": RULE + "---\n" + RULE,
    "endless-quote": TOP + "require: '" + "x" * 100_000,
    "list-only": "- a\n- b\n",
    "scalar-only": "hello\n",
    "empty": "",
    "byte-order-marks": "\ufeff\ufeff" + RULE,
    "nul": RULE.replace("why: x", "why: \x00"),
    "2mb-of-text": rule(top="status: " + "x" * (2 << 20) + "\n"),
    "lists-missing-20k": rule("{said: {by: agent, any: [" + ", ".join(f"$l{n}" for n in range(20_000)) + "]}}"),
}
"""What evil.yaml, a rule's file, holds."""

LISTS: Mapping[str, str] = {
    "list-chain-2000": "".join(f"l{n}: [$l{n + 1}]\n" for n in range(2000)) + "l2000: [hello]\n",
    "list-chain-2000-backwards": "l0: [hello]\n" + "".join(f"l{n + 1}: [$l{n}]\n" for n in range(2000)),
    "list-in-itself": "l0: [hello, $l0]\n",
    "list-ring-of-3": "l0: [$l1]\nl1: [$l2]\nl2: [$l0]\n",
    "lists-of-lists-9x9": "l0: ['/ab/', '/cd/']\n" + "".join(f"l{n + 1}: [{f'$l{n}, ' * 9}x]\n" for n in range(9)),
    "lists-of-all-lists": "l0: [" + ", ".join(f"a{n}" for n in range(4000)) + "]\n"
    + "".join(f"m{n}: [$l0, b{n}]\n" for n in range(4000)),
    "list-of-lists": "l0: [[a], {b: c}]\n",
    "list-of-nothing": "l0: [~]\n",
    "list-named-by-a-number": "1: [hello]\n2: {phrases: 1}\n",
    "list-titled-by-a-list": "l0: {title: [a], phrases: [hello]}\n",
    "phrases-anchors": bomb("[x,x,x,x,x,x,x,x,x]", listed, 9, 9),
    "phrases-100k-brackets": "l0: " + "[" * 100_000,
    "phrases-50k-unknown-lists": "l0: [" + ", ".join(f"$k{n}" for n in range(49_000)) + "]\n",
}  # fmt: skip
"""What phrases-evil.yaml, a file of lists, holds."""

HEADS: Mapping[str, str] = {
    "head-anchors": bomb("[x,x,x,x,x,x,x,x,x]", listed, 9, 9) + HEAD,
    "head-brackets": HEAD + "scenarios: " + "[" * 100_000,
    "head-scenario-200-deep": HEAD + "scenarios: {a: {title: {zh: a, en: a}, when: " + nested(200) + "}}\n",
    "head-agent-id-too-large": HEAD + r"company: {agent_id: '(\p{L}{30}){30}'}" + "\n",
    "head-weight-infinite": HEAD.replace("weight: 1", "weight: 1" + "0" * 400 + ".0"),
    "head-other-language": HEAD.replace("language: en", "language: fr"),
    "head-dimensions-of-numbers": HEAD.replace("{one:", "{1:"),
}
"""What rulebook.yaml holds."""


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _socket(path: Path) -> None:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path may not be long
        try:
            listening.bind(path.name)
        finally:
            os.chdir(here)


def _link(target: str) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    return plant


def _folders(path: Path) -> None:
    """As deep as the system allows paths to be."""
    for _ in range(900):
        path = path / "d"
    path.mkdir(parents=True)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _many(path: Path) -> None:
    path.mkdir()
    for number in range(3000):
        (path / f"{number}.yaml").write_text("x")


def _unending(path: Path) -> None:
    """A file of 64 GB that takes no room."""
    with path.open("wb") as stream:
        stream.truncate(64 << 30)


SPECIAL: Mapping[str, tuple[str, Callable[[Path], object]]] = {
    "pipe-as-rule": ("evil.yaml", _pipe),
    "pipe-as-head": ("rulebook.yaml", _pipe),
    "pipe-as-phrases": ("phrases.yaml", _pipe),
    "socket-as-rule": ("evil.yaml", _socket),
    "link-to-dev-zero": ("evil.yaml", _link("/dev/zero")),
    "link-to-dev-zero-as-head": ("rulebook.yaml", _link("/dev/zero")),
    "link-to-dev-stdin": ("evil.yaml", _link("/dev/stdin")),
    "link-to-etc-passwd": ("evil.yaml", _link("/etc/passwd")),
    "link-to-nothing": ("evil.yaml", _link("nothing")),
    "link-to-itself": ("evil.yaml", _link("evil.yaml")),
    "link-to-the-folder": ("loop", _link(".")),
    "link-to-the-root": ("all.yaml", _link("/")),
    "link-of-a-long-name": ("long.yaml", _link("a" * 300)),
    "folder-as-rule": ("evil.yaml", lambda path: path.mkdir()),
    "folder-as-head": ("rulebook.yaml", _folder),
    "folders-deep": ("d", _folders),
    "files-3000": ("many", _many),
    "file-of-64-gb": ("evil.yaml", _unending),
    "other-ending": ("evil.yml", lambda path: path.write_text("x")),
}  # fmt: skip
"""What is planted in the folder, under which name."""

HARMLESS = {"folder-as-rule", "byte-order-marks", "lists-of-lists-9x9"}
"""No fault: a folder of that name is like others, marks are no text, and a list holds each phrase once."""

NAMES = (*RULES, *LISTS, *HEADS, *SPECIAL)


def write_hostile(name: str, folder: Path) -> Path:
    """One of the rulebooks, written to a folder."""
    write_book(folder, {"good": RULE.replace("id: evil", "id: good")}, PHRASES, HEADS.get(name, HEAD))
    if name in RULES:
        (folder / "evil.yaml").write_text(RULES[name], encoding="utf-8")
    elif name in LISTS:
        (folder / "phrases-evil.yaml").write_text(LISTS[name], encoding="utf-8")
    elif name in SPECIAL:
        file, plant = SPECIAL[name]
        plant(folder / file)
    return folder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of loading a rulebook: "loaded", "faults" (then `text` tells them), "hang", or how it ended badly."""

    kind: str
    text: str
    took_s: float
    peak_mb: float

    @property
    def held(self) -> bool:
        return self.kind in ("loaded", "faults")


def looked_at(folder: Path, limit_s: float = 30, limit_mb: int = 500) -> Outcome:
    """Load a rulebook, and run its cases if it has no faults, in a child that may die or be stopped."""
    began = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _in_child(folder, writing, limit_mb)
    os.close(writing)
    told = b""
    while (left := limit_s - (time.monotonic() - began)) > 0:
        if select.select([reading], [], [], left)[0]:
            if not (piece := os.read(reading, 1 << 16)):
                break
            told += piece
    else:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status, usage = os.wait4(child, 0)
    took_s, peak_mb = time.monotonic() - began, usage.ru_maxrss / 1024
    if not told:
        end = os.waitstatus_to_exitcode(status)
        return Outcome("hang" if took_s >= limit_s else f"ended with {end}", "", took_s, peak_mb)
    kind, text = json.loads(told)
    return Outcome(kind, text, took_s, peak_mb)


def _in_child(folder: Path, writing: int, limit_mb: int) -> None:
    size_kb = next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmSize")
    )
    limit = (size_kb << 10) + (limit_mb << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        kind, text = "loaded", ""
        try:
            run_cases(load_rulebook(folder))
        except BadRule as error:
            kind, text = "faults", f"{error}\n{error.in_language('zh')}"
        except BaseException as error:
            kind = f"ended by {type(error).__name__}"
        with os.fdopen(writing, "w") as stream:
            stream.write(json.dumps((kind, text)))
    finally:
        os._exit(0)
