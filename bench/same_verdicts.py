"""Whether a change of the code changes what is judged: writes down all of it, and compares two such files.

    python bench/same_verdicts.py dump before.json --home HOME      # at the old commit
    python bench/same_verdicts.py dump after.json --home HOME       # at the new one
    python bench/same_verdicts.py dump calls.json --generated 200   # generated calls too, badly heard ones among them
    python bench/same_verdicts.py compare before.json after.json

A dump holds, for every case of every rule and for every call whose transcript lies in the home, outcome, evidence,
grounds, reason and points; for the calls also turns, roles, silences, overlaps, line events, hang-up, facts and score.
Rules are those of the checkout. The home is only read. Exit status 1 when two dumps differ.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from bench.judge_speed import generate
from pipeline.datatypes import Call, Evidence, Transcript, Verdict
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.run import judge
from pipeline.settings import load_settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from tests.support.faulty_calls import faulty

SHOWN = 20
"""Differences printed one by one; the rest are counted."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    dump = commands.add_parser("dump", help="write down all verdicts")
    dump.add_argument("file", type=Path)
    dump.add_argument("--home", type=Path, help="a home whose transcripts are judged; without it cases alone are")
    dump.add_argument("--generated", type=int, default=0, help="so many generated calls of each rulebook as well")
    compare = commands.add_parser("compare", help="tell what differs between two dumps")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    options = parser.parse_args()
    if options.command == "dump":
        found = dict(everything(options.home, options.generated))
        options.file.write_text(json.dumps(found, ensure_ascii=False, sort_keys=True, indent=1), encoding="utf-8")
        print(f"{options.file}: {len(found)} items")
        return 0
    return differences(json.loads(options.before.read_text()), json.loads(options.after.read_text()))


def everything(home: Path | None, generated: int) -> Iterator[tuple[str, Any]]:
    rulebooks = {book.language: book for book in map(load_rulebook, sorted((CHECKOUT / "rules").glob("hotline-*")))}
    for book in rulebooks.values():
        yield from cases(book)
        draw = random.Random(4)
        for number, call in enumerate(generate(book, generated, seed=2)):
            card = judge_call(faulty(call, draw), book)
            yield f"{book.name} generated {number} score", [card.score, card.coverage, card.fatal]
            for verdict in card.verdicts:
                yield f"{book.name} generated {number} {verdict.rule_id}", verdict_of(verdict) | {"all": repr(verdict)}
    if home is not None:
        yield from calls(home, rulebooks)


def cases(book: Rulebook) -> Iterator[tuple[str, Any]]:
    for rule in book.rules:
        for number, case in enumerate(rule.cases, 1):
            call = replace(call_from_script(case.call, book.language), language=book.language)
            card = judge_call(call, book.only([rule.id]))
            yield f"{book.name}/{rule.id}/{number}", verdict_of(card.verdicts[0]) if card.verdicts else None


def calls(folder: Path, rulebooks: dict[str, Rulebook]) -> Iterator[tuple[str, Any]]:
    home, settings = Home(folder), load_settings()
    for record in home.recording_records():
        for path in sorted(home.transcript(record.sha256, "").parent.glob(f"{record.sha256}.*.json.*")):
            judged = judge(artefacts.read(path, Transcript), record.cdr, rulebooks, settings)
            key = f"{Path(record.paths[0]).name} {path.name.split('.')[1]}"
            yield f"{key} call", call_of(judged.call)
            if judged.scorecard is not None:
                yield f"{key} score", [judged.scorecard.score, judged.scorecard.coverage, judged.scorecard.fatal]
                for verdict in judged.scorecard.verdicts:
                    yield f"{key} {verdict.rule_id}", verdict_of(verdict)


def call_of(call: Call) -> Any:
    return {
        "turns": [[turn.speaker, asdict(turn.span), turn.text] for turn in call.turns],
        "roles": asdict(call.roles),
        "voiced": {role: [asdict(span) for span in spans] for role, spans in call.voiced.items()},
        "silences": [asdict(silence) for silence in call.silences],
        "overlaps": [asdict(overlap) for overlap in call.overlaps],
        "events": [asdict(event) for event in call.events],
        "hang-up": asdict(call.hang_up),
        "facts": asdict(call.facts),
        "levels": {role: list(levels) for role, levels in call.levels_dbfs.items()},
    }


def verdict_of(verdict: Verdict) -> Any:
    return {
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "occurrences": verdict.occurrences,
        "deducted": verdict.deducted,
        "evidence": [evidence_of(item) for item in verdict.evidence],
        "grounds": [evidence_of(item) for item in verdict.grounds],
    }


def evidence_of(item: Evidence) -> Any:
    return [item.turn, [item.span.start_s, item.span.end_s] if item.span else None, item.matched, item.reason]


def differences(before: dict[str, Any], after: dict[str, Any]) -> int:
    differ = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    for key in differ[:SHOWN]:
        print(key)
        for path, old, new in parts(before.get(key), after.get(key)):
            print(f"   {path}: {old!r} → {new!r}")
    print(f"{len(differ)} of {len(before.keys() | after.keys())} items differ")
    return 1 if differ else 0


def parts(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The smallest parts in which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from parts(old.get(key), new.get(key), f"{path}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from parts(left, right, f"{path}/{index}")
    elif old != new:
        yield path or "/", old, new


if __name__ == "__main__":
    raise SystemExit(main())
