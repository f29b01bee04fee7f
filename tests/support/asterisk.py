"""Rows as Asterisk writes them: cdr/cdr_csv.c, cdr_custom, main/logger.c (queue_log), CEL, and FreePBX's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping

CUSTOMER = "13900001234"

INBOUND: Mapping[str, object] = {
    "accountcode": "", "src": CUSTOMER, "dst": "600", "dcontext": "from-trunk", "clid": f'"Zhang" <{CUSTOMER}>',
    "channel": "PJSIP/trunk-00000012", "dstchannel": "PJSIP/1001-00000013", "lastapp": "Queue",
    "lastdata": "support,t,,,60", "start": "2026-11-20 01:31:00", "answer": "2026-11-20 01:31:02",
    "end": "2026-11-20 01:35:40", "duration": 280, "billsec": 278, "disposition": "ANSWERED",
    "amaflags": "DOCUMENTATION", "uniqueid": "1795138260.18", "userfield": "", "peeraccount": "",
    "linkedid": "1795138260.18", "sequence": 45,
}  # fmt: skip
"""A queue call that agent 1001 answered, as the cells of Master.csv."""

OUTBOUND: Mapping[str, object] = {
    **INBOUND, "src": "1001", "dst": "013900005678", "dcontext": "from-internal", "clid": '"Li Na" <1001>',
    "channel": "PJSIP/1001-00000014", "dstchannel": "PJSIP/trunk-00000015", "lastapp": "Dial",
    "lastdata": "PJSIP/013900005678@trunk,60", "start": "2026-11-20 02:00:00", "answer": "2026-11-20 02:00:11",
    "end": "2026-11-20 02:03:00", "duration": 180, "billsec": 169, "uniqueid": "1795140000.20",
    "linkedid": "1795140000.20", "sequence": 46,
}  # fmt: skip
"""A call that agent 1001 made."""

MASTER = tuple(INBOUND)
CUSTOM = ("clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end",
          "duration", "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield",
          "sequence")  # fmt: skip
FREEPBX = ("calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration",
           "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "did", "recordingfile",
           "cnum", "cnam", "outbound_cnum", "outbound_cnam", "dst_cnam", "linkedid", "peeraccount",
           "sequence")  # fmt: skip


def master_row(call: Mapping[str, object], *optional: str, **cells: object) -> str:
    """A line of Master.csv: 16 cells and the optional ones that the settings add. Numbers and no answer are bare."""
    row = {**call, **cells}
    return ",".join(_quoted(row[name]) for name in (*MASTER[:16], *optional))


def custom_row(call: Mapping[str, object], columns: tuple[str, ...] = CUSTOM, **cells: object) -> str:
    """A line of cdr_custom with CSV_QUOTE around all but the sequence."""
    row = {**call, **cells}
    return ",".join(_quoted(row[name]) if name == "sequence" else _quoted(str(row[name])) for name in columns)


def freepbx_row(call: Mapping[str, object], **cells: object) -> dict[str, str]:
    """A row of `asteriskcdrdb.cdr`, on the clock of China."""
    row = {"calldate": call["start"], **call, **cells}
    return {name: str(row.get(name, "")) for name in FREEPBX}


def as_csv(*rows: Mapping[str, str], delimiter: str = ",") -> str:
    """A header line and quoted rows."""
    lines = [delimiter.join(rows[0]), *(delimiter.join(map(_quoted, row.values())) for row in rows)]
    return "\r\n".join(lines) + "\r\n"


def as_mysql(*rows: Mapping[str, str]) -> str:
    """What `mysql -B` prints: tabs, nothing quoted, NULL for nothing."""
    return "".join("\t".join(line) + "\n" for line in (rows[0], *([c or "NULL" for c in row.values()] for row in rows)))


def queue_lines(*events: str) -> str:
    """A queue_log; each event is written as it stands there."""
    return "".join(event + "\n" for event in events)


CEL = ("eventtype", "eventtime", "cidname", "cidnum", "cidani", "cidrdnis", "ciddnid", "exten", "context", "channame",
       "appname", "appdata", "amaflags", "acctcode", "uniqueid", "linkedid", "peer", "userfield", "userdeftype",
       "extra")  # fmt: skip


def cel_event(event: str, channel: str, unique_id: str, linked_id: str, **cells: object) -> dict[str, str]:
    """A channel event, by CEL's names."""
    row = {"eventtype": event, "eventtime": "1795138540.112233", "channame": channel, "uniqueid": unique_id,
           "linkedid": linked_id, "amaflags": "3", **cells}  # fmt: skip
    return {name: str(row.get(name, "")) for name in CEL}


def hangup(channel: str, unique_id: str, linked_id: str, source: str, status: str = "") -> dict[str, str]:
    """The event in which a channel ends, with who ended it."""
    extra = json.dumps({"hangupcause": 16, "hangupsource": source, "dialstatus": status}, separators=(",", ":"))
    return cel_event("HANGUP", channel, unique_id, linked_id, extra=extra)


def cel_lines(*events: Mapping[str, str], delimiter: str = ",", escape: str = '"') -> str:
    """cel_custom's Master.csv: every cell quoted, no header."""
    lines = ([_quoted(cell, escape) for cell in event.values()] for event in events)
    return "".join(delimiter.join(line) + "\n" for line in lines)


def _quoted(cell: object, escape: str = '"') -> str:
    if isinstance(cell, int):
        return str(cell)
    return '"' + str(cell).replace('"', f'{escape}"') + '"' if cell is not None else ""
