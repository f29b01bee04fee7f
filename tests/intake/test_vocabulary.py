"""The words of telephone systems: every one of them means one thing."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest
import yaml

from pipeline.datatypes import CDR
from pipeline.intake.vocabulary import FIELD_VALUES, METADATA_FIELDS, field_of_column
from pipeline.settings import CHECKOUT

ALIASES = yaml.safe_load((CHECKOUT / "pipeline" / "intake" / "aliases.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "part", [ALIASES["columns"], *ALIASES["values"].values(), ALIASES["channels"], ALIASES["roles"]]
)
def test_a_word_stands_once_and_is_written_as_it_is_looked_up(part: dict[object, list[str]]) -> None:
    words = [word for aliases in part.values() for word in aliases]
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert [word for word in words if word != str(word).casefold()] == []


def test_every_field_of_a_cdr_has_a_column() -> None:
    own = {part.name for part in fields(CDR)} - {"caller_hash", "extra", "release_method"}
    numbers = {"customer_number", "caller_number", "callee_number", "extension"}
    assert set(METADATA_FIELDS) == own | {"file"} | numbers
    assert set(FIELD_VALUES) <= own


def test_columns_are_known_in_any_case_with_blanks_or_hyphens() -> None:
    assert field_of_column(" Agent-ID ") == "agent_id"
    assert field_of_column("Hung up by") == "release_party"
    assert field_of_column("colour") is None
