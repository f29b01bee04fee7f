"""An inbox, and settings that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.storage.home import Home


@pytest.fixture
def inbox(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def here(settings: Settings, inbox: Path, tmp_home: Home) -> Settings:
    paths = settings.paths.model_copy(update={"inbox": inbox, "home": tmp_home.root})
    # the files of tests are seconds old
    ingest = settings.ingest.model_copy(update={"settle_s": 0.0})
    return settings.model_copy(update={"paths": paths, "ingest": ingest})
