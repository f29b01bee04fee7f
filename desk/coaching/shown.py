"""The excerpts of a session as they are shown: words, and sound where it may be heard. Nobody is named.

A coach sees those of calls in their scope; the agent all, through the session. A colleague's sound is played only while
the colleague gives leave, and where the coach wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from desk.calls.found import hidden_verdicts
from desk.excerpts.chosen import ChosenExcerpt
from desk.excerpts.cutting import CutExcerpt, cut_excerpt
from desk.excerpts.presenting import ListedExcerpt
from desk.excerpts.seen import SeenCall, seen_in_scope, seen_through
from desk.queues.people import rule_titles
from desk.routing import NotThere, Visit
from pipeline.messages import Message
from pipeline.reviews.coaching import CoachingSession
from pipeline.reviews.coaching_excerpts import CoachingExcerpt, excerpts_of
from pipeline.reviews.voice_leave import voice_may_be_heard

TO_PRACTISE = Message("to practise")
GOOD_OWN, GOOD_COLLEAGUE = Message("well done"), Message("a colleague’s good example")


@dataclass(frozen=True, slots=True)
class SessionExcerpt:
    """An excerpt of a session with its call. `own`: the session's agent speaks in it; `leave`: the voice may be played
    to the agent. `chosen` is it as it is cut."""

    excerpt: CoachingExcerpt
    seen: SeenCall
    chosen: ChosenExcerpt
    cut: CutExcerpt
    own: bool
    leave: bool

    @property
    def label(self) -> Message:
        """What it is there for."""
        if self.excerpt.kind == "own":
            return TO_PRACTISE
        return GOOD_OWN if self.own else GOOD_COLLEAGUE


Seeing = Callable[[Visit, str], SeenCall]
Showing = Callable[[Visit, CoachingSession, str], list[SessionExcerpt]]


def session_excerpts(
    visit: Visit, session: CoachingSession, only: str = "", seeing: Seeing = seen_in_scope
) -> list[SessionExcerpt]:
    """The excerpts of a session, in their order, or one of them; without those of calls that who asks may not see, and
    of verdicts that they are to answer blind."""
    with visit.desk.reviews.file.reading() as rows:
        excerpts = [each for each in excerpts_of(rows, session.id) if only in ("", each.ref)]
    hidden = hidden_verdicts(visit, {each.sha256 for each in excerpts})
    excerpts = [each for each in excerpts if (each.sha256, each.rule_id) not in hidden]
    titles = rule_titles(visit) if excerpts else {}
    shown = []
    for excerpt in excerpts:
        try:
            seen = seeing(visit, excerpt.sha256)
        except NotThere:
            continue
        visit.desk.trail.note_once("view", visit.whose.name, excerpt.sha256)
        own, leave = _whose(visit, session, seen)
        chosen = ChosenExcerpt(
            excerpt.sha256, excerpt.rule_id, excerpt.span.start_s, excerpt.span.end_s, excerpt.sound and leave
        )
        shown.append(SessionExcerpt(excerpt, seen, chosen, cut_excerpt(visit, seen, chosen, titles), own, leave))
    return shown


def excerpts_for_agent(visit: Visit, session: CoachingSession, only: str = "") -> list[SessionExcerpt]:
    """The excerpts of a session that was just found to be the visitor's own, or one of them."""
    return session_excerpts(visit, session, only, seen_through)


def _whose(visit: Visit, session: CoachingSession, seen: SeenCall) -> tuple[bool, bool]:
    """Whether the session's agent speaks in a call, and whether the voice may be played to them."""
    voice = seen.call.cdr.agent_id
    if voice == session.agent_id:
        return True, True
    with visit.desk.reviews.file.reading() as rows:
        return False, voice_may_be_heard(rows, voice)


def listed_excerpts(visit: Visit, shown: Sequence[SessionExcerpt], below: str) -> list[ListedExcerpt]:
    """Excerpts as they are presented and taken along; the addresses of their sound lie `below` a page."""
    return [
        ListedExcerpt(
            each.seen, each.chosen, f"{below}/excerpts/{each.excerpt.ref}/sound",
            each.label.in_language(visit.language), each.excerpt.comment,
        )
        for each in shown
    ]  # fmt: skip


def excerpt_at(visit: Visit, session: CoachingSession, showing: Showing) -> SessionExcerpt:
    """The excerpt of the address, out of what is shown of a session. Raises NotThere."""
    found = showing(visit, session, visit.request.path_params["excerpt"])
    if not found:
        raise NotThere
    return found[0]
