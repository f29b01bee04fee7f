"""How numbers are shown, and what verdicts, severities and roles are called: one of each for all that people read.

Names are messages: English as they stand, Chinese from the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.messages import Message

OUTCOME_LABELS: Mapping[str, Message] = {
    "pass": Message("pass"),
    "fail": Message("fail"),
    "unsure": Message("unsure"),
    "not_applicable": Message("n/a"),
}
NOTHING_FOUND = Message("nothing found")
"""Instead of a pass, of a rule that is known to find little of what it looks for."""
SEVERITY_LABELS: Mapping[str, Message] = {
    "fatal": Message("fatal"),
    "serious": Message("serious"),
    "normal": Message("normal"),
    "minor": Message("minor"),
}
"""By gravity, the gravest first."""
ROLE_LABELS: Mapping[str, Message] = {
    "agent": Message("Agent"),
    "customer": Message("Customer"),
    "unknown": Message("Unknown"),
}
HUNG_UP_LABELS: Mapping[str, Message] = {
    "agent": Message("agent"),
    "customer": Message("customer"),
    "system": Message("system"),
}


def label_in(names: Mapping[str, Message], value: str, language: str) -> str:
    """The name of a value in Chinese ("zh") or English; a value without a name stands for itself."""
    return names[value].in_language(language) if value in names else value


def clock(seconds: float | None) -> str:
    """Seconds as m:ss, or h:mm:ss; – where there are none."""
    if seconds is None:
        return "–"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def percent(share: float | None) -> str:
    """A share (0–1) in percent, with up to two decimals; – where there is none."""
    return "–" if share is None else f"{share * 100:.2f}".rstrip("0").rstrip(".") + "%"


def whole_percent(share: float) -> str:
    """A share (0–1) in whole percent."""
    return f"{share * 100:.0f}%"


def points(score: float | None) -> str:
    """A score with up to one decimal; – where there is none."""
    return "–" if score is None else f"{score:.1f}".removesuffix(".0")
