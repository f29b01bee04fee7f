"""Which number some digits are, by their length, prefix and checksum."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.masks import MaskKind

MOBILE = re.compile(r"(?:0{0,2}86)?1[3-9]\d{9}")
_NEAR_MOBILE = re.compile(r"(?:86)?1[3-9]\d{8}(?:\d{2})?")
_LANDLINE = re.compile(r"(?:86)?0(?:10|2\d|[3-9]\d{2})[2-9]\d{6,7}\d{0,4}")
_NANP = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
_BRITISH = re.compile(r"(?:0{0,2}44)?0?(?:1\d{8,9}|2\d{9}|3\d{9}|7\d{9})")
_BIRTH = re.compile(r"\d{6}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]")
_DEVICE = re.compile(r"35\d{13}\Z")
"""The IMEI of a telephone, which has a check digit like a card."""

_CARD_PREFIX = re.compile(r"62|4|5[1-5]|2[2-7]|3[47]|35|6011|65")
_TOLL_FREE = re.compile(r"1?8(?:00|88|77|66|55|44|33)[2-9]\d{6}|0(?:800|808)\d{6,7}|0(?:3[0347]|8[47])\d{8}")
_SERVICE = re.compile(r"(?:400|800)\d{7}")
"""Numbers of services that everybody may call, and nobody's own."""

SHORT_PUBLIC = re.compile(r"95\d{3}|100\d\d|1[12]\d{3}|1[12]\d|999|911")
"""Short numbers of banks, carriers, authorities and emergency services."""

CARD_LENGTHS = range(13, 20)

_GROUPED: dict[tuple[int, ...], MaskKind] = {
    (3, 4, 4): "phone", (4, 4, 4, 4): "card", (4, 4, 4, 4, 3): "card", (4, 6, 5): "card", (6, 8, 4): "id",
}  # fmt: skip
"""Groups in which people read their numbers out; where a digit was misheard nothing else tells."""


def is_public(digits: str, language: str, by_agent: bool) -> bool:
    """Whether everybody may call a number: toll-free, of a company. In Chinese only one that the agent tells."""
    return bool(_TOLL_FREE.fullmatch(digits)) if language == "en" else by_agent and bool(_SERVICE.fullmatch(digits))


def has_all_digits(digits: str) -> bool:
    """Whether digits are all those of a mainland mobile or identity number, one of them misheard or not."""
    return bool(MOBILE.fullmatch(digits) or _BIRTH.fullmatch(digits))


def is_whole_phone(digits: str, language: str) -> bool:
    """Whether a telephone number has all its digits."""
    if language == "en":
        return _is_telephone(digits, language)
    return bool(MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits))


def sure_kind(digits: str) -> MaskKind | None:
    """What digits are beyond doubt: a mobile number of the mainland, an ID or a card whose checksum is right."""
    if MOBILE.fullmatch(digits):
        return "phone"
    if len(digits) == 18 and _BIRTH.fullmatch(digits) and _is_identity(digits):
        return "id"
    if len(digits) in (15, 16, 19) and _CARD_PREFIX.match(digits) and _has_luhn(digits) and not _DEVICE.match(digits):
        return "card"
    return None


def likely_kind(digits: str, lengths: Sequence[int], language: str) -> MaskKind | None:
    """What digits of which nobody says anything are by their shape, a digit misheard or not."""
    if kind := sure_kind(digits):
        return kind
    if kind := _GROUPED.get(tuple(lengths)):
        return kind
    count = len(digits)
    if count in CARD_LENGTHS and _has_luhn(digits):
        return "card"
    if _BIRTH.fullmatch(digits):
        return "id"
    if count >= 14:
        return "card" if _CARD_PREFIX.match(digits) and count in CARD_LENGTHS else "account"
    return "phone" if _is_telephone(digits, language) else None


def _is_telephone(digits: str, language: str) -> bool:
    if language != "en":
        return bool(_NEAR_MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits))
    if not (_NANP.fullmatch(digits) or _BRITISH.fullmatch(digits)):
        return False
    return len(digits) >= 10 and _is_possible(digits)


def _is_identity(digits: str) -> bool:
    from stdnum.cn import ric

    return bool(ric.calc_check_digit(digits) == digits[-1])


def _has_luhn(digits: str) -> bool:
    from stdnum import luhn

    return digits.isdigit() and bool(luhn.is_valid(digits))


def _is_possible(digits: str) -> bool:
    """Whether a number can be called in North America or Britain, by the plans that phonenumbers knows."""
    import phonenumbers

    for region in ("US", "GB"):
        try:
            if phonenumbers.is_possible_number(phonenumbers.parse(digits, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
