"""FreeSWITCH's mod_cdr_csv: lines after a template, without a header; and tables whose header names its variables.

Sources: mod_cdr_csv.c (the built-in template, `legs`, a file for each account beside Master.csv) and cdr_csv.conf.xml
(the named templates). Variables are put between the template's quotation marks as they are, so a value may hold such
marks itself: a line is read by the template, not as CSV.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import re2

from pipeline.errors import BadMetadata
from pipeline.intake.reader import Leg, MetadataFile
from pipeline.intake.readers.freeswitch_legs import VARIABLES, freeswitch_leg, leg_kind
from pipeline.intake.rows import csv_records, delimiter_of
from pipeline.messages import Message

_CALL = '"${caller_id_name}","${caller_id_number}","${destination_number}","${context}"'
_STAMPS = '"${start_stamp}","${answer_stamp}","${end_stamp}"'
_BEFORE_ACCOUNT = f'{_CALL},{_STAMPS},"${{duration}}","${{billsec}}","${{hangup_cause}}","${{uuid}}","${{bleg_uuid}}"'
_CODECS = '"${read_codec}","${write_codec}"'

TEMPLATES = {
    "example": f'{_BEFORE_ACCOUNT},"${{accountcode}}",{_CODECS}',
    "default": f'{_BEFORE_ACCOUNT}, "${{accountcode}}"',
    "snom": f'{_BEFORE_ACCOUNT}, "${{accountcode}}",{_CODECS},"${{sip_user_agent}}","${{call_clientcode}}",'
    '"${sip_rtp_rxstat}","${sip_rtp_txstat}","${sofia_record_file}"',
    "linksys": f'{_BEFORE_ACCOUNT},"${{accountcode}}",{_CODECS},"${{sip_user_agent}}","${{sip_p_rtp_stat}}"',
    "asterisk": '"${accountcode}","${caller_id_number}","${destination_number}","${context}","${caller_id}",'
    f'"${{channel_name}}","${{bridge_channel}}","${{last_app}}","${{last_arg}}",{_STAMPS},"${{duration}}","${{billsec}}",'
    '"${hangup_cause}","${amaflags}","${uuid}","${userfield}"',
    "opencdrrate": '"${uuid}","${signal_bond}","${direction}","${ani}","${destination_number}","${answer_stamp}",'
    '"${end_stamp}","${billsec}","${accountcode}","${userfield}","${network_addr}",'
    '"${regex(\'${original_caller_id_name}\'|^.)}","${sip_gateway_name}"',
    "sql": f'INSERT INTO cdr VALUES ({_BEFORE_ACCOUNT}, "${{accountcode}}");',
}
"""The templates of cdr_csv.conf.xml, and the built-in one, called default."""

_AND_MORE = f"{_BEFORE_ACCOUNT},${{further}}"
"""What houses make of them: most add variables at the end. Who hung up is told among them by its words."""

_DISPOSITION = re.compile(r'"((?:recv|send)_(?:bye|cancel|refuse))"')
_LIKE_ITS = re.compile(r'"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d".*"[A-Z]+_[A-Z_]+"')

_VARIABLE = re.compile(r"\$\{((?:[^{}]|\{[^{}]*\})*)\}")
_INNER = re.compile(r"\w+")
_STAMP, _COUNT, _ID = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"-?\d+", r"[\w.@-]"
_SHAPES = {
    name: shape
    for shape, names in {
        _STAMP: ("start_stamp", "end_stamp"),
        f"(?:{_STAMP})?": ("answer_stamp", "bridge_stamp", "progress_stamp", "progress_media_stamp"),
        _COUNT: ("duration", "billsec", "mduration", "billmsec", "start_epoch", "answer_epoch", "end_epoch"),
        f"{_ID}+": ("uuid",),
        f"{_ID}*": ("bleg_uuid", "signal_bond", "bridge_uuid", "call_uuid", "read_codec", "write_codec"),
        r"[A-Z0-9_]*": ("hangup_cause",),
        r"(?:inbound|outbound)?": ("direction",),
        r".*": ("further",),
        r"[^\",]*": ("accountcode", "caller_id_number", "destination_number", "context", "ani"),
    }.items()
    for name in names
}
"""What some variables can hold; the others may hold anything."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEADERS = (
    {"uuid", "caller_id_number", "destination_number"},
    {"xml_cdr_uuid", "destination_number"},
)
_TOLD_BY_FIRST = dict.fromkeys(("start_stamp", "answer_stamp", "caller_id_name", "caller_id_number", "ani"), "")
_LONGEST_LINE = 65_536


class Template:
    """A line of mod_cdr_csv as it is written: text, and `${variables}` in it."""

    def __init__(self, text: str) -> None:
        parts = _VARIABLE.split(text.strip())
        self.names = [name if _INNER.fullmatch(name) else "" for name in parts[1::2]]
        self._usual = re.compile(_pattern(parts, self.names, '[^"]*' if '"' in text else "[^,]*"))
        self._any = re2.compile(_pattern(parts, self.names, ".*?"))

    def fields(self, line: str, *, has_marks: bool = False) -> dict[str, str] | None:
        """The variables of a line; None when it is not of this template.

        `has_marks`: values may hold what stands between them, and are told by the shape of the others, in linear time.
        """
        match = (self._any if has_marks else self._usual).fullmatch(line)
        return dict(zip(self.names, match.groups(""), strict=True)) if match else None


def _pattern(parts: list[str], names: list[str], anything: str) -> str:
    """A template's pattern: its texts, and between them what each variable can hold."""
    values = (f"({_SHAPES.get(name, anything)})" for name in names)
    return "".join(map("".join, zip(map(_literal, parts[:-1:2]), values, strict=True))) + _literal(parts[-1])


def _literal(text: str) -> str:
    return re.sub(r"(?:\\ )*,(?:\\ )*", " *, *", re.escape(text))


class FreeswitchCsvReader:
    """A `LegReader` of mod_cdr_csv.

    `order` is the house's own template, as it stands in its cdr_csv.conf.xml, or names its variables one by one.
    """

    source = "freeswitch-csv"

    def __init__(self, order: Sequence[str] = ()) -> None:
        template = order[0] if len(order) == 1 and "${" in order[0] else ""
        # the order of another system's columns is none of this one's
        self._names = tuple(order) if len({"uuid", "caller_id_number", "destination_number"} & set(order)) > 1 else ()
        self._templates = [Template(each) for each in ([template] if template else TEMPLATES.values())]
        self._and_more = None if template else Template(_AND_MORE)

    def recognises(self, file: MetadataFile) -> bool:
        if _header(file):
            return True
        if self._names:
            rows = [fields for _, fields in _table_rows("\n".join(file.head()), self._names, ",") if fields]
            return any(_UUID.fullmatch(fields.get("uuid", "")) or _is_stamp(fields) for fields in rows)
        return any(_UUID.search(line) and (_LIKE_ITS.search(line) or self._read_alone(line)) for line in file.head())

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """The legs. Raises BadMetadata when the lines are of no template that is known."""
        if not (self._names or _header(file) or any(map(self._read_alone, file.head()))):
            raise BadMetadata(
                Message(
                    "its lines are of no template that is known; copy the template from your cdr_csv.conf.xml to "
                    "ingest.column_order"
                )
            )
        first_leg_of = {
            other: fields.get("uuid", "")
            for _, fields in self._rows(file)
            if fields and (other := fields.get("bleg_uuid", ""))
        }
        for number, told in self._rows(file):
            place = file.line(number)
            if told is None:
                warnings.append(Message("{place}: not the cells of this kind of file; left out", place=place))
                continue
            fields = {name: text.strip() for name, text in told.items() if name in VARIABLES}
            if disposition := _DISPOSITION.search(told.get("further", "")):
                fields["sip_hangup_disposition"] = disposition[1]
            first_leg = first_leg_of.get(fields.get("uuid", ""))
            if first_leg and first_leg_of.get(first_leg) == fields["uuid"]:
                # each names the other
                first_leg = None
            kind = leg_kind(fields, is_first=None if first_leg is None else False)
            if first_leg is not None:
                # the other row tells of the call, and better: here the numbers are those that were sent on
                fields = {**fields, **_TOLD_BY_FIRST, "originator": first_leg}
            yield freeswitch_leg(fields, place, kind)

    def _rows(self, file: MetadataFile) -> Iterator[tuple[int, dict[str, str] | None]]:
        """The number of each line that is not blank, and its variables; None for one that is not understood."""
        if header := _header(file):
            return _table_rows(file.text, *header, has_header=True)
        if self._names:
            return _table_rows(file.text, self._names, ",")
        return self._lines(file.text)

    def _lines(self, text: str) -> Iterator[tuple[int, dict[str, str] | None]]:
        templates = list(self._templates)
        # a StringIO would hold the text once more, four bytes a character
        for number, line in enumerate(re.finditer(r"[^\n]*\n|[^\n]+", text), 1):
            if stripped := line[0].strip("\ufeff\0 \t\r\n"):
                yield number, self._read_line(stripped, templates)

    def _read_line(self, line: str, templates: list[Template]) -> dict[str, str] | None:
        """The variables of a line; the template that fits moves to the front, for the next is likely to be of it."""
        if len(line) > _LONGEST_LINE:
            return None
        # bytes of another encoding cannot be searched; what they become is no text either, and so is left out later
        line = line if line.isascii() else line.encode("utf-8", "backslashreplace").decode()
        for has_marks in (False, True):
            for number, template in enumerate(templates):
                if (fields := template.fields(line, has_marks=has_marks)) is not None:
                    if number:
                        templates.insert(0, templates.pop(number))
                    return fields
            if self._and_more and (fields := self._and_more.fields(line, has_marks=has_marks)) is not None:
                return fields
        return None

    def _read_alone(self, line: str) -> dict[str, str] | None:
        return self._read_line(line.strip("\ufeff\0 \t\r\n"), list(self._templates))


def _is_stamp(fields: dict[str, str]) -> bool:
    return bool(re.fullmatch(_STAMP, fields.get("start_stamp", "")))


def _header(file: MetadataFile) -> tuple[Sequence[str], str] | None:
    """The variables that the first line names, and what stands between them; None when it is a call's line."""
    head = file.head(1)
    line = head[0].lstrip("\ufeff") if head else ""
    delimiter = delimiter_of(line)
    _, cells = next(csv_records(line, delimiter), (0, None))
    names = [cell.strip().casefold().removeprefix("variable_") for cell in cells or ()]
    return (names, delimiter) if any(header <= set(names) for header in _HEADERS) else None


def _table_rows(
    text: str, names: Sequence[str], delimiter: str, *, has_header: bool = False
) -> Iterator[tuple[int, dict[str, str] | None]]:
    records = csv_records(text.lstrip("\ufeff"), delimiter)
    if has_header:
        next((cells for _, cells in records if cells is None or any(cells)), None)
    for number, cells in records:
        if cells == []:
            continue
        if cells is None or len(cells) < len(names) // 2 or any(cell.strip() for cell in cells[len(names) :]):
            yield number, None
        elif any(cell.strip() for cell in cells):
            fields = dict(zip(names, cells, strict=False))
            if "xml_cdr_uuid" in fields:
                # FusionPBX's table says the call's direction, local among them
                fields["call_direction"] = fields.pop("direction", "")
            yield number, fields
