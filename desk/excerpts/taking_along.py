"""Excerpts taken out of the desk: one HTML file with everything in it, or a folder with a playlist.

Both are masked and name nobody: no call's id, no recording's hash, no path, no note. They open from a disk without a
network; the page's own policy lets it run its own script and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.responses import Response

from desk.calls.sound_making import NoSound
from desk.excerpts.cutting import CutExcerpt, excerpt_sound
from desk.excerpts.presenting import ListedExcerpt, ShownExcerpt, cut_all
from desk.pages import STATIC, page_html
from desk.routing import Visit
from pipeline.storage import audit

LARGEST_HTML_BYTES = 20_000_000
_BITRATES_KBPS = (64, 48, 40, 32, 24, 16)
"""Those that MP3 has at our rate."""

_FRAME_BYTES = 1000
"""What an MP3 may have beyond its bit rate."""


@dataclass(frozen=True, slots=True)
class TakenExcerpt:
    """An excerpt with its words, and its MP3; where that is None, `silent` says why."""

    cut: CutExcerpt
    label: str
    sound: bytes | None
    silent: str = ""


def html_answer(visit: Visit, title: str, listed: Sequence[ListedExcerpt]) -> Response:
    """Excerpts as one HTML file. Its title stands in it, so it names nobody. Raises CallQAError."""
    _record(visit, listed, "excerpts as HTML")
    return _file(html_file(visit, title, listed).encode(), "text/html; charset=utf-8", f"{_file_name(visit)}.html")


def folder_answer(visit: Visit, title: str, listed: Sequence[ListedExcerpt]) -> Response:
    """Excerpts as a ZIP of numbered MP3s, a playlist and a page. Raises CallQAError."""
    _record(visit, listed, "excerpts as folder")
    name = _file_name(visit)
    return _file(folder_file(visit, title, listed, name), "application/zip", f"{name}.zip")


def html_file(visit: Visit, title: str, listed: Sequence[ListedExcerpt], largest: int = LARGEST_HTML_BYTES) -> str:
    """The HTML with sounds in it, `largest` bytes at most: first the sound is made smaller, then the last have none."""
    cuts = cut_all(visit, listed)
    silent = [ShownExcerpt(cut, "", each.label) for cut, each in zip(cuts, listed, strict=True)]
    room = largest - len(_page(visit, title, silent, "x" * 200).encode()) - 200 * len(listed)
    taken = _taken(visit, listed, cuts, _fitting_kbps(visit, listed, cuts, room))
    kept, without = 0, 0
    shown: list[ShownExcerpt] = []
    for each in taken:
        if each.sound is not None and (without or kept + _written(len(each.sound)) > room):
            # once one has no room, those behind it have none either: what is missing is easily told
            without += 1
            each = TakenExcerpt(each.cut, each.label, None, visit.say("There was no room for its sound in this file."))
        kept += _written(len(each.sound)) if each.sound is not None else 0
        shown.append(_as_data(each))
    about = ""
    if without:
        about = visit.say(
            "The last {count} excerpts are without sound: a file of {size} MB holds no more. The folder has them all.",
            count=without, size=largest // 1_000_000,
        )  # fmt: skip
    return _page(visit, title, shown, about)


def folder_file(visit: Visit, title: str, listed: Sequence[ListedExcerpt], name: str) -> bytes:
    """The ZIP with a folder of this name: `01.mp3` and so on, `playlist.m3u8` with those that have sound, `index.html`
    with all."""
    taken = _taken(visit, listed, cut_all(visit, listed), visit.desk.settings.excerpts.bitrate_kbps)
    sounds = [f"{number:02}.mp3" if each.sound is not None else "" for number, each in enumerate(taken, 1)]
    shown = [
        ShownExcerpt(each.cut, file, each.label, silent=each.silent) for file, each in zip(sounds, taken, strict=True)
    ]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as folder:
        for file, each in zip(sounds, taken, strict=True):
            if each.sound is not None:
                folder.writestr(_entry(name, file), each.sound)
        folder.writestr(_entry(name, "playlist.m3u8"), _playlist(visit, taken, sounds))
        folder.writestr(_entry(name, "index.html"), _page(visit, title, shown, "", media="file:"))
    return made.getvalue()


def _playlist(visit: Visit, taken: Sequence[TakenExcerpt], names: Sequence[str]) -> str:
    lines = ["#EXTM3U"]
    for number, (each, name) in enumerate(zip(taken, names, strict=True), 1):
        if name:
            # a title is one line; a comma ends nothing but the length before it
            title = " ".join(f"{number}. {each.cut.title or visit.say('Excerpt')} {each.label}".split())
            lines += [f"#EXTINF:{round(each.cut.span.duration_s)},{title}", name]
    return "\n".join(lines) + "\n"


def _entry(folder: str, file: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{folder}/{file}")  # dated 1980: when it was made is nobody's business


def _taken(
    visit: Visit, listed: Sequence[ListedExcerpt], cuts: Sequence[CutExcerpt], bitrate_kbps: int
) -> list[TakenExcerpt]:
    taken = []
    for each, cut in zip(listed, cuts, strict=True):
        sound, silent = None, ""
        if each.chosen.heard:
            try:
                sound = excerpt_sound(visit, each.seen, each.chosen, bitrate_kbps)
            except NoSound as problem:
                silent = problem.in_language(visit.language)
        taken.append(TakenExcerpt(cut, each.label, sound, silent))
    return taken


def _fitting_kbps(visit: Visit, listed: Sequence[ListedExcerpt], cuts: Sequence[CutExcerpt], room: int) -> int:
    """The best bit rate of no more than the settings' by which all sounds fit; the lowest where none does."""
    usual = visit.desk.settings.excerpts.bitrate_kbps
    heard_s = [cut.span.duration_s for each, cut in zip(listed, cuts, strict=True) if each.chosen.heard]
    for kbps in (usual, *(each for each in _BITRATES_KBPS if each < usual)):
        if sum(_written(round(kbps * 125 * each_s) + _FRAME_BYTES) for each_s in heard_s) <= room:
            return kbps
    return min(usual, _BITRATES_KBPS[-1])


def _written(sound_bytes: int) -> int:
    """How long bytes are as base64."""
    return -(-sound_bytes // 3) * 4


def _as_data(each: TakenExcerpt) -> ShownExcerpt:
    sound: str = ""
    if each.sound is not None:
        sound = Markup("data:audio/mpeg;base64,") + Markup(base64.b64encode(each.sound).decode())
    return ShownExcerpt(each.cut, sound, each.label, silent=each.silent)


def _page(visit: Visit, title: str, shown: Sequence[ShownExcerpt], about: str, media: str = "data:") -> str:
    style, script = _own("desk.css", "excerpts/play.css"), _own("excerpts/play.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; media-src {media}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return page_html(
        "excerpts/along.html", visit, title=title, listed=shown, about=about, back="", style=Markup(style),
        script=Markup(script), policy=policy,
    )  # fmt: skip


@cache
def _own(*files: str) -> str:
    """Our own style or script, as it stands in a page."""
    return "\n".join((STATIC / file).read_text(encoding="utf-8") for file in files)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _record(visit: Visit, listed: Sequence[ListedExcerpt], what: str) -> None:
    calls = sorted({each.chosen.sha256 for each in listed})
    audit.record(visit.desk.home, "export", calls=calls, user=visit.whose.name, what=what, excerpts=len(listed))


def _file_name(visit: Visit) -> str:
    """A name without an ending, by the second: what is taken along twice a day lies side by side."""
    return f"callqa-excerpts-{datetime.now(ZoneInfo(visit.desk.settings.ingest.timezone)):%Y-%m-%d-%H%M%S}"


def _file(data: bytes, media_type: str, name: str) -> Response:
    return Response(data, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})
