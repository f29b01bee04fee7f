"""Pages out of templates: everything is escaped, every text for people comes from the catalogue.

In a template `t("English", value=…)` is a text in the page's language; it takes a name in both languages too.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from desk.reviews.titles import APPEAL_TITLES, RELEASE_TITLES
from desk.rights import ROLE_TITLES
from pipeline.errors import CallQAError
from pipeline.messages import STEERING, Message, shown_text
from pipeline.results.display import (
    HUNG_UP_LABELS,
    NOTHING_FOUND,
    OUTCOME_LABELS,
    ROLE_LABELS,
    SEVERITY_LABELS,
    clock,
    percent,
    points,
    whole_percent,
)

if TYPE_CHECKING:
    from desk.routing import Visit

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"


def page_html(template: str, visit: Visit, **values: Any) -> str:
    """The HTML of a template, for who visit."""
    language = visit.language

    def t(text: Any, **given: object) -> str:
        said = text if isinstance(text, Message | CallQAError) or not isinstance(text, str) else Message(text, **given)
        return str(said.in_language(language))

    html: str = (
        _environment()
        .get_template(template)
        .render(
            t=t, user=visit.user, language=language, nonce=visit.nonce, path=visit.request.url.path,
            query=visit.request.query_params, partial=visit.partial, names=_NAMES,
            numbers="?numbers=shown" if visit.shows_numbers else "", **values,
        )
    )  # fmt: skip
    return html


_NAMES = {
    "outcome": OUTCOME_LABELS, "severity": SEVERITY_LABELS, "role": ROLE_LABELS, "hung_up": HUNG_UP_LABELS,
    "account": ROLE_TITLES, "nothing_found": NOTHING_FOUND, "appeal": APPEAL_TITLES, "release": RELEASE_TITLES,
}  # fmt: skip


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_seen,
    )  # fmt: skip
    made.filters |= {"clock": clock, "percent": percent, "points": points, "hue": _hue, "moment": _moment}
    made.filters |= {"browser": _browser, "whole_percent": whole_percent}
    made.globals |= {"static": static_path}
    return made


def _seen(value: object) -> object:
    """What stands in a page: nothing that turns the direction of what follows, or that nobody sees, but as its code."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return STEERING.sub(lambda found: found[0] if found[0] in "\t\r\n" else shown_text(found[0]), value)


@cache
def static_path(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _hue(score: float | None) -> str:
    """The class of a score's colour."""
    if score is None:
        return "none"
    return "good" if score >= 90 else "fair" if score >= 80 else "poor" if score >= 60 else "bad"


def _moment(at: float, zone: str) -> str:
    """Seconds since 1970 as a date and a time of the centre's."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _browser(user_agent: str) -> str:
    """What a browser says it is, in two words."""
    kinds = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
    systems = ("Windows", "Android", "iPhone", "Mac", "Linux")
    kind = next((name for mark, name in kinds if mark in user_agent), "")
    system = next((name for name in systems if name in user_agent), "")
    return " · ".join(filter(None, (kind, system))) or user_agent[:40] or "?"
