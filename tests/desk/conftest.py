from __future__ import annotations

import pytest

from desk.calls import call_index


@pytest.fixture(scope="session", autouse=True)
def _patient() -> None:
    """On a busy machine a list waits for its index as long as it takes."""
    call_index.PATIENCE_S = call_index.BRIEFLY_S = 60.0
