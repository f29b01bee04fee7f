"""Rows as VICIdial, Amazon Connect, Twilio and vCon writers write them, by their own schemas.

Numbers are invented: those of the tests' customers, and what the systems would make up.
"""

from __future__ import annotations

import json
from typing import Any

RECORDING_LOG = (
    "recording_id", "channel", "server_ip", "extension", "start_time", "start_epoch", "end_time", "end_epoch",
    "length_in_sec", "length_in_min", "filename", "location", "lead_id", "user", "vicidial_id",
)  # fmt: skip
VICIDIAL_LOG = (
    "uniqueid", "lead_id", "list_id", "campaign_id", "call_date", "start_epoch", "end_epoch", "length_in_sec",
    "status", "phone_code", "phone_number", "user", "comments", "processed", "user_group", "term_reason",
    "alt_dial", "called_count",
)  # fmt: skip
CLOSER_LOG = (
    "closecallid", "lead_id", "list_id", "campaign_id", "call_date", "start_epoch", "end_epoch",
    "length_in_sec", "status", "phone_code", "phone_number", "user", "comments", "processed", "queue_seconds",
    "user_group", "xfercallid", "term_reason", "uniqueid", "agent_only", "queue_position", "called_count",
)  # fmt: skip

Row = dict[str, str | None]


def recording_row(**changed: str | None) -> Row:
    """A row of recording_log: a call that came in, recorded as `campaign_rec_filename` has it by default."""
    row: Row = dict.fromkeys(RECORDING_LOG, "")
    row |= {
        "recording_id": "5001", "channel": "Local/58600051@default", "server_ip": "10.0.0.5", "extension": "8600051",
        "start_time": "2026-11-20 09:31:00", "start_epoch": "1795138260", "end_time": "2026-11-20 09:35:40",
        "end_epoch": "1795138540", "length_in_sec": "280", "length_in_min": "4.67",
        "filename": "20261120-093100_13900001234",
        "location": "http://10.0.0.5/RECORDINGS/MP3/20261120-093100_13900001234-all.mp3",
        "lead_id": "1200345", "user": "1001", "vicidial_id": "901",
    }  # fmt: skip
    return row | changed


def closer_row(**changed: str | None) -> Row:
    """A row of vicidial_closer_log: a call that came in."""
    row: Row = dict.fromkeys(CLOSER_LOG, "")
    row |= {
        "closecallid": "901", "lead_id": "1200345", "list_id": "999", "campaign_id": "SUPPORT",
        "call_date": "2026-11-20 09:31:00", "start_epoch": "1795138260", "end_epoch": "1795138540",
        "length_in_sec": "280", "status": "RESOLV", "phone_code": "86", "phone_number": "13900001234", "user": "1001",
        "processed": "N", "queue_seconds": "15.00", "user_group": "TEAM_A", "xfercallid": "0", "term_reason": "AGENT",
        "uniqueid": "1795138260.18", "queue_position": "1", "called_count": "1",
    }  # fmt: skip
    return row | changed


def log_row(**changed: str | None) -> Row:
    """A row of vicidial_log: a call that was dialled."""
    row: Row = dict.fromkeys(VICIDIAL_LOG, "")
    row |= {
        "uniqueid": "1795140000.20", "lead_id": "1200777", "list_id": "101", "campaign_id": "SALES",
        "call_date": "2026-11-20 10:00:00", "start_epoch": "1795140000", "end_epoch": "1795140180",
        "length_in_sec": "180", "status": "NI", "phone_code": "86", "phone_number": "13900005678", "user": "1001",
        "comments": "AUTO", "processed": "N", "user_group": "TEAM_A", "term_reason": "CALLER", "alt_dial": "NONE",
        "called_count": "2",
    }  # fmt: skip
    return row | changed


def mysql_batch(*rows: Row) -> str:
    """What `mysql -B` prints: a header, tabs, NULL for nothing."""
    lines = ["\t".join(rows[0])]
    lines += ("\t".join("NULL" if cell is None else _escaped(cell, "n", "t") for cell in row.values()) for row in rows)
    return "\n".join(lines) + "\n"


def mysql_outfile(*rows: Row) -> str:
    """What SELECT … INTO OUTFILE writes: no header, tabs, \\N for nothing."""
    lines = ("\t".join("\\N" if cell is None else _escaped(cell, "\n", "\t") for cell in row.values()) for row in rows)
    return "\n".join(lines) + "\n"


def _escaped(cell: str, line: str, tab: str) -> str:
    return cell.replace("\\", "\\\\").replace("\n", f"\\{line}").replace("\t", f"\\{tab}")


def csv_table(*rows: Row, delimiter: str = ",") -> str:
    """The rows as CSV with a header."""
    lines = [delimiter.join(rows[0]), *(delimiter.join(cell or "" for cell in row.values()) for row in rows)]
    return "\r\n".join(lines) + "\r\n"


# --- Amazon Connect


def contact_record(number: int = 1, **changed: Any) -> dict[str, Any]:
    """A contact record of a call that came in; None leaves a field out."""
    record: dict[str, Any] = {
        "AWSAccountId": "123456789012",
        "AWSContactTraceRecordFormatVersion": "2017-03-10",
        "Agent": {
            "AfterContactWorkDuration": 12,
            "AgentInteractionDuration": 263,
            "ARN": "arn:aws:connect:us-west-2:123456789012:instance/0a/agent/11110000-0000-4000-8000-000000000001",
            "ConnectedToAgentTimestamp": "2026-11-20T01:31:17Z",
            "CustomerHoldDuration": 0,
            "HierarchyGroups": {
                "Level1": {"ARN": "arn:1", "GroupName": "Shanghai"},
                "Level2": {"ARN": "arn:2", "GroupName": "TEAM_A"},
                "Level3": None,
                "Level4": None,
                "Level5": None,
            },
            "RoutingProfile": {"ARN": "arn:3", "Name": "Basic"},
            "Username": "lina",
        },
        "AgentConnectionAttempts": 1,
        "Attributes": {},
        "Channel": "VOICE",
        "ConnectedToSystemTimestamp": "2026-11-20T01:31:00Z",
        "ContactId": contact_id(number),
        "CustomerEndpoint": {"Address": "+8613900001234", "Type": "TELEPHONE_NUMBER"},
        "DisconnectReason": "CUSTOMER_DISCONNECT",
        "DisconnectTimestamp": "2026-11-20T01:35:40Z",
        "InitialContactId": None,
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": "2026-11-20T01:31:00Z",
        "LastUpdateTimestamp": "2026-11-20T01:37:00Z",
        "NextContactId": None,
        "PreviousContactId": None,
        "Queue": {"ARN": "arn:4", "Duration": 15, "EnqueueTimestamp": "2026-11-20T01:31:02Z", "Name": "support"},
        "Recording": {"Location": recording_location(number), "Status": "AVAILABLE", "Type": "AUDIO"},
        "Recordings": [
            {
                "FragmentStartNumber": None,
                "Location": recording_location(number),
                "MediaStreamType": "AUDIO",
                "ParticipantType": None,
                "StartTimestamp": None,
                "Status": "AVAILABLE",
                "StorageType": "AMAZON_S3",
            }
        ],
        "SystemEndpoint": {"Address": "+864001234567", "Type": "TELEPHONE_NUMBER"},
        "TransferCompletedTimestamp": None,
        "TransferredToEndpoint": None,
    }
    record |= changed
    return {name: value for name, value in record.items() if name not in changed or value is not None}


def contact_id(number: int) -> str:
    """The id of a contact."""
    return f"8e7a0000-0000-4000-8000-{number:012d}"


def recording_location(number: int) -> str:
    """Where Amazon Connect keeps the recording of a contact."""
    return f"bucket/connect/x/CallRecordings/2026/11/20/{contact_id(number)}_20261120T01:31_UTC.wav"


# --- Twilio


def twilio_call(number: int = 1, **changed: Any) -> dict[str, Any]:
    """A call as the API gives it: it came in."""
    call: dict[str, Any] = {
        "account_sid": sid("AC", 9), "annotation": None, "answered_by": None, "api_version": "2010-04-01",
        "caller_name": None, "date_created": "Fri, 20 Nov 2026 01:31:00 +0000",
        "date_updated": "Fri, 20 Nov 2026 01:35:40 +0000", "direction": "inbound", "duration": "280",
        "end_time": "Fri, 20 Nov 2026 01:35:40 +0000", "forwarded_from": None, "from": "+8613900001234",
        "from_formatted": "+86 139 0000 1234", "group_sid": None, "parent_call_sid": None,
        "phone_number_sid": sid("PN", 3), "price": "-0.003", "price_unit": "USD", "queue_time": "0",
        "sid": sid("CA", number), "start_time": "Fri, 20 Nov 2026 01:31:00 +0000", "status": "completed",
        "subresource_uris": {"recordings": "/2010-04-01/Accounts/x/Calls/y/Recordings.json"}, "to": "+864001234567",
        "to_formatted": "+86 400 123 4567", "trunk_sid": None, "uri": "/2010-04-01/Accounts/x/Calls/y.json",
    }  # fmt: skip
    return call | changed


def dialled_leg(number: int, parent: int, to: str, **changed: Any) -> dict[str, Any]:
    """The leg that <Dial> made of a call."""
    leg = {
        "direction": "outbound-dial", "parent_call_sid": sid("CA", parent), "from": "+864001234567", "to": to,
        "start_time": "Fri, 20 Nov 2026 01:31:12 +0000", "duration": "268",
    }  # fmt: skip
    return twilio_call(number, **leg | changed)


def twilio_recording(number: int = 1, call: int = 1, **changed: Any) -> dict[str, Any]:
    """A recording as the API gives it: both legs of a call, a channel each."""
    recording: dict[str, Any] = {
        "account_sid": sid("AC", 9), "api_version": "2010-04-01", "call_sid": sid("CA", call), "channels": 2,
        "conference_sid": None, "date_created": "Fri, 20 Nov 2026 01:31:13 +0000",
        "date_updated": "Fri, 20 Nov 2026 01:35:42 +0000", "duration": "267", "encryption_details": None,
        "error_code": None, "media_url": f"https://api.example.com/Recordings/{sid('RE', number)}", "price": "-0.0025",
        "price_unit": "USD", "sid": sid("RE", number), "source": "DialVerb",
        "start_time": "Fri, 20 Nov 2026 01:31:13 +0000", "status": "completed",
        "uri": f"/2010-04-01/Accounts/x/Recordings/{sid('RE', number)}.json",
    }  # fmt: skip
    return recording | changed


def sid(kind: str, number: int) -> str:
    """One of Twilio's ids: two letters and 32 hexadecimal digits."""
    return f"{kind}{number:032x}"


def twilio_page(name: str, *resources: dict[str, Any]) -> str:
    """A page of a list, as the API answers."""
    page = {"end": len(resources) - 1, "first_page_uri": "/2010-04-01/Accounts/x.json?PageSize=50", "page": 0}
    return json.dumps(page | {name: list(resources), "page_size": 50, "start": 0}, indent=2)


# --- vCon


def vcon(**changed: Any) -> dict[str, Any]:
    """A vCon of a call that came in, as draft-ietf-vcon-vcon-core has it, with the contact centre's extension."""
    container: dict[str, Any] = {
        "uuid": "01951f2a-0000-8000-8000-000000000001",
        "extensions": ["CC"],
        "created_at": "2026-11-20T01:40:00.000Z",
        "parties": [
            {"tel": "tel:+8613900001234", "role": "customer", "validation": "none"},
            {"sip": "1001@pbx.example.com", "name": "Li Na", "mailto": "mailto:lina@example.com", "role": "agent",
             "uuid": "agent-1001"},
        ],
        "dialog": [dialog()],
        "analysis": [],
        "attachments": [],
    }  # fmt: skip
    return {name: value for name, value in (container | changed).items() if value is not None}


def dialog(**changed: Any) -> dict[str, Any]:
    """A recording in a vCon: two channels, the customer's first; None leaves a parameter out."""
    recording: dict[str, Any] = {
        "type": "recording",
        "start": "2026-11-20T01:31:00.000Z",
        "duration": 280.5,
        "parties": [0, 1],
        "mediatype": "audio/x-wav",
        "filename": "call-1.wav",
        "url": "https://recordings.example.com/2026/call-1.wav",
        "content_hash": "sha512-GLy6IPaIUM1GqzZqfIPZlWjaDsNgNvZM0iCONNThnH0a75fhUM6cYzLZ5GynSURREvZwmOh54-2lRRieyj82UQ",
        "skill": "support",
    }
    return {name: value for name, value in (recording | changed).items() if value is not None}
