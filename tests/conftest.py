"""Fixtures that several test modules share. Tests that need practice audio or weights say why they skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from pipeline.settings import CHECKOUT, Settings, load_settings
from pipeline.storage.home import Home

# machines are noisy: a slow example is no fault, and the same examples are tried everywhere
hypothesis_settings.register_profile("callqa", deadline=None, derandomize=True)
hypothesis_settings.load_profile("callqa")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The practice calls: $CALLQA_SHARED, or ../shared beside the checkout."""
    folder = Path(os.environ.get("CALLQA_SHARED", CHECKOUT.parent / "shared"))
    if not (folder / "synthetic-calls").is_dir():
        pytest.skip(f"no practice calls in {folder}; set CALLQA_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """The calls that come with the checkout."""
    return CHECKOUT / "data" / "samples"


@pytest.fixture
def settings() -> Settings:
    """The defaults."""
    return load_settings()


@pytest.fixture(scope="session")
def weights() -> Path:
    """Folder of the embedded models, assembled by `callqa models fetch` (`make venv` does it)."""
    folder = load_settings().paths.weights
    if not folder.is_dir() or not any(folder.iterdir()):
        pytest.skip(f"no weights in {folder}; run `make venv`")
    return folder


@pytest.fixture
def tmp_home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")
