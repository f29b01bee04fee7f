"""What takes longer to make than a test that uses it: a Prefect server, a home in which everything was used once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.judging.loader import load_rulebook
from pipeline.judging.replay import replay
from pipeline.settings import Settings, load_settings
from pipeline.storage.home import Home
from tests.support.canaries import Canary, canary_settings, make_canaries, run_canary_night
from tests.support.nights import environment
from tests.support.prefect import serve

Snapshot = tuple[Settings, list[Canary], Path, Path]


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which a night finds a server of the user's."""
    folder = tmp_path_factory.mktemp("prefect")
    process = serve(folder / "home", environment(folder / "prefect"))
    assert process.stdout is not None
    url, secret, *_ = process.stdout.readline().split() or ["", ""]
    assert url, process.communicate()[1]
    yield {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": secret}
    process.communicate(timeout=30)


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A home with three calls and its inbox, after a night and after everything was used once; and a copy of both."""
    folder, copy = tmp_path_factory.mktemp("forget"), tmp_path_factory.mktemp("copy") / "all"
    home = Home(folder / "all" / "home")
    canaries = make_canaries(folder / "all" / "inbox", 3)
    here = canary_settings(load_settings(), home, folder / "all" / "inbox", folder)
    run_canary_night(here)
    replay(home, load_rulebook(here.paths.rulebooks["zh"]), processes=1, few=0)
    assert list(home.columns.rglob("*.calls"))
    shutil.copytree(folder / "all", copy, symlinks=True)
    return here, canaries, folder / "all", copy


@pytest.fixture
def used_home(snapshot: Snapshot) -> tuple[Settings, list[Canary]]:
    """The home as it was, in its place: the database knows where it lies."""
    settings, canaries, place, copy = snapshot
    shutil.rmtree(place)
    shutil.copytree(copy, place, symlinks=True)
    return settings, canaries
