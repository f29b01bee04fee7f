"""``callqa rules cases``: cases that reviewed verdicts were made into, to read and to put into a rulebook."""

from __future__ import annotations

import getpass
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.root import command
from flows.cli.rules import rules_app
from flows.language import say
from flows.options import Json, read_settings
from pipeline.errors import CallQAError
from pipeline.messages import Message, shown_lines, shown_text
from pipeline.storage import audit
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from pipeline.reviews.case_proposals import CaseProposal


@command(
    rules_app,
    "cases",
    say("Cases that the desk made of reviewed verdicts; numbers and names in them are invented."),
    ("rules cases", say("all that wait")),
    ("rules cases --rule greeting", say("of one rule")),
    ("rules cases --append rules/hotline-zh --id 12", say("put one into its rule's file")),
    ("rules cases --drop --id 12", say("never ask again")),
)
def rules_cases(
    rule: Annotated[str | None, typer.Option(metavar="RULE", help=say("Only this rule's."))] = None,
    append: Annotated[
        Path | None, typer.Option(metavar="DIR", help=say("Append them to the rules of this rulebook folder."))
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help=say("Drop them."))] = False,
    number: Annotated[
        list[int] | None, typer.Option("--id", metavar="N", help=say("Only those of these numbers."))
    ] = None,
    json_output: Json = False,
) -> None:
    from pipeline.reviews.case_proposals import close_proposal, open_proposals
    from pipeline.reviews.store import Reviews

    home = Home(read_settings().paths.home)
    file = Reviews(home).file
    proposals = [each for each in open_proposals(file, rule) if number is None or each.id in number]
    if json_output:
        audit.record(home, "show", what="proposed cases", calls=[each.sha256 for each in proposals])
        print(json.dumps([asdict(each) for each in proposals], ensure_ascii=False, indent=2))
        return
    if (append is not None or drop) and not (number or rule):
        raise CallQAError(Message("say which: --id or --rule"))
    if append is not None:
        _append(proposals, append)
    elif not drop:
        audit.record(home, "show", what="proposed cases", calls=[each.sha256 for each in proposals])
        for each in proposals:
            print(shown_text(_heading(each)))
            print(shown_lines(each.text))
        print(say("{count} cases wait", count=len(proposals)))
        return
    for each in proposals:
        close_proposal(file, each.id, getpass.getuser(), "dropped" if drop else "appended", time.time())


def _heading(each: CaseProposal) -> str:
    from flows.console import outcome_name

    told = say(
        "# {number} {rule}: the machine said {machine}, right is {verdict}", number=each.id, rule=each.rule_id,
        machine=outcome_name(each.machine), verdict=outcome_name(each.verdict),
    )  # fmt: skip
    if each.faithful:
        return told
    return told + say(
        "; of the case the rule says {found}, not what it said of the call", found=outcome_name(each.found)
    )


def _append(proposals: list[CaseProposal], folder: Path) -> None:
    from pipeline.judging.case_files import append_case
    from pipeline.judging.loader import load_rulebook

    book = load_rulebook(folder)
    for each in proposals:
        if each.language != book.language:
            continue
        file = append_case(book, each.rule_id, each.text)
        print(shown_text(say("{file}: one more case", file=file)))
