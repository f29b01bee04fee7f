"""One Prefect server for all nights that are about something else: to start one takes longer than such a night."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.nights import environment
from tests.support.prefect import serve


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
