"""Cases put into the files of a rulebook, behind those that stand there: nothing else of a file changes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import yaml

from pipeline.errors import CallQAError
from pipeline.judging.rulebook import Rulebook
from pipeline.messages import Message


def append_case(book: Rulebook, rule_id: str, case: str) -> Path:
    """Append a case, as it stands under `cases`, to its rule's file; gives the file.

    Raises CallQAError where the rulebook has no such rule, or its file cannot be read so.
    """
    if rule_id not in book.ids:
        raise CallQAError(Message("the rulebook has no rule {rule} any more", rule=rule_id))
    file = book.rule(rule_id).file
    text = file.read_text(encoding="utf-8")
    file.write_text(with_case(text, case, file), encoding="utf-8")
    return file


def with_case(text: str, case: str, file: Path) -> str:
    """The text of a rule's file with one more case. Raises CallQAError."""
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    cases = None
    if isinstance(top, yaml.MappingNode):
        cases = next((value for key, value in top.value if key.value in ("cases", "用例")), None)
    lines = text.split("\n")
    if cases is None:
        return text.rstrip("\n") + "\ncases:\n" + textwrap.indent(case, "  ")
    if not isinstance(cases, yaml.SequenceNode) or cases.flow_style or not cases.value:
        raise CallQAError(Message("{file}: its cases are not a list with a line each; append by hand", file=file))
    end, indent = cases.end_mark.line, " " * cases.start_mark.column
    while end > 0 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return "\n".join([*lines[:end], *textwrap.indent(case.rstrip("\n"), indent).split("\n"), *lines[end:]])
