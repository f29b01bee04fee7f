"""Rule files of the checkout changed at random, loaded and tested one by one: each is read or refused, none does harm.

    python bench/hostile_rules.py --count 300 --seed 1     # and all of tests/support/hostile_rules.py before

Every file is loaded in a child of its own, with a limit of time and memory. Exit status 1 when one hangs, ends the
process, or ends in anything but faults.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.judging.loader import load_rulebook
from tests.support.hostile_rules import HARMLESS, HEAD, NAMES, PHRASES, looked_at, write_hostile
from tests.support.rulebooks import write_book

PIECES = [
    b"&a ", b"*a", b"<<: *a", b"[", b"]", b"{", b"}", b": ", b"- ", b"\n", b"'", b'"', b"|\n", b"? ", b"as: x, ", b"\\",
    b"!!python/name:os.system ", b"\x00", b"\xff", b"\xe2\x80\xae", b"\x1b[2J", b"9" * 30, b"$", b"~", b"null",
    b"1e999", b".inf", b"/", b"#", b"%",
]  # fmt: skip


def flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] = chance.randrange(256)


def insert(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        data[at:at] = chance.choice(PIECES) * chance.choice((1, 1, 1, 3, 200))


def cut(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randint(1, max(1, len(data) // 4))]


def repeat(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.randint(1, 200)] * chance.choice((2, 20, 2000))


def swap_lines(data: bytearray, chance: random.Random) -> None:
    lines = bytes(data).split(b"\n")
    chance.shuffle(lines) if chance.random() < 0.3 else lines.insert(0, lines.pop(chance.randrange(len(lines))))
    data[:] = b"\n".join(lines)


def swap_values(data: bytearray, chance: random.Random) -> None:
    """A value takes another's place."""
    lines = [line.split(b": ", 1) for line in bytes(data).split(b"\n")]
    full = [line for line in lines if len(line) == 2]
    for _ in range(min(3, len(full) // 2)):
        one, other = chance.sample(full, 2)
        one[1], other[1] = other[1], one[1]
    data[:] = b"\n".join(b": ".join(line) for line in lines)


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (flip, insert, cut, repeat, swap_lines, swap_values)


def mutate(language: str, folder: Path, chance: random.Random) -> str:
    """A copy of a rulebook's head, lists and a few rules, one file of which is changed; what was done to which."""
    source = CHECKOUT / "rules" / f"hotline-{language}"
    rules = [file for file in sorted(source.glob("*.yaml")) if not file.name.startswith(("phrases", "rulebook"))]
    files = [*sorted(source.glob("phrases*.yaml")), source / "rulebook.yaml", *chance.sample(rules, 2)]
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)
    file = folder / chance.choice(files[-2:] if chance.random() < 0.7 else files).name
    data = bytearray(file.read_bytes())
    done = [chance.choice(MUTATIONS) for _ in range(chance.randint(1, 3))]
    for change in done:
        change(data, chance) if data else None
    file.write_bytes(data)
    return f"{file.name} {'+'.join(change.__name__ for change in done)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="mutations (default 300)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (default 1)")
    parser.add_argument("--keep", type=Path, help="folder for what got through")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    counts: Counter[str] = Counter()
    through = 0
    slowest_s = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        # what loading needs is there before the children are
        load_rulebook(CHECKOUT / "rules" / "hotline-zh")
        load_rulebook(write_book(Path(temporary) / "warm", {"good": _rule()}, PHRASES, HEAD))
        for number in range(len(NAMES) + options.count):
            folder = Path(temporary) / str(number)
            named = number < len(NAMES)
            what = NAMES[number] if named else mutate(chance.choice(("zh", "en")), folder, chance)
            if named:
                write_hostile(what, folder)
            outcome = looked_at(folder, 60)
            counts[outcome.kind] += 1
            slowest_s = max(slowest_s, outcome.took_s)
            unforeseen = "cannot be read (" in outcome.text
            if not outcome.held or unforeseen or (named and outcome.kind == "loaded" and what not in HARMLESS):
                through += 1
                print(f"{number} {what}: {outcome.kind} {outcome.text[:300] if unforeseen else ''}")
                if options.keep:
                    shutil.copytree(folder, options.keep / str(number), symlinks=True)
            shutil.rmtree(folder, ignore_errors=True)
    print(f"seed {options.seed}: {len(NAMES)} written, {options.count} mutated: {dict(counts)}")
    print(f"got through: {through}; slowest {slowest_s:.1f} s")
    return 1 if through else 0


def _rule() -> str:
    from tests.support.hostile_rules import RULE

    return RULE


if __name__ == "__main__":
    sys.exit(main())
