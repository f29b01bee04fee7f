"""One shelf on each kind of server, and settings that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.settings import Settings
from tests.support.servers import PlainPages, Shelf, s3_server, ssh_server, web_server


@pytest.fixture(params=["s3", "sftp", "nginx", "http.server"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    with ExitStack() as stack:
        if request.param == "s3":
            yield stack.enter_context(s3_server(monkeypatch))
        elif request.param == "sftp":
            server = stack.enter_context(ssh_server(tmp_path, monkeypatch))
            server.trust()
            yield server.shelf
        elif request.param == "nginx":
            yield stack.enter_context(web_server(tmp_path / "shelf"))[0]
        else:
            yield stack.enter_context(web_server(tmp_path / "shelf", PlainPages))[0]


@pytest.fixture
def there(here: Settings, shelf: Shelf) -> Settings:
    """Settings whose inbox is the shelf."""
    return at(here, shelf.address)


def at(settings: Settings, address: str) -> Settings:
    return settings.model_copy(update={"paths": settings.paths.model_copy(update={"inbox": address})})
