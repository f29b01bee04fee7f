"""``callqa evaluate``: how far transcripts and verdicts are from the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.root import app, command
from flows.language import LANGUAGE, say
from flows.options import Engine, flag, hearing_with, read_settings
from pipeline.errors import BadSetting, CallQAError
from pipeline.messages import Message
from pipeline.storage.files import write_whole

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipeline.evaluation.evaluate import Bench
    from pipeline.evaluation.truth import Labelled


@command(
    app,
    "evaluate",
    say("Evaluate against ground truth (a JSON file next to each recording)."),
    ("evaluate data/samples", say("the samples")),
    ("evaluate data/samples --mono --no-cdr", say("mixed to mono, without CDR")),
    ("evaluate data/samples --scripted", say("rules alone, nothing is transcribed")),
    ("evaluate data/samples --matrix --limit 4", say("codecs and noise, one table")),
)
def evaluate_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=say("Folder of recordings with their truth."))],
    mono: Annotated[bool, flag("--mono", say("Mix to mono first."))] = False,
    engine: Engine = None,
    no_cdr: Annotated[bool, flag("--no-cdr", say("Ignore the CDR."))] = False,
    scripted: Annotated[bool, flag("--scripted", say("Judge the words of the truth; transcribe nothing."))] = False,
    codec: Annotated[str | None, typer.Option(metavar="NAME", help=say("Encode with this codec first."))] = None,
    noise_db: Annotated[float | None, typer.Option(metavar="DB", help=say("Add noise first: SNR in dB."))] = None,
    clip_db: Annotated[
        float | None, typer.Option(metavar="DB", help=say("Clip first: how far peaks go over full scale, in dB."))
    ] = None,
    faint_db: Annotated[
        float | None, typer.Option(metavar="DB", help=say("Lower the second channel first, in dB."))
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=say("Take N recordings, evenly spread over the folder."))
    ] = None,
    matrix: Annotated[
        bool,
        flag("--matrix", say("Codecs, noise, clipping, mono, one side faint: each alone and all at once, one table.")),
    ] = False,
    full: Annotated[bool, flag("--full", say("Every combination of --matrix."))] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help=say("Write all figures as JSON (“-”: to standard output).")),
    ] = None,
) -> None:
    from flows.engines import load_engines
    from flows.rulebooks import draft_rulebooks
    from pipeline.evaluation.degrade import AS_RECORDED, Rendering, known_codec
    from pipeline.evaluation.evaluate import Bench
    from pipeline.evaluation.truth import find_labelled

    settings = hearing_with(read_settings(), engine)
    rendering = Rendering(mono, codec, noise_db, clip_db, faint_db)
    if codec is not None:
        known_codec(codec)
    if (matrix or full) and (rendering != AS_RECORDED or scripted or engine):
        raise BadSetting(
            Message("--matrix chooses its own renderings; give it with DIR, --full, --limit, --no-cdr, --json")
        )
    labelled = find_labelled(directory, settings, scripted=scripted).spread(limit)
    engines = None if scripted else load_engines(settings)
    bench = Bench(settings, engines, draft_rulebooks(settings), rendering, use_cdr=not no_cdr)
    figures, shown = _matrix_figures(labelled, bench, full) if matrix or full else _figures(labelled, bench)
    text = json.dumps(figures, ensure_ascii=False, indent=2) + "\n"
    if json_file == Path("-"):
        print(text, end="")
        return
    from flows.console import out

    out.print(shown)  # before a file is tried that may not be written: this took long
    if json_file is not None:
        write_output(json_file, text)


def _figures(labelled: Labelled, bench: Bench) -> tuple[dict[str, Any], RenderableType]:
    from pipeline.evaluation.evaluate import evaluate_all
    from pipeline.evaluation.tables import evaluation_tables

    figures = evaluate_all(labelled, bench, _progress)
    return figures, evaluation_tables(figures, LANGUAGE)


def _matrix_figures(labelled: Labelled, bench: Bench, full: bool) -> tuple[dict[str, Any], RenderableType]:
    from pipeline.evaluation.matrix import every_combination, matrix, one_at_a_time
    from pipeline.evaluation.tables import matrix_table

    figures = matrix(labelled, bench, every_combination() if full else one_at_a_time(), _progress)
    return figures, matrix_table(figures, LANGUAGE)


def _progress(done: int, total: int, name: str) -> None:
    from flows.console import err

    if name:
        err.print(f"[{done + 1}/{total}] {name}")


def write_output(path: Path, text: str) -> None:
    """Write a file that the user named. Raises CallQAError."""
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise CallQAError(Message("{path}: cannot be written: {reason}", path=path, reason=error.strerror)) from error
