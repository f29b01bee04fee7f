"""What a cell of call metadata says: moments, durations, counts, and who is on which channel."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline.datatypes import Role
from pipeline.intake.reader import Direction
from pipeline.intake.sides import party_of
from pipeline.intake.vocabulary import CHANNEL_NAMES, PARTY_NAMES

# no two parts that could take the same blanks stand side by side: the work is linear in a cell of blanks
DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})(?:\s*日)?"
    r"(?:[\sT_]*(\d{1,2})\s*[:时点]\s*(\d{1,2})(?:\s*[:分]\s*(\d{1,2})(?:\.\d+)?(?:\s*秒)?|\s*分)?)?"
    r"(?:\s*(Z|[+-]\d{2}(?::?\d{2})?))?"
)
"""A date, with a time of day or without, the year first."""

_DEEPEST = 8
_MOST_ROUND_PLACES = 5
"""An exponent from which on the zeros are held to be digits that were lost."""

_UNITS_S = {"milliseconds": 0.001, "毫秒": 0.001, "ms": 0.001, "seconds": 1.0, "sec": 1.0, "s": 1.0, "秒": 1.0}
"""What stands behind a number of seconds, the longer words first, and how many of them one is."""

_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
"""Not three digits behind it: 1,500 may be a thousand and a half."""

_DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９：／－＋．　", "0123456789:/-+. ")
_AS_TEXT = re.compile(r'="([^"]*)"|\'(?=[+\d])(.*)', re.DOTALL)
"""How a spreadsheet is made to keep a number as a text: ="1001" and '1001."""

_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d*))?[eE]\+(\d{1,2})")
_HALF_DAY = re.compile(r"(上午|下午|凌晨|早上|中午|晚上|(?<![a-z])[ap]\.?m\.?(?![a-z]))", re.IGNORECASE)
_EXCEL_EPOCH = datetime(1899, 12, 30)
_EXCEL_DAYS = range(32_874, 73_051)
"""1990 to 2099."""


def cell_text(cell: Any) -> str:
    """A cell as text: numbers without a needless ".0", null and blanks as "". Raises ValueError for deep nesting."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if not _is_shallow(cell):
        raise ValueError("nested too deeply")
    text = str(cell).strip()
    if text[:1] in "='" and (as_text := _AS_TEXT.fullmatch(text)):
        text = (as_text[1] or as_text[2] or "").strip()
    if text.casefold() in ("null", "none", "nan", "n/a", "\\n", "#n/a"):
        return ""
    return text if text.isascii() else text.translate(_DIGITS)


def plain_number(text: str) -> str:
    """An id or a number to call as it was before a spreadsheet rewrote it: 1001.0 is 1001, 1.001E+3 too.

    Raises ValueError for one that has lost digits (1.38E+10). An Asterisk id (1795138260.0) is no fraction.
    """
    if found := _SCIENTIFIC.fullmatch(text):
        fraction, places = found[2] or "", int(found[3])
        if len(fraction) < places and places >= _MOST_ROUND_PLACES:
            raise ValueError(text)
        return found[1] + fraction.ljust(places, "0") if len(fraction) <= places else text
    whole, dot, fraction = text.partition(".")
    is_fraction = bool(dot) and whole.isdecimal() and fraction.strip("0") == "" and fraction != ""
    return whole if is_fraction and len(whole) != 10 else text


def number_in(text: str) -> str:
    """The number to call of `"Zhang" <13900001234>`, `Li Na (1001)`, `sip:1001@10.0.0.5` and `tel:+8613900001234`;
    other texts stay.
    """
    if found := _NAMED_NUMBER.fullmatch(text):
        text = found[1] or found[2]
    return found[1] if (found := _URI.fullmatch(text)) else text


_NAMED_NUMBER = re.compile(r"[^<>()]*(?:<([^<>]+)>|\(((?:sips?:|tel:)?\+?\d[^()]*)\))\s*", re.IGNORECASE)
_URI = re.compile(r"(?:sips?|tel):([^@;>]+)[^>]*", re.IGNORECASE)


def _is_shallow(cell: Any, levels: int = _DEEPEST) -> bool:
    if not isinstance(cell, dict | list):
        return True
    parts = cell.values() if isinstance(cell, dict) else cell
    return levels > 0 and all(_is_shallow(part, levels - 1) for part in parts)


def parse_count(text: str) -> int:
    """A small whole number, written as such or with a fraction. Raises ValueError."""
    number = int(float(text.rstrip("次声下 ")))
    if not 0 <= number <= 1000:
        raise ValueError(text)
    return number


def parse_duration_s(text: str) -> float:
    """Seconds: "12", "12.5 s", "12,5", "12秒", "1500 ms", "1:05", "00:01:05", "1分5秒". Raises ValueError."""
    text = text.casefold()
    if "分" in text or "时" in text:
        text = re.sub(r"小时|时|分钟|分", ":", text)
        text = text + "0" if text.endswith(":") else text
    unit = next((unit for unit in _UNITS_S if text.endswith(unit)), "")
    text = text.removesuffix(unit).rstrip()
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    seconds *= _UNITS_S.get(unit, 1.0)
    if not 0 <= seconds < 86400 * 2:
        raise ValueError(text)
    return seconds


def parse_time(text: str) -> datetime:
    """A moment: ISO 8601, "2026/11/20 9:31", "2026年11月20日 9时31分", "2026/11/20 下午 9:31", 20261120093100,
    RFC 2822, epoch seconds, ms or µs, or the days of a spreadsheet (46346.4).

    Naive where the text names no zone. Raises ValueError, or OverflowError or OSError for a moment beyond the clock;
    day and month first would be a guess and are refused.
    """
    text = text.strip().translate(_FULL_WIDTH)
    if epoch := _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(float(text) / 10 ** max(len(epoch[1]) - 10, 0), UTC)
    compact = re.sub(r"[\sT_-]", "", text)
    if re.fullmatch(r"(19|20)\d{12}", compact) and re.fullmatch(r"\d{8}[\sT_-]*\d{6}", text):
        return datetime.strptime(compact, "%Y%m%d%H%M%S")
    if (half := _HALF_DAY.search(text)) and len(text) < _LONGEST_MOMENT:
        moment = parse_time(text[: half.start()] + " " + text[half.end() :])
        return moment.replace(hour=_hour(moment.hour, half[1].casefold()[0]))
    if date := DATE.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in date.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second)
        if zone := date[7]:
            return moment.replace(tzinfo=datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").tzinfo)
        return moment
    if re.fullmatch(r"\d{5}(\.\d{1,12})?", text) and int(text[:5]) in _EXCEL_DAYS:
        return _EXCEL_EPOCH + timedelta(seconds=round(float(text) * 86_400))
    if text[:3].isalpha() and len(text) < _LONGEST_MOMENT:
        return parsedate_to_datetime(text)
    return datetime.fromisoformat(text)


_EPOCH = re.compile(r"(\d{10}|\d{13}|\d{16})(?:\.\d+)?")
_LONGEST_MOMENT = 64


def _hour(hour: int, half: str) -> int:
    """The hour of a day that is told in halves; 上午 and a.m. begin at 12. Raises ValueError for one that is none."""
    if hour > 12 and half in "上凌早a":
        raise ValueError(hour)
    if half in "下晚p" or (half == "中" and hour < 11):
        return hour if hour >= 12 else hour + 12
    return hour % 12 if half != "中" else hour


def channel_map_text(cell: Any) -> str:
    """A channel map as text, where JSON has it as an object or a list. Raises ValueError for deep nesting."""
    if not _is_shallow(cell):
        raise ValueError("nested too deeply")
    if isinstance(cell, dict):
        return ",".join(f"{channel}={role}" for channel, role in cell.items())
    return ",".join(map(str, cell)) if isinstance(cell, list) else cell_text(cell)


def parse_channel_map(text: str, direction: Direction | None = None) -> dict[int, Role]:
    """Who is on which of two channels: "0=agent,1=customer", "agent-left", "左=坐席", "agent,customer" (in order).

    Naming one is enough; 1 and 2 count from one. Caller and callee are agent or customer by the direction, and nothing
    is known without it ({}). Raises ValueError.
    """
    words = [word for word in re.split(r"[\s,;:=/|{}\"'>，；：、_-]+", text.casefold()) if word]
    words = [part for word in words for part in _split_words(word)]
    if "2" in words:
        words = [{"1": "0", "2": "1"}.get(word, word) for word in words]
    sides = [PARTY_NAMES[word] for word in words if word in PARTY_NAMES]
    channels = [CHANNEL_NAMES[word] for word in words if word in CHANNEL_NAMES]
    if len(sides) + len(channels) != len(words) or not sides or len(sides) > 2:
        raise ValueError(text)
    if not channels and len(sides) == 2:
        channels = [0, 1]
    if len(channels) != len(sides) or len(set(channels)) < len(channels):
        raise ValueError(text)
    mapping: dict[int, Role] = {}
    for channel, side in zip(channels, sides, strict=True):
        if party := party_of(side, direction):
            mapping[channel] = party
    if len(set(mapping.values())) < len(mapping) or len(set(sides)) < len(sides):
        raise ValueError(text)
    if len(mapping) == 1:
        ((channel, role),) = mapping.items()
        mapping[1 - channel] = "customer" if role == "agent" else "agent"
    return dict(sorted(mapping.items()))


def _split_words(word: str) -> list[str]:
    """左坐席 → 左, 坐席: Han words written together."""
    if word in PARTY_NAMES or word in CHANNEL_NAMES:
        return [word]
    han = [name for name in (*PARTY_NAMES, *CHANNEL_NAMES) if not name.isascii()]
    parts: list[str] = re.findall("|".join(sorted(han, key=len, reverse=True)), word)
    return parts if "".join(parts) == word else [word]
