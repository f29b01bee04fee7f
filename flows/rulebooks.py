"""The rulebooks of the settings, by language: those that are in force, and the files as they stand."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import CallQAError, shown
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.versions import Publication, in_force, publish_rulebook
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage.home import Home


def rulebooks_in_force(settings: Settings) -> dict[str, Rulebook]:
    """The published version in force of every language (the files, where none was published). Raises BadRule."""
    home = Home(settings.paths.home)
    return {
        language: load_rulebook(in_force(home, folder), language)
        for language, folder in settings.paths.rulebooks.items()
    }


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
