"""What pages are rendered with: templates, the catalogue of messages in them, and a policy that lets nothing else in.

In a template `t("English", value=…)` gives a text in both languages, the page's buttons choose which is seen;
`say("English")` gives it in the page's language, for attributes. Both take a name in both languages too.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.messages import Message
from pipeline.results.display import (
    HUNG_UP_LABELS,
    OUTCOME_LABELS,
    ROLE_LABELS,
    SEVERITY_LABELS,
    clock,
    percent,
    points,
    whole_percent,
)

_TEMPLATES = Path(__file__).parent / "templates"
_BOTH = Markup('<span class="zh" lang="zh">{}</span><span class="en" lang="en">{}</span>')


@dataclass(frozen=True, slots=True)
class Bilingual:
    """A name that a rulebook gives in both languages."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The name in Chinese ("zh") or English."""
        return self.zh if language == "zh" else self.en


class _Name(Protocol):
    def in_language(self, language: str) -> str: ...


def render_page(template: str, language: str, policy: str, **values: object) -> str:
    """A page of one file: a template with its values, style and script, in a language ("zh" or "en") at first.

    `policy` is what `content_policy` allows. Everything is escaped, and what is not defined raises.
    """
    html: str = (
        _environment(language)
        .get_template(template)
        .render(
            policy=policy,
            style=Markup(template_text("report.css")),
            html_language="zh-CN" if language == "zh" else "en",
            names={
                "outcome": OUTCOME_LABELS, "severity": SEVERITY_LABELS, "role": ROLE_LABELS, "hung_up": HUNG_UP_LABELS,
            },
            **values,
        )
    )  # fmt: skip
    return html


def template_text(name: str) -> str:
    """A file that goes into pages as it is: a style or a script."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def content_policy(script: str | None = None, media: str | None = None) -> str:
    """A content security policy that allows the style of pages, one script, sounds from `media`, and nothing else."""
    more = f"script-src {_policy_hash(script)}; " if script is not None else ""
    more += f"media-src {media}; " if media is not None else ""
    style = _policy_hash(template_text("report.css"))
    return f"default-src 'none'; style-src {style}; {more}img-src data:; base-uri 'none'; form-action 'none'"


def _policy_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"clock": clock, "percent": percent, "percent_whole": whole_percent, "points": points, "hue": _hue}

    def say(text: str | _Name, **values: object) -> str:
        return _said(text, values).in_language(language)

    made.globals |= {"t": _in_both, "say": say}
    return made


def _said(text: str | _Name, values: dict[str, object]) -> _Name:
    if isinstance(text, str) and not isinstance(text, Message):
        return Message(text, **values)
    return text


def _in_both(text: str | _Name, **values: object) -> Markup:
    said = _said(text, values)
    return _BOTH.format(said.in_language("zh"), said.in_language("en"))


def _hue(score: float | None) -> str:
    """The class of a score's colour."""
    if score is None:
        return "none"
    return "good" if score >= 90 else "fair" if score >= 80 else "poor" if score >= 60 else "bad"
