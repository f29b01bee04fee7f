"""The rulebooks of the settings, by language: those that are in force, and the files as they stand."""

from __future__ import annotations

from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.versions import in_force
from pipeline.settings import Settings
from pipeline.storage.home import Home


def rulebooks_in_force(settings: Settings) -> dict[str, Rulebook]:
    """The published version in force of every language (the files, where none was published). Raises BadRule."""
    home = Home(settings.paths.home)
    return {
        language: load_rulebook(in_force(home, folder), language)
        for language, folder in settings.paths.rulebooks.items()
    }


def draft_rulebooks(settings: Settings) -> dict[str, Rulebook]:
    """The files as they stand, published or not: what an evaluation is about. Raises BadRule."""
    return {language: load_rulebook(folder, language) for language, folder in settings.paths.rulebooks.items()}
