"""`callqa evaluate DIR --matrix`: the same calls kept by poorer and poorer recorders, one row of figures for each.

Factors are a recorder's: one channel or two, the codec, noise, clipping, one side faint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from flows.engines import load_engines
from flows.evaluate import evaluate, load_rulebooks, percent, tally_cell
from flows.render import CODECS
from pipeline.errors import CallQAError
from pipeline.run import Engines
from pipeline.settings import Settings

NOISES_DB = (20.0, 10.0)
CLIP_DB = 12.0
FAINT_DB = 12.0

Progress = Callable[[int, int, str], None]
"""Called with cells done, cells in all, and the cell and file that come next."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How the calls of one row are rendered: the arguments of `flows.render.render`."""

    mono: bool = False
    codec: str | None = None
    noise_db: float | None = None
    clip_db: float | None = None
    faint_db: float | None = None

    @property
    def name(self) -> str:
        """The cell in a few words, as in "mono amr noise 10 dB"."""
        parts = ["mono" if self.mono else "as recorded", self.codec or ""]
        levels = (("noise", self.noise_db), ("clipped", self.clip_db), ("faint", self.faint_db))
        parts += [f"{what} {level:g} dB" for what, level in levels if level is not None]
        return " ".join(part for part in parts if part)


def one_at_a_time() -> tuple[Cell, ...]:
    """Each factor by itself, the codecs on the calls as recorded and the rest on mono too, and all at once."""
    plain = Cell()
    dirt = (
        *(replace(plain, noise_db=noise_db) for noise_db in NOISES_DB),
        replace(plain, clip_db=CLIP_DB),
        replace(plain, faint_db=FAINT_DB),
    )
    common = replace(plain, codec="mulaw")
    worst = Cell(codec="amr", noise_db=min(NOISES_DB), clip_db=CLIP_DB, faint_db=FAINT_DB)
    stereo = (plain, *(replace(plain, codec=codec) for codec in CODECS), *dirt, worst)
    mono = (plain, common, *dirt, worst)
    return (*stereo, *(replace(cell, mono=True) for cell in mono))


def every_cell() -> tuple[Cell, ...]:
    """Every combination of every factor."""
    levels = ((False, True), (None, *CODECS), (None, *NOISES_DB), (None, CLIP_DB), (None, FAINT_DB))
    return tuple(Cell(*chosen) for chosen in product(*levels))


def matrix(
    directory: Path,
    settings: Settings,
    cells: Sequence[Cell],
    *,
    limit: int | None = None,
    use_cdr: bool = True,
    engines: Engines | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate the calls of `directory` in each cell: ``{"cells": [{"name", "rendering", "pooled", …}]}``.

    A cell that cannot be scored has `pooled` None and its reason, one line, in `failed`; `skipped` says why single
    files could not. Ready for JSON. Raises BadTruth when nothing at all can be scored.
    """
    engines, rulebooks = engines or load_engines(settings), load_rulebooks(settings)
    rows: list[dict[str, Any]] = []
    for number, cell in enumerate(cells):

        def tell(done: int, of: int, name: str, number: int = number, cell: Cell = cell) -> None:
            if progress and name:
                progress(number, len(cells), f"{cell.name}: {name} ({done + 1}/{of})")

        row: dict[str, Any] = {"name": cell.name, "rendering": asdict(cell), "pooled": None, "failed": None}
        try:
            result = evaluate(
                directory,
                settings,
                **asdict(cell),
                use_cdr=use_cdr,
                limit=limit,
                engines=engines,
                rulebooks=rulebooks,
                progress=tell,
            )
            row |= {"pooled": result["pooled"], "files": len(result["files"]), "skipped": result["skipped"]}
        except CallQAError as error:
            if number == 0:
                raise  # what fails as it was recorded fails everywhere
            # a codec that this ffmpeg cannot write says nothing of the other cells
            row["failed"] = str(error)
        rows.append(row)
    return {"cells": rows}


_WORDS = {
    "zh": {
        "layout": "声道", "codec": "编码", "noise_db": "信噪比", "clip_db": "削波", "faint_db": "一侧偏轻",
        "roles": "角色", "hangup": "先挂机", "precision": "查准率", "recall": "查全率", "unsure": "不可判",
        "note": "说明", "mono": "单声道", "stereo": "原样", "right": "对", "wrong": "错", "unknown": "未知",
        "skipped": "未评测文件",
    },
    "en": {
        "layout": "channels", "codec": "codec", "noise_db": "SNR", "clip_db": "clipped", "faint_db": "one side faint",
        "roles": "roles", "hangup": "hang-up", "precision": "precision", "recall": "recall", "unsure": "unsure",
        "note": "note", "mono": "mono", "stereo": "as recorded", "right": "right", "wrong": "wrong",
        "unknown": "unknown", "skipped": "files not scored",
    },
}  # fmt: skip


def table(result: Mapping[str, Any], language: str = "en") -> Group:
    """Show what `matrix` returned as one rich table, in Chinese ("zh") or English ("en")."""
    words = _WORDS.get(language, _WORDS["en"])
    rows = result["cells"]
    scored = [row["pooled"] for row in rows if row["pooled"]]
    rates = [name for name in ("cer", "wer", "der") if any(pooled[name] is not None for pooled in scored)]
    notes = any(row["failed"] or row.get("skipped") for row in rows)
    shown = Table()
    for name in ("layout", "codec"):
        shown.add_column(words[name])
    for name in ("noise_db", "clip_db", "faint_db", *rates, "roles", "hangup", "precision", "recall", "unsure"):
        shown.add_column(words.get(name) or name.upper(), justify="right")
    if notes:
        shown.add_column(words["note"], overflow="fold")
    for row in rows:
        shown.add_row(*_cells(row, rates, words, notes))
    return Group(shown)


def _cells(row: Mapping[str, Any], rates: list[str], words: Mapping[str, str], notes: bool) -> Iterator[str]:
    rendering, pooled = row["rendering"], row["pooled"]
    yield words["mono" if rendering["mono"] else "stereo"]
    yield rendering["codec"] or "–"
    for name in ("noise_db", "clip_db", "faint_db"):
        yield "–" if rendering[name] is None else f"{rendering[name]:g} dB"
    if pooled is None:
        yield from ["–"] * (len(rates) + 5)
    else:
        yield from (percent(pooled[name]) for name in rates)
        yield from (tally_cell(pooled[name], words) for name in ("roles", "hangup"))
        yield from (percent(pooled["rules"][name]) for name in ("precision", "recall", "unsure"))
    if notes:
        why = row["failed"] or "; ".join(row.get("skipped", {}).values())
        yield why if row["failed"] or not why else f"{words['skipped']}: {why}"
