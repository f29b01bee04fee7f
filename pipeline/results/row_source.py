"""What the rows need of a judged file. Nothing else of it is decoded: a call's words, levels and pauses are most of it.

Here the text of a call enters the database: its turns' `text`, and its verdicts' evidence (`rows`). It does so by
`as_published`, which hides what the settings hide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from pipeline.datatypes import CDR, Call, Facts, HangUp, LineEvent, Role, Roles, Scorecard
from pipeline.masks import Masks
from pipeline.privacy.masking import as_shown, asked_for, is_current, shown_of
from pipeline.privacy.sensitive import find_masks
from pipeline.settings.privacy import Privacy
from pipeline.storage.home import Hearing, PastCard
from pipeline.timeline import Span


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """A turn without its single words."""

    index: int
    span: Span
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class SaidCall:
    """A call as the rows tell of it."""

    sha256: str
    language: str
    cdr: CDR
    turns: tuple[SaidTurn, ...]
    roles: Roles
    events: Annotated[tuple[LineEvent, ...], Field(alias="marks")]
    hang_up: HangUp
    facts: Facts

    def role(self, turn: SaidTurn) -> Role:
        """The role of a turn's speaker; "unknown" is a value."""
        return self.roles.of(turn.speaker)


@dataclass(frozen=True, slots=True)
class SaidJudged:
    """A call and its scorecard."""

    call: SaidCall
    scorecard: Scorecard | None


@dataclass(frozen=True, slots=True)
class SaidFile:
    """A judged file (`pipeline.storage.home.JudgedFile`)."""

    judged: SaidJudged
    hearing: Hearing | None = None
    past: tuple[PastCard, ...] = ()
    masks: Masks | None = None


def as_published(file: SaidFile, whole_call: Callable[[], Call], privacy: Privacy) -> SaidFile:
    """A judged file with what these settings hide hidden. `whole_call` is asked for where nobody looked for it yet."""
    masks = file.masks if is_current(file.masks, privacy) else find_masks(whole_call(), asked_for(privacy))
    return replace(file, judged=as_shown(file.judged, shown_of(masks, privacy)))
