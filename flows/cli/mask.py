"""``callqa mask``: what would be hidden of a text, to try masking before a night depends on it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.root import app, command
from flows.language import localised, say
from flows.options import Json, SpokenLanguage, read_settings
from pipeline.errors import CallQAError, shown
from pipeline.messages import Message
from pipeline.timeline import Span

if TYPE_CHECKING:
    from pipeline.datatypes import Call, Party
    from pipeline.masks import MaskKind

LINE_S = 6.0
"""From one line to the next, in seconds; nothing hangs on it but that each is a turn."""

LARGEST_TEXT = 10_000_000
"""Bytes of a text."""

KIND_NAMES: dict[MaskKind, Message] = {
    "card": Message("card number"),
    "id": Message("ID number"),
    "phone": Message("telephone number"),
    "account": Message("account number"),
    "plate": Message("number plate"),
    "email": Message("e-mail address"),
    "code": Message("security code"),
    "address": Message("postal address"),
    "name": Message("name of a person"),
}

_SPEAKERS: dict[str, Party] = {
    "坐席": "agent", "客服": "agent", "agent": "agent", "a": "agent",
    "客户": "customer", "customer": "customer", "c": "customer",
}  # fmt: skip
_LINE = re.compile(r"\s*(\w{1,10})\s*[:：]\s*(.*)")


@command(
    app,
    "mask",
    say(
        "Show a text as it would be published, with what is hidden, by the settings. A line is a turn; agent: or "
        "customer: before it says who speaks: what an agent asks for decides what the answer is. Nothing is stored."
    ),
    ("mask talk.txt", say("a dialogue in a file")),
    ('mask --text "我的手机是幺三八，一二三四，五六七八"', say("one sentence")),
    ("mask - --json < talk.txt", say("from a pipe, with kinds and places")),
)
def mask_command(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help=say("A text in UTF-8, a turn a line; - reads a pipe."))
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help=say("A text, instead of a file."))] = None,
    language: SpokenLanguage = None,
    json_output: Json = False,
) -> None:
    from flows.console import out, print_json, role_name
    from pipeline.privacy.masking import call_as_shown, masks_of

    settings = read_settings()
    call = _call([_line(line) for line in _read(file, text).splitlines() if line.strip()], language)
    masks = masks_of(call, None, settings.privacy)
    shown_call = call_as_shown(call, masks)
    if json_output:
        found = [{"kind": mask.kind, "turn": mask.turn, "start": mask.start, "end": mask.end} for mask in masks]
        text_lines = [turn.text for turn in shown_call.turns]
        print_json(json.dumps({"lines": text_lines, "masks": found}, ensure_ascii=False, indent=2))
        return
    for turn in shown_call.turns:
        out.print(f"{role_name(call.role(turn))}  {turn.text}", soft_wrap=True, markup=False, highlight=False)
    kinds = dict.fromkeys(localised(KIND_NAMES[mask.kind]) for mask in masks)
    hidden = say("hidden: {kinds}", kinds=say(", ").join(kinds)) if kinds else say("nothing to hide")
    out.print(hidden, style="dim", highlight=False)


def _line(line: str) -> tuple[Party, str]:
    """Who says a line, and what; of nobody named it is the customer's."""
    match = _LINE.fullmatch(line)
    party = _SPEAKERS.get(match[1].lower()) if match else None
    return (party, match[2]) if match and party else ("customer", line.strip())


def _call(lines: Sequence[tuple[Party, str]], language: str | None) -> Call:
    """The lines as a call in which each has its turn."""
    from pipeline.judging.notation import Script, ScriptTurn, script_call
    from pipeline.judging.tried import language_of

    chosen = language if language in ("zh", "en") else language_of(" ".join(said for _, said in lines))
    spans = (Span(number * LINE_S, number * LINE_S + LINE_S / 2) for number in range(len(lines)))
    turns = tuple(ScriptTurn(party, span, said) for (party, said), span in zip(lines, spans, strict=True))
    return script_call(Script(turns), chosen)


def _read(file: Path | None, text: str | None) -> str:
    if text is not None:
        return text
    if file is None:
        raise CallQAError(Message("give a file, or --text; - reads a pipe"))
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(LARGEST_TEXT).decode("utf-8-sig")
        with file.open("rb") as stream:
            return stream.read(LARGEST_TEXT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CallQAError(Message("{file}: not UTF-8; save it as UTF-8", file=shown(file))) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CallQAError(Message("{file}: cannot be read ({reason})", file=shown(file), reason=reason)) from error
