"""How many calls a second one core judges, with a whole rulebook, and whether memory stays flat.

    python bench/judge_speed.py                            # 20,000 Chinese calls
    python bench/judge_speed.py --calls 2000 --stages      # fewer, and where the time goes
    python bench/judge_speed.py --calls 200 --beside ../before    # in turns with another checkout: least of each

The calls are generated: turns drawn from all cases of the rulebook, 80 turns and about 1,200 characters (English: 700
words) each, no two alike. Only judging is timed, in seconds of the processor: a call as it is
stored goes in, a scorecard comes out.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.datatypes import Call
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import Script, ScriptTurn, parse_script, script_call
from pipeline.judging.replay import seldom_collect
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import evaluation_of, judge_call, judge_rule
from pipeline.timeline import Span

TURNS = 80
UNITS = {"zh": 1200, "en": 700}
RATE_PER_S = {"zh": 4.4, "en": 2.6}
BATCH = 500
WARM_UP = 40
"""More than the first calls of a process, which are judged the plain way (`PLAIN_CALLS` in the lexicon)."""
TURNS_BESIDE = 3


def sentences(book: Rulebook) -> dict[str, list[str]]:
    """What agents and customers say in the cases of a rulebook."""
    said: dict[str, set[str]] = {"agent": set(), "customer": set()}
    for rule in book.rules:
        for case in rule.cases:
            for turn in parse_script(case.call, book.language).turns:
                if turn.text and turn.speaker in said:
                    said[turn.speaker].add(turn.text)
    return {side: sorted(texts) for side, texts in said.items()}


def generate(book: Rulebook, count: int, seed: int = 1) -> Iterator[Call]:
    """`count` calls, the same for a seed."""
    said, draw = sentences(book), random.Random(seed)
    chinese = book.language == "zh"
    size = UNITS[book.language] / TURNS
    for _ in range(count):
        at_s, turns, done = 0.5, [], 0.0
        for number in range(TURNS):
            side = "agent" if number % 2 == 0 else "customer"
            text = draw.choice(said[side])
            # as long as the calls that are asked for: short turns where there was much before
            for _ in range(6):
                units = len(text) if chinese else len(text.split())
                if done + units <= (number + 1.5) * size:
                    break
                text = draw.choice(said[side])
            units = len(text) if chinese else len(text.split())
            done += units
            length_s = max(0.4, units / RATE_PER_S[book.language])
            turns.append(ScriptTurn("agent" if side == "agent" else "customer", Span(at_s, at_s + length_s), text))
            at_s += length_s + draw.choice((0.2, 0.4, 0.6, 1.2))
        yield script_call(Script(tuple(turns), hung_up_by="customer", hung_up_s=at_s), book.language)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--book", type=Path, default=CHECKOUT / "rules" / "hotline-zh")
    parser.add_argument("--stages", action="store_true", help="measure every rule by itself as well")
    parser.add_argument("--beside", type=Path, help="another checkout, whose own bench is run in turns with this one")
    given = parser.parse_args()
    if given.beside:
        return beside(given.beside, given.book, given.calls)
    book = load_rulebook(given.book)
    assert book.lexicon
    seldom_collect()
    # what is made once, at a rulebook's first calls, is no part of judging
    for call in generate(book, WARM_UP, seed=0):
        judge_call(call, book)
    calls = generate(book, given.calls)
    took_s, done, turns, length = 0.0, 0, 0, 0
    stages: Counter[str] = Counter()
    while batch := [call for _, call in zip(range(min(BATCH, given.calls - done)), calls, strict=False)]:
        started = time.process_time()
        for call in batch:
            judge_call(call, book)
        took_s += time.process_time() - started
        done += len(batch)
        turns += sum(len(call.turns) for call in batch)
        length += sum(len(turn.text) for call in batch for turn in call.turns)
        if given.stages:
            for call in batch:
                measure(call, book, stages)
        print(f"{done} calls, {done / took_s:.0f} a second, peak memory {peak_mb():.0f} MB", flush=True)
    print(f"{len(book.rules)} rules; {turns / done:.0f} turns, {length / done:.0f} characters a call")
    print(f"{done / took_s:.0f} calls a second a core, {1000 * took_s / done:.2f} ms a call")
    total = sum(stages.values())
    for name, seconds in stages.most_common(25):
        print(f"  {name:28} {100 * seconds / total:5.1f} %  {1000 * seconds / done:.3f} ms")
    return 0


def beside(other: Path, book: Path, calls: int) -> int:
    """Print what a call takes here and in another checkout, each with its own rulebook of that name."""
    took: dict[Path, list[float]] = {CHECKOUT: [], other.resolve(): []}
    for _ in range(TURNS_BESIDE):
        for checkout, each in took.items():
            command = [sys.executable, "bench/judge_speed.py", "--calls", str(calls), "--book", f"rules/{book.name}"]
            done = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)
            each.append(float(re.findall(r"([\d.]+) ms a call", done.stdout)[-1]))
    for checkout, each in took.items():
        least = min(each)
        print(f"{checkout.name}: {least:.2f} ms a call at least, {1000 / least:.0f} calls a second a core ({each})")
    return 0


def measure(call: Call, book: Rulebook, stages: Counter[str]) -> None:
    """Time the reading of a call and every rule on it."""
    started = time.process_time()
    evaluation = evaluation_of(call, book)
    stages["reading the call"] += time.process_time() - started
    for rule in book.rules:
        started = time.process_time()
        judge_rule(evaluation, rule)
        stages[rule.id] += time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
