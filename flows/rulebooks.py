"""The rulebooks of the settings, by language: those that are in force, and the files as they stand."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from pipeline.errors import BadRule, CallQAError, shown
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.scores import written_call
from pipeline.judging.verdicts import judge_call
from pipeline.judging.versions import Publication, in_force, publish_rulebook
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage.changes import file_mark
from pipeline.storage.home import Home


def rulebooks_in_force(settings: Settings) -> dict[str, Rulebook]:
    """The published version in force of every language (the files, where none was published). Raises BadRule."""
    home = Home(settings.paths.home)
    return {
        language: load_rulebook(in_force(home, folder), language)
        for language, folder in settings.paths.rulebooks.items()
    }


LOOKED_EVERY_S = 5.0
"""How often it is looked whether rulebooks changed."""


class KeptRulebooks:
    """The rulebooks in force, for a process that stays: read again when their files change. For threads.

    While changed files are faulty, those that were in force before are. Raises BadRule where there were none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._books: dict[str, Rulebook] | None = None
        self._marks: object = None
        self._looked_s = 0.0

    def __call__(self) -> dict[str, Rulebook]:
        with self._lock:
            now_s = time.monotonic()
            if self._books is None or now_s - self._looked_s > LOOKED_EVERY_S:
                self._looked_s = now_s
                self._bring_up_to_date()
            assert self._books is not None
            return self._books

    def warm(self) -> None:
        """Judge something, so that the first who wants a call judged does not wait until rules are made ready."""
        with suppress(BadRule):  # whoever asks for them is told
            for language, book in self().items():
                judge_call(written_call([("agent", "您好 hello"), ("customer", "您好 hello")], language), book)

    def _bring_up_to_date(self) -> None:
        home = Home(self._settings.paths.home)
        folders = [in_force(home, folder) for folder in self._settings.paths.rulebooks.values()]
        marks = sorted(
            (path, file_mark(path))
            for folder in folders
            for top, _, names in os.walk(folder)
            for path in (os.path.join(top, name) for name in names)
        )
        if self._books is not None and marks == self._marks:
            return
        try:
            self._books, self._marks = rulebooks_in_force(self._settings), marks
        except BadRule:
            if self._books is None:
                raise


def publish(settings: Settings, folder: Path, version: str | None) -> Publication | None:
    """Publish a rulebook that the settings name; others judge nothing, and a copy is not to replace what does.

    Raises CallQAError for another, and as `publish_rulebook` does.
    """
    for language, named in settings.paths.rulebooks.items():
        if named.resolve() == folder.resolve():
            return publish_rulebook(Home(settings.paths.home), folder, version, language)
    raise CallQAError(
        Message(
            "{folder}: not a rulebook of the settings, so nothing is judged by it; name it in paths.rulebooks, or "
            "publish {named}",
            folder=shown(folder), named=", ".join(map(shown, settings.paths.rulebooks.values())),
        )
    )  # fmt: skip


def draft_rulebooks(settings: Settings) -> dict[str, Rulebook]:
    """The files as they stand, published or not: what an evaluation is about. Raises BadRule."""
    return {language: load_rulebook(folder, language) for language, folder in settings.paths.rulebooks.items()}
