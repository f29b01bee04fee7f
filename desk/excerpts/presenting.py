"""Present mode: excerpts one after the other in big text, without names, by keyboard, in a dark room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from desk.excerpts.chosen import ChosenExcerpt
from desk.excerpts.cutting import CutExcerpt, cut_excerpt
from desk.excerpts.seen import SeenCall
from desk.queues.people import rule_titles
from desk.routing import Visit
from pipeline.storage import audit


@dataclass(frozen=True, slots=True)
class ListedExcerpt:
    """An excerpt in a list that is presented or taken along.

    `sound_at` is the address of its sound, which `sound_answer` answers. `label` says what it is there for, as
    "to practise"; `note` is shown to those who are present, and is not taken along: people may write names.
    """

    seen: SeenCall
    chosen: ChosenExcerpt
    sound_at: str = ""
    label: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ShownExcerpt:
    """A listed excerpt as the page has it: `sound` is "" where there is none, then `silent` says why."""

    cut: CutExcerpt
    sound: str
    label: str = ""
    note: str = ""
    silent: str = ""


def present_page(visit: Visit, title: str, listed: Sequence[ListedExcerpt], back: str) -> Response:
    """The page that plays excerpts; leaving it leads `back`. The title is shown to all, so it names nobody."""
    return visit.page("excerpts/present.html", title=title, listed=shown_excerpts(visit, listed), back=back, about="")


def shown_excerpts(visit: Visit, listed: Sequence[ListedExcerpt]) -> list[ShownExcerpt]:
    """Excerpts as a page of the desk has them (`excerpts/items.html`), once the log tells that somebody looked at them.

    Raises CallQAError where it cannot.
    """
    if calls := sorted({each.chosen.sha256 for each in listed}):
        audit.record(visit.desk.home, "view", calls=calls, user=visit.whose.name, what="excerpts")
    return [
        ShownExcerpt(cut, each.sound_at if each.chosen.heard else "", each.label, each.note)
        for each, cut in zip(listed, cut_all(visit, listed), strict=True)
    ]


def cut_all(visit: Visit, listed: Iterable[ListedExcerpt]) -> list[CutExcerpt]:
    """The words of excerpts."""
    titles = rule_titles(visit)
    return [cut_excerpt(visit, each.seen, each.chosen, titles) for each in listed]
