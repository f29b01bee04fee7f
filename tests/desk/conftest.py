from __future__ import annotations

from collections.abc import Iterator

import pytest

from desk.calls import call_index
from desk.context import Desk
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.desks import served


@pytest.fixture(scope="session", autouse=True)
def _patient() -> None:
    """On a busy machine a list waits for its index as long as it takes."""
    call_index.PATIENCE_S = call_index.BRIEFLY_S = 60.0


@pytest.fixture(scope="module")
def page(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    """A browser that nobody has signed in with, and the address of the module's own `desk`."""
    chromium_or_skip()
    with served(desk) as address, browser(tmp_path_factory.mktemp("profile")) as page:
        yield page, address
