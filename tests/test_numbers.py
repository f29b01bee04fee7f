"""Telephone numbers in texts."""

from __future__ import annotations

import pytest

from pipeline.numbers import is_called


@pytest.mark.parametrize("number", ["13900001234", "139-0000-1234", "+8613900001234", "008613900001234", "02288880001"])
def test_a_number_to_call_is_known_however_written(number: str) -> None:
    assert is_called(number)


@pytest.mark.parametrize(
    "id_",
    ["1793667900.1", "1793667900.18", "1793667900", "1793667900123", "901", "7b1c5c2e-0f6e-4b7c-9a51-000000000001"],
)
def test_an_id_is_no_number_to_call(id_: str) -> None:
    assert not is_called(id_)
