"""Numbers with letters in them that are told by how they are written: IBAN, British National Insurance numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.datatypes import Call
from pipeline.masks import MaskKind
from pipeline.privacy.mail import Stretch

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_INSURANCE = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D](?![A-Za-z0-9])")
_MAY_BE = re.compile(r"[A-Z]{2}[ -]?\d{2}")

LEAST_IBAN_DIGITS = 10


def find_written(call: Call) -> Iterator[tuple[Stretch, MaskKind]]:
    """Where they stand."""
    for number, turn in enumerate(call.turns):
        if _MAY_BE.search(turn.text) is None:
            continue
        for match in _IBAN.finditer(turn.text):
            if sum(map(str.isdigit, match[0])) >= LEAST_IBAN_DIGITS:
                yield (number, *match.span()), "account"
        for match in _INSURANCE.finditer(turn.text):
            yield (number, *match.span()), "id"
