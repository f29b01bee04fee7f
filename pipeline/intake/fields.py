"""From cells by field, as a table's columns or a file's name give them, to a leg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.errors import BadSetting
from pipeline.intake.cells import cell_text, number_in, plain_number
from pipeline.intake.reader import Leg
from pipeline.intake.vocabulary import METADATA_FIELDS
from pipeline.messages import Message

_NAMES = ("file", "call_id", "extension", "caller_number", "callee_number", "customer_number")


def leg_of_fields(
    place: Message,
    cells: Mapping[str, Sequence[Any]],
    extra: Mapping[str, Any],
    column_numbers: Mapping[str, int] | None = None,
    not_ids: frozenset[str] = frozenset(),
    beside: str = "",
) -> Leg:
    """A leg of the cells of each field, of which the first that is not empty counts; `not_ids` join no legs."""
    names = {field: tuple(filter(None, map(_text, cells.get(field, ())))) for field in _NAMES}
    names["call_id"] = tuple(map(_unrounded, names["call_id"]))
    return Leg(
        place=place,
        ids=tuple(text for text in names["call_id"] if text not in not_ids),
        call_id=next(iter(names["call_id"]), ""),
        recordings=names["file"],
        beside=beside,
        caller=_number(names["caller_number"]),
        callee=_number(names["callee_number"]),
        customer=_number(names["customer_number"]),
        extension=next(iter(names["extension"]), ""),
        cells={
            field: next((cell for cell in found if _is_filled(cell)), None)
            for field, found in cells.items()
            if field not in _NAMES
        },
        extra=extra,
        column_numbers=column_numbers or {},
    )


def check_fields(names: Iterable[str], key: str, allowed: tuple[str, ...] = METADATA_FIELDS) -> None:
    """Raises BadSetting when the setting `key` names fields that there are not."""
    if unknown := sorted(set(names) - set(allowed)):
        raise BadSetting(
            Message(
                "{key}: {names}: no such field; there are {known}",
                key=key,
                names=", ".join(unknown),
                known=", ".join(allowed),
            )
        )


def _text(cell: Any) -> str:
    try:
        return cell_text(cell)
    except ValueError:
        return ""


def _number(texts: Sequence[str]) -> str:
    """The first that has a digit, else the first: a name may stand beside a number."""
    return number_in(next((text for text in texts if any(map(str.isdecimal, text))), next(iter(texts), "")))


def _unrounded(text: str) -> str:
    try:
        return plain_number(text)
    except ValueError:
        # what is left of it is told, and no id, where it is read
        return text


def _is_filled(cell: Any) -> bool:
    return cell is not None and cell != ""
