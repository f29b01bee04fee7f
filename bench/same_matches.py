"""Whether a change of the code changes what lists match: writes down all of it, and compares two such files.

    python bench/same_matches.py dump before.json                       # at the old commit
    python bench/same_matches.py dump after.json --rules OLD/rules      # at the new one, with the old one's rules
    python bench/same_matches.py compare before.json after.json
    python bench/same_matches.py show zh/greeting/3 thanks              # one list in one call, in full

A dump holds, for every case and every dialogue of $CALLQA_SHARED/everyday, a hash of every match (place, cost, phrase,
line) of every list, and of every pattern, of the rulebooks. Exit status 1 when two dumps differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.datatypes import Call
from pipeline.judging.conditions.speech import Said
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.loader import load_rulebook
from pipeline.judging.matches import CallMatches
from pipeline.judging.notation import Script, ScriptTurn, call_from_script, script_call
from pipeline.judging.phrases import Pattern, Phrases
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.token_index import index_call
from pipeline.timeline import Span

SHARED = Path(os.environ.get("CALLQA_SHARED", CHECKOUT.parent / "shared"))
SHOWN = 20
TURN_S = 5.0

Asked = dict[str, Phrases | Pattern]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    dump = commands.add_parser("dump", help="write down all matches")
    dump.add_argument("file", type=Path)
    compare = commands.add_parser("compare", help="tell what differs between two dumps")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    show = commands.add_parser("show", help="print the matches of one list in one call")
    show.add_argument("call")
    show.add_argument("list")
    for command in (dump, show):
        command.add_argument("--rules", type=Path, default=CHECKOUT / "rules")
        command.add_argument("--every", type=int, default=1, help="one of so many calls")
    options = parser.parse_args()
    if options.command == "compare":
        return differences(json.loads(options.before.read_text()), json.loads(options.after.read_text()))
    found: dict[str, dict[str, str]] = {}
    for folder in sorted(options.rules.glob("hotline-*")):
        book = load_rulebook(folder)
        asked = everything(book)
        lexicon = Lexicon(
            book.language,
            [listed for listed in asked.values() if isinstance(listed, Phrases)],
            [pattern for pattern in asked.values() if isinstance(pattern, Pattern)],
        )
        for number, (key, call) in enumerate(calls(book)):
            if not call.turns:
                continue
            if options.command == "show" and key == options.call:
                matches = CallMatches(index_call(call, book.language), lexicon)
                print(*places(matches, asked[options.list]), sep="\n")
            elif options.command == "dump" and number % options.every == 0:
                matches = CallMatches(index_call(call, book.language), lexicon)
                all_places = {name: places(matches, one) for name, one in asked.items()}
                found[key] = {name: short(each) for name, each in all_places.items() if each}
    if options.command == "dump":
        options.file.write_text(json.dumps(found), encoding="utf-8")
        print(f"{options.file}: {len(found)} calls, {sum(map(len, found.values()))} lists found in them")
    return 0


def everything(book: Rulebook) -> Asked:
    """The named lists, those that stand in conditions, and the patterns."""
    asked: Asked = dict(book.phrase_lists)
    nodes = [(rule.id, node) for rule in book.rules for node in rule.walk()]
    nodes += [(name, node) for name, scenario in book.scenarios.items() for node in scenario.walk()]
    for number, (name, node) in enumerate(nodes):
        for place, listed in enumerate(node.condition.phrase_lists):
            asked[f"{name}/{number}/{place}"] = listed
        if isinstance(node.condition, Said) and node.condition.pattern is not None:
            asked[f"{name}/{number}/pattern"] = node.condition.pattern
    return asked


def calls(book: Rulebook) -> Iterator[tuple[str, Call]]:
    for rule in book.rules:
        for number, case in enumerate(rule.cases, 1):
            yield f"{book.language}/{rule.id}/{number}", call_from_script(case.call, book.language)
    dialogues = SHARED / "everyday" / f"{book.language}.jsonl"
    for line in dialogues.read_text(encoding="utf-8").splitlines() if dialogues.exists() else ():
        dialogue = json.loads(line)
        said = [(side, text) for turn in dialogue["turns"] for side, text in turn.items()]
        turns = (
            ScriptTurn(side, Span(number * TURN_S, (number + 1) * TURN_S), " ".join(text.split()))
            for number, (side, text) in enumerate(said)
        )
        yield f"{book.language}/{dialogue['id']}", script_call(Script(tuple(turns)), book.language)


def places(matches: CallMatches, asked: Phrases | Pattern) -> list[tuple[object, ...]]:
    found = matches.pattern(asked) if isinstance(asked, Pattern) else matches.of(asked).everywhere()
    return [tuple(each) for each in found]


def short(found: list[tuple[object, ...]]) -> str:
    return hashlib.sha256(repr(found).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def differences(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> int:
    differ = [
        f"{call} {name}"
        for call in sorted(before.keys() | after.keys())
        for name in sorted(before.get(call, {}).keys() | after.get(call, {}).keys())
        if before.get(call, {}).get(name) != after.get(call, {}).get(name)
    ]
    print(*differ[:SHOWN], sep="\n")
    print(f"{len(differ)} of {sum(map(len, before.values()))} lists in {len(before)} calls differ")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
