"""``callqa rules``: what rule authors do — test, lint, explain, replay a draft, publish it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from flows.cli.evaluate import write_output
from flows.cli.root import app, command, group
from flows.exit_status import FAILED
from flows.language import LANGUAGE, localised, say
from flows.options import Json, RulebookFolder, RulebookFolders, read_settings, stored_call
from pipeline.errors import BadRule, BadSetting, CallQAError
from pipeline.messages import Message, shown_lines, shown_text
from pipeline.storage import audit
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from pipeline.judging.rulebook import Rulebook

rules_app = group(say("Rulebooks: test, lint, explain, replay a draft, publish. How to write rules: rules/README.md."))
app.add_typer(rules_app, name="rules")


def _folders(books: list[Path] | None) -> list[Path]:
    return books or list(read_settings().paths.rulebooks.values())


@command(
    rules_app,
    "test",
    say("Run the cases that rules carry."),
    ("rules test", say("all")),
    ("rules test rules/hotline-zh", say("one rulebook")),
    ("rules test rules/hotline-zh/greeting.yaml", say("one rule")),
)
def rules_test(
    books: Annotated[
        list[Path] | None,
        typer.Argument(metavar="BOOK", help=say("Rulebook folders, or files of rules; otherwise all of the settings.")),
    ] = None,
) -> None:
    from flows.console import outcome_name
    from pipeline.judging.verdicts import run_cases

    failed = 0
    for folder in _folders(books):
        results = run_cases(_book_or_rule(folder))
        bad = [result for result in results if not result.ok]
        failed += len(bad)
        for result in bad:
            what = say(
                "{expected} expected, {found} found",
                expected=outcome_name(result.expected),
                found=outcome_name(result.found),
            )
            note = f" ({result.note})" if result.note else ""
            why = say(": {reason}", reason=localised(result.reason)) if result.reason else ""
            print(shown_text(f"{result.file}:{result.line}: {result.rule_id}: {what}{note}{why}"))
        print(say("{folder}: {cases} cases, {failed} failed", folder=folder, cases=len(results), failed=len(bad)))
    if failed:
        raise typer.Exit(FAILED)


def _book_or_rule(path: Path) -> Rulebook:
    """A rulebook, or with the name of one rule's file the rulebook with that rule alone. Raises BadRule."""
    from pipeline.judging.loader import book_around, load_rulebook

    folder = book_around(path) if path.is_file() else None
    if folder is None:
        return load_rulebook(path)
    book = load_rulebook(folder)
    rules = [rule.id for rule in book.rules if rule.file.absolute() == path.absolute()]
    if not rules:
        message = Message("{file}: no rule's file; name one, or the folder {folder}", file=path, folder=folder)
        raise CallQAError(message)
    return book.only(rules)


@command(rules_app, "lint", say("Check rulebooks; all faults are listed at once."), ("rules lint", say("all")))
def rules_lint(books: RulebookFolders = None) -> None:
    from pipeline.judging.list_style import LONGEST_LINE, long_lines, regexes_in
    from pipeline.judging.loader import load_rulebook
    from pipeline.judging.sayings import to_learn

    bad = False
    for folder in _folders(books):
        try:
            book = load_rulebook(folder)
        except BadRule as error:
            bad = True
            print(shown_lines(error.in_language(LANGUAGE)))
        else:
            told = say("{folder}: {rules} rules, no faults", folder=folder, rules=len(book.rules))
            print(told + say("; {count} regular expressions", count=regexes_in(book)))
            for long in long_lines(folder):
                print(
                    say(
                        "warning: {file}:{line}: longer than {most} characters; write several lines ({count} such)",
                        file=long.file, line=long.first, most=LONGEST_LINE, count=long.count,
                    )
                )  # fmt: skip
            for rule in sorted(book.under_bar):
                print(say("warning: {rule} is under the rulebook's bar, so it is experimental for now", rule=rule))
            if book.remeasure:
                names = ", ".join(book.remeasure)
                print(say("warning: changed since they were measured: {names}; run callqa rules measure", names=names))
            if names := ", ".join(to_learn(book)):
                print(
                    say("warning: sayings changed since they were learnt: {names}; run callqa rules learn", names=names)
                )
            for name in book.unused_acts:
                print(shown_text(say("warning: nothing uses the condition {name} of conditions.yaml", name=name)))
    if bad:
        raise typer.Exit(FAILED)


@command(
    rules_app,
    "explain",
    say("Why a stored call was judged so: the conditions as a tree, each with its truth, evidence and reason."),
    ("rules explain 20261116-0007 greeting", say("by the rulebook in force")),
    ("rules explain 20261116-0007 greeting --book draft", say("by a draft")),
)
def rules_explain(
    call: Annotated[
        str, typer.Argument(metavar="CALL", help=say("A stored call: its id, its file's name or its SHA-256."))
    ],
    rule: Annotated[str, typer.Argument(metavar="RULE", help=say("Id of a rule."))],
    book: Annotated[
        Path | None, typer.Option(metavar="DIR", help=say("A rulebook folder, instead of the one in force."))
    ] = None,
) -> None:
    from flows.console import print_explanation
    from flows.rulebooks import rulebooks_in_force
    from pipeline.call.build import build_call
    from pipeline.judging.loader import load_rulebook
    from pipeline.judging.verdicts import evaluation_of, explain_rule, judge_rule
    from pipeline.privacy.codes import without_codes
    from pipeline.privacy.masking import Cover, call_as_shown, masks_of
    from pipeline.validation import did_you_mean

    settings = read_settings()
    transcript, cdr, said = stored_call(call, Home(settings.paths.home))
    judged = build_call(without_codes(transcript), cdr, said)
    rulebook = load_rulebook(book) if book else rulebooks_in_force(settings).get(judged.language)
    if rulebook is None:
        raise CallQAError(Message("there is no rulebook for {language}", language=judged.language))
    if rule not in rulebook.ids:
        hint = did_you_mean(rule, rulebook.ids)
        raise CallQAError(say("{book} has no rule {rule}{hint}", book=rulebook.name, rule=rule, hint=hint))
    chosen = rulebook.rule(rule)
    evaluation = evaluation_of(judged, rulebook)
    masks = masks_of(judged, None, settings.privacy)
    cover = Cover(judged.turns, masks)
    rows = [
        replace(row, reason=cover.said(row.reason), evidence=tuple(map(cover.evidence, row.evidence)))
        for row in explain_rule(evaluation, chosen)
    ]
    print_explanation(call_as_shown(judged, masks), chosen, cover.verdict(judge_rule(evaluation, chosen)), rows)


@command(
    rules_app,
    "replay",
    say(
        "Judge every stored call by a draft and list what would change: verdicts, sentences, scores. Changes nothing, "
        "needs no audio."
    ),
    ("rules replay rules/hotline-zh", say("the rulebook you are editing")),
    ("rules replay draft --since 2026-11-01 --html changes.html", say("since a day, with a page")),
    ("rules replay draft --sample 2000", say("a first answer from 2,000 calls, then all")),
)
def rules_replay(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help=say("Folder of the draft."))],
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help=say("Only calls from this day on."))] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help=say("Write a page as well."))] = None,
    show: Annotated[int, typer.Option(min=0, help=say("Changes listed on the terminal."))] = 40,
    sample: Annotated[
        int, typer.Option(min=0, metavar="N", help=say("First answer from so many calls, with intervals; then all."))
    ] = 0,
    json_output: Json = False,
) -> None:
    from flows.cli.replay import as_json, print_replay, print_reviews, print_sample
    from flows.console import counting, print_json
    from pipeline.judging.loader import load_rulebook
    from pipeline.judging.replay import replaying, seldom_collect
    from pipeline.judging.replayed_reviews import replay_reviews
    from pipeline.results.replay_page import replay_page

    seldom_collect()
    settings = read_settings()
    book = load_rulebook(draft)
    began = _midnight(since, settings.ingest.timezone)
    home, first = Home(settings.paths.home), None
    with replaying(home, book, began) as store:
        if sample:
            first, total = store.sample(sample)
            if not json_output:
                print_sample(first, total, book)
        with counting(say("replaying")) as progress:
            replayed = store.whole(progress)
            reviewed = replay_reviews(home, book)
    if html is not None:
        audit.record(home, "export", what="replay page")
        write_output(html, replay_page(replayed, book, LANGUAGE, since))
    if json_output:
        print_json(json.dumps(as_json(replayed, reviewed, first), ensure_ascii=False, indent=2))
        return
    print_replay(replayed, book, show)
    print_reviews(reviewed, book, show)
    if html is not None:
        print(html)


def _midnight(text: str | None, zone: str) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise BadSetting(Message("--since {day}: write the day as 2026-11-01", day=text)) from error


@command(
    rules_app,
    "publish",
    say(
        "Put a rulebook in force as a version; refused while a case fails. Once a version is published, edits count "
        "only when they are published too."
    ),
    ("rules publish rules/hotline-zh", say("as the next version")),
    ("rules publish rules/hotline-zh --version 2026.2", say("as a version of your own")),
)
def rules_publish(
    book: RulebookFolder,
    version: Annotated[str | None, typer.Option(metavar="VERSION", help=say("The version."))] = None,
) -> None:
    from flows.rulebooks import publish
    from pipeline.judging.versions import in_force, publications

    settings = read_settings()
    home = Home(settings.paths.home)
    publication = publish(settings, book, version)
    if publication is None:
        now = publications(home, book)[-1].version
        print(say("{book}: nothing changed; version {version} stays in force", book=book, version=now))
        return
    audit.record(home, "rules.published", book=book.name, version=publication.version)
    print(
        say(
            "{book} is in force as version {version} ({folder}). To score stored calls by it: callqa rejudge",
            book=book,
            version=publication.version,
            folder=in_force(home, book),
        )
    )


@command(rules_app, "schema", say("Print the JSON Schema of rule files, for editors."))
def rules_schema() -> None:
    from pipeline.judging.json_schema import rule_schema

    print(json.dumps(rule_schema(), ensure_ascii=False, indent=1))


@command(rules_app, "conditions", say("Print all conditions and their parameters, as Markdown."))
def rules_conditions() -> None:
    from pipeline.judging.reference import reference

    print(reference(LANGUAGE), end="")
