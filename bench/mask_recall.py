"""How much of what must not be shown is found, and how much else is hidden with it.

    python bench/mask_recall.py [--seed 1] [--count 300] [--missed recall|words] [--everyday]

Seeded calls (`tests/support/told_numbers.py`): a number counts as found when all of its digits are hidden wherever they
stand, read back and corrected too. Other words: Han characters and Latin words outside the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.datatypes import Call
from pipeline.language.text import HAN
from pipeline.masks import hide
from pipeline.privacy.masking import masks_of
from pipeline.settings import Settings
from tests.support.told_numbers import ToldNumberCall, marked_call, told_number_call

WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+(?:['’][a-z]+)?")
PHONE = re.compile(
    r"(?<!\d)(?:\(?0\d{2,3}\)?[- ]?\d{7,8}|1[3-9]\d{9}|"
    r"(?:\+?1[- ])?\(?\d{3}\)?[- ]\d{3}[- ]\d{4}|400-?\d{3}-?\d{4})(?!\d)"
)


def hidden_texts(call: Call) -> dict[int, set[int]]:
    """The hidden characters of each turn."""
    found: dict[int, set[int]] = {}
    for mask in masks_of(call, None, Settings().privacy):
        found.setdefault(mask.turn, set()).update(range(mask.start, mask.end))
    return found


def words(told: ToldNumberCall, hidden: dict[int, set[int]]) -> tuple[int, int]:
    """Other words of a call, and how many of them are hidden."""
    truth: dict[int, set[int]] = {}
    for turn, start, end in told.hidden:
        truth.setdefault(turn, set()).update(range(start, end))
    total = masked = 0
    for turn in told.call.turns:
        for match in WORD.finditer(turn.text):
            places = set(range(*match.span()))
            if not places & truth.get(turn.index, set()):
                total += 1
                masked += bool(places & hidden.get(turn.index, set()))
    return total, masked


def is_found(told: ToldNumberCall, hidden: dict[int, set[int]]) -> tuple[bool, float]:
    """Whether every digit is hidden, and the share that is."""
    wanted = [
        (turn, at)
        for turn, start, end in told.hidden
        for at in range(start, end)
        if told.call.turns[turn].text[at].isalnum()
    ]
    got = sum(at in hidden.get(turn, set()) for turn, at in wanted)
    return got == len(wanted), got / len(wanted)


def show(told: ToldNumberCall, hidden: dict[int, set[int]]) -> None:
    print(f"--- {told.kind} / {told.way}")
    for turn in told.call.turns:
        shown = hide(turn.text, [(at, at + 1) for at in hidden.get(turn.index, ())])
        if any(turn.index == number for number, _, _ in told.hidden) or shown != turn.text:
            print(f"  {turn.speaker} {turn.text}\n    {shown}")


def seeded(seed: int, count: int, missed: str) -> None:
    for language in ("zh", "en"):
        kinds: Counter[str] = Counter()
        found: Counter[str] = Counter()
        partial: list[float] = []
        total = masked = 0
        took_s = 0.0
        for number in range(count):
            told = told_number_call(seed * 100_000 + number, language)
            hidden_texts(told.call)  # once before: tables are read, sounds of characters looked up
            began = time.process_time()
            hidden = hidden_texts(told.call)
            took_s += time.process_time() - began
            whole, share = is_found(told, hidden)
            others, wrong = words(told, hidden)
            total, masked = total + others, masked + wrong
            for name in (told.kind, f"way: {told.way}", "all"):
                kinds[name] += 1
                found[name] += whole
            if not whole:
                partial.append(share)
            if (missed == "recall" and not whole) or (missed == "words" and wrong):
                show(told, hidden)
        print(f"{language}: {count} numbers, seed {seed}; {1000 * took_s / count:.2f} ms a call")
        for name in sorted(kinds):
            print(f"  {name:<18} {found[name]:4} of {kinds[name]:4}  {found[name] / kinds[name]:.3f}")
        print(f"  not whole: {len(partial)}, of whose digits hidden {sum(partial) / max(1, len(partial)):.2f}")
        print(f"  other words hidden {masked} of {total}: {100 * masked / total:.2f} %")


def everyday(missed: str) -> None:
    shared = Path(os.environ.get("CALLQA_SHARED", "../shared"))
    for language in ("zh", "en"):
        total = masked = 0
        took_s, calls = 0.0, 0
        for line in (shared / "everyday" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines():
            turns = [
                ("A" if who == "agent" else "C", text)
                for turn in json.loads(line)["turns"]
                for who, text in turn.items()
            ]
            told = with_written_numbers(turns, language)
            hidden_texts(told.call)  # once before: tables are read, sounds of characters looked up
            began = time.process_time()
            hidden = hidden_texts(told.call)
            took_s, calls = took_s + time.process_time() - began, calls + 1
            others, wrong = words(told, hidden)
            total, masked = total + others, masked + wrong
            if missed and wrong:
                show(told, hidden)
        print(
            f"everyday {language}: other words hidden {masked} of {total}: {100 * masked / total:.3f} %; "
            f"{1000 * took_s / calls:.2f} ms a call"
        )


def with_written_numbers(turns: list[tuple[str, str]], language: str) -> ToldNumberCall:
    """A dialogue in which the telephone numbers that are written out are to be hidden."""
    return marked_call([(who, PHONE.sub(lambda found: f"⟦{found[0]}⟧", text)) for who, text in turns], language)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--missed", choices=("recall", "words"), default="")
    parser.add_argument("--everyday", action="store_true")
    args = parser.parse_args()
    if args.everyday:
        everyday(args.missed)
    else:
        seeded(args.seed, args.count, args.missed)
