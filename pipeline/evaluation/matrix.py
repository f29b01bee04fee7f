"""The same calls kept by poorer and poorer recorders, one row of figures for each: `callqa evaluate DIR --matrix`.

Factors are a recorder's: one channel or two, the codec, noise, clipping, one side faint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import Any

from pipeline.errors import CallQAError
from pipeline.evaluation.degrade import AS_RECORDED, CODECS, Rendering
from pipeline.evaluation.evaluate import Bench, FileProgress, evaluate_all
from pipeline.evaluation.truth import Labelled

NOISES_DB = (20.0, 10.0)
CLIP_DB = 12.0
FAINT_DB = 12.0


def one_at_a_time() -> tuple[Rendering, ...]:
    """Each factor by itself, the codecs on the calls as recorded and the rest on mono too, and all at once."""
    dirt = (
        *(Rendering(noise_db=noise_db) for noise_db in NOISES_DB),
        Rendering(clip_db=CLIP_DB),
        Rendering(faint_db=FAINT_DB),
    )
    worst = Rendering(codec="amr", noise_db=min(NOISES_DB), clip_db=CLIP_DB, faint_db=FAINT_DB)
    stereo = (AS_RECORDED, *(Rendering(codec=codec) for codec in CODECS), *dirt, worst)
    mono = (AS_RECORDED, Rendering(codec="mulaw"), *dirt, worst)
    return (*stereo, *(replace(rendering, mono=True) for rendering in mono))


def every_combination() -> tuple[Rendering, ...]:
    """Every combination of every factor."""
    levels = ((False, True), (None, *CODECS), (None, *NOISES_DB), (None, CLIP_DB), (None, FAINT_DB))
    return tuple(Rendering(*chosen) for chosen in product(*levels))


def matrix(
    labelled: Labelled,
    bench: Bench,
    renderings: Sequence[Rendering],
    progress: FileProgress = lambda done, total, name: None,
) -> dict[str, Any]:
    """Evaluate the recordings in each rendering: ``{"cells": [{"name", "rendering", "pooled", …}]}``.

    A cell that cannot be scored has `pooled` None and its reason, one line, in `failed`; `skipped` says why single
    files could not. Ready for JSON. Raises BadTruth when nothing at all can be scored.
    """
    rows: list[dict[str, Any]] = []
    for number, rendering in enumerate(renderings):

        def tell(done: int, of: int, name: str, number: int = number, rendering: Rendering = rendering) -> None:
            if name:
                progress(number, len(renderings), f"{rendering.name}: {name} ({done + 1}/{of})")

        row: dict[str, Any] = {"name": rendering.name, "rendering": asdict(rendering), "pooled": None, "failed": None}
        try:
            result = evaluate_all(labelled, replace(bench, rendering=rendering), tell)
            row |= {"pooled": result["pooled"], "files": len(result["files"]), "skipped": result["skipped"]}
        except CallQAError as error:
            if number == 0:
                raise  # what fails as it was recorded fails everywhere
            # a codec that this ffmpeg cannot write says nothing of the other cells
            row["failed"] = error.message
        rows.append(row)
    return {"cells": rows}
