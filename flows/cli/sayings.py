"""``callqa rules score``: how well a rulebook's acts are recognised in sentences that people wrote down for them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.root import command
from flows.cli.rules import rules_app
from flows.language import say
from flows.options import Json, RulebookFolder, flag
from pipeline.errors import CallQAError
from pipeline.messages import Message, shown_text
from pipeline.settings import CHECKOUT

if TYPE_CHECKING:
    from pipeline.datatypes import Call
    from pipeline.judging.conditions.base import Act
    from pipeline.judging.measured import Share
    from pipeline.judging.rulebook import Rulebook
    from pipeline.judging.scores import ActScore


@command(
    rules_app,
    "score",
    say(
        "How well the conditions of conditions.yaml are recognised: how many of the sentences in sayings/ are found, "
        "and how many near misses wrongly, with 95 % intervals; and how many turns of everyday dialogues, per thousand."
    ),
    ("rules score rules/hotline-zh", say("every condition that has sayings")),
    ("rules score rules/hotline-zh abuse --missed", say("one, with the sentences that went wrong")),
    ("rules score rules/hotline-zh --aside", say("by the sentences set aside: counts only")),
)
def rules_score(
    book: RulebookFolder,
    acts: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help=say("Conditions; otherwise all that have sayings."))
    ] = None,
    aside: Annotated[bool, flag("--aside", say("By the sentences that are set aside."))] = False,
    missed: Annotated[bool, flag("--missed", say("Also list the sentences that went wrong."))] = False,
    everyday: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=say("Everyday dialogues (JSON Lines), instead of those in $CALLQA_SHARED.")),
    ] = None,
    json_output: Json = False,
) -> None:
    from flows.console import print_json, table
    from pipeline.judging.loader import load_rulebook
    from pipeline.judging.sayings import read_sayings
    from pipeline.judging.scores import score_acts

    if aside and (missed or json_output):
        raise typer.BadParameter(say("what is set aside is only counted, never shown"), param_hint="--aside")
    rulebook = load_rulebook(book)
    chosen = chosen_acts(rulebook, acts or ())
    said = [read_sayings(book, act.name, aside) for act in chosen]
    scores = score_acts(rulebook, chosen, said, everyday_dialogues(rulebook.language, everyday))
    if json_output:
        print_json(json.dumps([asdict(score) for score in scores], ensure_ascii=False, indent=2))
        return
    columns = (
        (say("named condition"), "left"), (say("recognised"), "right"), (say("wrongly recognised"), "right"),
        (say("per 1,000 everyday turns"), "right"),
    )  # fmt: skip
    table(say("Set aside") if aside else say("Sayings"), columns, [_row(score) for score in scores])
    for score in scores if missed else ():
        _list(say("{act}: not recognised", act=score.act), score.missed)
        _list(say("{act}: wrongly recognised", act=score.act), score.mistaken)


@command(
    rules_app,
    "measure",
    say(
        "Measure a rulebook by the sentences that are set aside, and write measured.yaml: precision and recall of each "
        "condition of conditions.yaml, and of the fail of each rule that uses one. A rule under the rulebook's bar "
        "(trust in rulebook.yaml) is experimental until it passes it."
    ),
    ("rules measure rules/hotline-zh", say("writes rules/hotline-zh/measured.yaml")),
)
def rules_measure(book: RulebookFolder) -> None:
    from flows.console import table
    from pipeline.judging.loader import load_rulebook
    from pipeline.judging.measured import written
    from pipeline.judging.measuring import measure_book
    from pipeline.judging.rulebook import MEASURED_FILE
    from pipeline.storage.files import write_whole

    measures = measure_book(load_rulebook(book))
    write_whole(book / MEASURED_FILE, written(measures).encode())
    measured = load_rulebook(book)
    columns = (
        (say("rule"), "left"), (say("precision"), "right"), (say("recall"), "right"), (say("sentences"), "right"),
        ("", "left"),
    )  # fmt: skip
    rows = [
        (rule, share_text(each.precision), share_text(each.recall), str(each.n),
         say("under the bar") if rule in measured.under_bar else "")
        for rule, each in measured.measured.items()
    ]  # fmt: skip
    table(say("When a rule says fail"), columns, rows)


@command(
    rules_app,
    "learn",
    say(
        "Learn recognisers from the sentences in sayings/ that are not set aside, and write recognisers.json. What is "
        "told of each is cross-validated: what reaches the bar `very`, and what the lists find alone and with it."
    ),
    ("rules learn rules/hotline-zh", say("writes rules/hotline-zh/recognisers.json")),
)
def rules_learn(
    book: RulebookFolder,
    everyday: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=say("Everyday dialogues (JSON Lines), instead of those in $CALLQA_SHARED.")),
    ] = None,
) -> None:
    from flows.console import table
    from pipeline.judging.learning import learn, recognisers_of
    from pipeline.judging.loader import load_rulebook
    from pipeline.judging.recognisers import written_recognisers
    from pipeline.judging.rulebook import RECOGNISERS_FILE
    from pipeline.storage.files import write_whole

    rulebook = load_rulebook(book)
    daily = everyday_dialogues(rulebook.language, everyday)
    learnt = learn(rulebook, chosen_acts(rulebook, ()), daily)
    write_whole(book / RECOGNISERS_FILE, written_recognisers(recognisers_of(rulebook, learnt, daily)).encode())
    columns = [
        (heading, "right" if number else "left")
        for number, heading in enumerate((
            say("named condition"), say("very: sayings"), say("near misses"), say("cases"), say("everyday"),
            say("other acts"),
            say("fairly: sayings"), say("near misses"), say("everyday"), say("lists: sayings"), say("near misses"),
            say("lists or very: sayings"), say("near misses"),
        ))
    ]  # fmt: skip
    rows = []
    for each in learnt:
        very, fairly = each.reached["very"], each.reached["fairly"]
        shares = [*very.values(), fairly["doing"], fairly["near"], fairly["everyday"]]
        shares += [*each.listed.values(), *each.either.values()]
        rows.append([each.act, *(f"{100 * share:.1f}" for share in shares)])
    table(say("Learnt (%)"), columns, rows)


def chosen_acts(book: Rulebook, names: Sequence[str]) -> list[Act]:
    """The acts of a rulebook by their names; without names those that have sayings."""
    from pipeline.judging.sayings import acts_with_sayings
    from pipeline.validation import did_you_mean

    for name in names:
        if name not in book.acts:
            hint = did_you_mean(name, book.acts)
            raise CallQAError(
                Message(
                    "no condition {name}{hint}; conditions.yaml has {known}",
                    name=name, hint=hint, known=", ".join(book.acts),
                )
            )  # fmt: skip
    written = acts_with_sayings(book.folder)
    return [book.acts[name] for name in names] if names else [a for n, a in book.acts.items() if n in written]


def everyday_dialogues(language: str, file: Path | None) -> list[Call]:
    """Those of a file, else those that lie in the shared folder; none where there is none."""
    from pipeline.judging.scores import read_dialogues

    shared = Path(os.environ.get("CALLQA_SHARED", CHECKOUT.parent / "shared")) / "everyday" / f"{language}.jsonl"
    if file is None and not shared.exists():
        return []
    return read_dialogues(file or shared, language)


def _row(score: ActScore) -> tuple[str | None, ...]:
    daily = score.everyday
    often = None if daily is None or not daily.of else f"{1000 * daily.found / daily.of:.1f} ({daily.found}/{daily.of})"
    return score.act, share_text(score.found), share_text(score.wrong), often


def share_text(share: Share) -> str | None:
    """93/103 90 % (83–94)"""
    value, interval = share.value, share.interval
    if value is None or interval is None:
        return None
    low, high = interval
    return f"{share.found}/{share.of} {100 * value:.0f} % ({100 * low:.0f}–{100 * high:.0f})"


def _list(heading: str, sentences: Sequence[str]) -> None:
    if sentences:
        print(shown_text(f"{heading} ({len(sentences)})"))
    for sentence in sentences:
        print(shown_text(f"  {sentence}"))
