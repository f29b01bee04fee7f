"""``callqa rules try`` and ``callqa rules sample``: what phrase lists find, and what they stand for."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli.root import command
from flows.cli.rules import rules_app
from flows.language import LANGUAGE, say
from flows.options import Json, read_settings
from pipeline.errors import CallQAError
from pipeline.messages import Message, shown_text

if TYPE_CHECKING:
    from pipeline.judging.phrases import Phrases
    from pipeline.judging.tried import LineMatch, ListTried, TriedSentence

Book = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help=say("A rulebook folder, instead of the one of the settings.")),
]


@command(
    rules_app,
    "try",
    say(
        "Which phrase lists a sentence matches, by which line and why: by its spelling or by its sound (what was "
        "heard, what was meant), and which exception takes it back; then the verdicts that it alone would change. "
        "Where none matches, the nearest lines are told. "
        "The files count as they stand, published or not."
    ),
    ('rules try "我要退款"', say("by the rulebook for Chinese")),
    ('rules try "I want my money back" --by customer', say("only what rules look for in the customer's words")),
    ('rules try "我要退款" --book rules/hotline-zh', say("by the rulebook you are editing")),
)
def rules_try(
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help=say("What somebody says, in quotation marks."))],
    book: Book = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="agent|customer", help=say("Only lists that rules look for in this side's words.")),
    ] = None,
    json_output: Json = False,
) -> None:
    from flows.console import print_json
    from pipeline.judging.loader import load_rulebook
    from pipeline.judging.tried import has_words, language_of, try_sentence

    if by not in (None, "agent", "customer"):
        raise typer.BadParameter(say("choose agent or customer"), param_hint="--by")
    side: Literal["agent", "customer"] | None = by  # type: ignore[assignment]
    rulebook = load_rulebook(book or _folder_for(language_of(sentence)))
    if not has_words(sentence, rulebook.language):
        raise CallQAError(Message("the sentence has no word in it; write what somebody says"))
    tried = try_sentence(sentence, rulebook, side)
    if json_output:
        told = {"sentence": sentence, "rulebook": rulebook.name, "language": rulebook.language, **asdict(tried)}
        print_json(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for text in _report(tried):
        print(shown_text(text))


def _folder_for(language: str) -> Path:
    folders = read_settings().paths.rulebooks
    if language not in folders:
        raise CallQAError(Message("there is no rulebook for {language}", language=language))
    return folders[language]


def _report(tried: TriedSentence) -> Iterator[str]:
    told: dict[tuple[LineMatch, ...], str] = {}
    for listed in tried.lists:
        yield _heading(listed)
        if listed.lines in told:
            yield "  " + say("the same as {list}", list=told[listed.lines])
            continue
        told.setdefault(listed.lines, f"${listed.name}" if listed.name else listed.title)
        for line in listed.lines:
            yield "  " + _told(line)
            for exception in line.taken_back_by:
                yield "    " + say("taken back by an exception: {what}", what=_told(exception))
    for act in tried.acts:
        text = say("does {act} ({title})", act=act.name, title=act.title)
        yield say("{list} (used by {rules})", list=text, rules=", ".join(act.rules)) if act.rules else text
    yield from _verdicts(tried)
    if tried.lists:
        return
    yield say("No list matches this sentence.")
    if tried.nearest:
        yield say("The nearest lines:")
    for near in tried.nearest:
        yield "  " + (f"${near.name}  {near.line}" if near.name else near.line)


def _verdicts(tried: TriedSentence) -> Iterator[str]:
    """What would follow if this were all that one side says."""
    from flows.console import outcome_name, role_name

    for side in ("agent", "customer"):
        told = [f"{one.rule} {outcome_name(one.outcome)}" for one in tried.verdicts if one.by == side]
        if told:
            yield say(
                "said by the {side} and nothing else: {verdicts}",
                side=role_name(side).lower(),
                verdicts=", ".join(told),
            )
    if (tried.lists or tried.acts) and not tried.verdicts:
        yield say("by itself it changes no verdict")


def _heading(listed: ListTried) -> str:
    if not listed.name:
        return say("in {rule}, written there", rule=listed.title)
    title = listed.title if listed.title != listed.name else ""
    text = " ".join(filter(None, (f"${listed.name}", title)))
    if not listed.holds:
        text = say("{list}: taken back", list=text)
    return say("{list} (used by {rules})", list=text, rules=", ".join(listed.rules)) if listed.rules else text


def _told(line: LineMatch) -> str:
    text = f"{line.place}: {line.line}" if line.place else line.line
    if line.how == "sound":
        return say("{line}: “{heard}” sounds like “{meant}”", line=text, heard=line.heard, meant=line.meant)
    if line.how == "pattern":
        return say("{line}: “{heard}”, by a regular expression", line=text, heard=line.heard)
    return say("{line}: “{heard}”, as written", line=text, heard=line.heard)


@command(
    rules_app,
    "sample",
    say(
        "Print sentences that a phrase list stands for, drawn at random: to see what it says, and a bracket in the "
        "wrong place. An ellipsis is a gap; regular expressions are left out."
    ),
    ("rules sample '$apology'", say("twenty sentences")),
    ("rules sample apology -n 100 --book rules/hotline-zh", say("a hundred, of the rulebook you are editing")),
)
def rules_sample(
    name: Annotated[
        str, typer.Argument(metavar="LIST", help=say("A phrase list's name; in single quotes where it begins with $."))
    ],
    count: Annotated[int, typer.Option("-n", metavar="N", min=1, max=10_000, help=say("How many."))] = 20,
    book: Book = None,
) -> None:
    from flows.console import err
    from pipeline.judging.phrases import Pattern
    from pipeline.judging.tried import sample_list

    listed = _list_named(name.removeprefix("$"), book)
    for sentence in sample_list(listed, count, random.Random()):
        print(shown_text(sentence))
    if patterns := sum(isinstance(item.what, Pattern) for item in listed.items):
        err.print(say("Regular expressions left out: {count}.", count=patterns))


def _list_named(name: str, book: Path | None) -> Phrases:
    """The list of a rulebook; without one, of those of the settings that has it, this language's first."""
    from pipeline.judging.loader import load_rulebook
    from pipeline.validation import did_you_mean

    own = read_settings().paths.rulebooks
    folders = [book] if book else [own[key] for key in sorted(own, key=lambda language: language != LANGUAGE)]
    known: list[str] = []
    for folder in folders:
        lists = load_rulebook(folder).phrase_lists
        if name in lists:
            return lists[name]
        known += lists
    hint = did_you_mean(name, known, "$")
    raise CallQAError(Message("no phrase list {name}{hint}; lists live in phrases.yaml", name=f"${name}", hint=hint))
