"""The command line, ``callqa``. Heavy libraries are imported inside commands: ``callqa --help`` must be quick."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import flows.import_guard  # noqa: F401  first of all
from flows.cli.root import app
from flows.cli.usage import show_usage_errors
from flows.exit_status import FAILED, INTERRUPTED, READER_GONE
from flows.language import LANGUAGE, say
from flows.log import log_event, logs_json
from flows.options import given, settings_file
from pipeline.errors import CallQAError
from pipeline.messages import shown_lines
from pipeline.settings import load_settings
from pipeline.storage.error_log import note_error
from pipeline.storage.permissions import only_ours

# each registers its commands, which help lists in this order
from flows.cli import night, worker, call, mask, cdr, results, export, desk, corrections, user, audit  # noqa: F401  # isort: skip
from flows.cli import keys, forget, backup, evaluate, rules, cases, phrase_lists, sayings  # noqa: F401  # isort: skip
from flows.cli import metrics, install  # noqa: F401  # isort: skip

__all__ = ["app", "main"]

show_usage_errors()


def main() -> None:
    """Run the command line. An error is one line on stderr and exit status 1, never a traceback."""
    _ready_streams()
    only_ours(group=None)
    try:
        try:
            app(prog_name="callqa")
        finally:
            _flush()
    except CallQAError as error:
        if getattr(error, "interrupted", False):
            _leave(say("interrupted; run it again to resume"), INTERRUPTED)
        _leave(error.in_language(LANGUAGE))
    except KeyboardInterrupt:
        _leave(say("interrupted"), INTERRUPTED)
    except BrokenPipeError:
        _reader_gone()
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # as typer ends on one
            _reader_gone()
        raise
    except Exception as error:
        _unforeseen(error)


def _ready_streams() -> None:
    """Make of whatever we were started with streams that can be written to and read from.

    One that was closed leads nowhere (else the next file opened would take its place); what an encoding cannot hold is
    written as an escape.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)  # as the three always are
    os.close(handle)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Write out what was printed: here, and not when the process ends, as what fails there is told by nobody."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise


def _reader_gone() -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(READER_GONE) from None


def _unforeseen(error: BaseException) -> NoReturn:
    """One line for the user; the frames, without any value that passed through them, into a file."""
    from flows.faults import explained

    log, message = _error_log(), explained(error).in_language(LANGUAGE)
    if log is None or not note_error(log, error):
        _leave(message)
    _leave(f"{message} ({log})")


def _error_log() -> Path | None:
    """In the home of whoever called, and nowhere else: None when their settings cannot be read."""
    try:
        home = given.home or load_settings(settings_file()).paths.home
    except Exception:
        return None
    return home / "logs" / "error.log"


def _leave(message: str, status: int = FAILED) -> NoReturn:
    if logs_json():
        log_event("error", message=shown_lines(message), exit_status=status)
    else:
        print(f"callqa: {shown_lines(message)}", file=sys.stderr)
    raise SystemExit(status)
