"""Amazon Connect: contact records, as Kinesis exports them or the API gives them.

The source of every name and value is the contact records data model of its administrator's guide. A contact that is
passed on has a record, an agent and a recording of its own, so contacts are joined by nothing; what they say of each
other tells the direction of those that were passed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.intake.reader import CallSide, Direction, Leg, MetadataFile, ReleaseRecord
from pipeline.intake.readers.json_values import json_objects, json_part, json_text, looks_like_json, moment_text
from pipeline.messages import Message

_DIRECTIONS: dict[str, Direction] = {
    "INBOUND": "inbound",
    "WEBRTC_API": "inbound",
    "OUTBOUND": "outbound",
    "CALLBACK": "outbound",
    "API": "outbound",
    "EXTERNAL_OUTBOUND": "outbound",
}
"""Who began a voice contact. A callback is dialled by the centre, as is a voice contact made by the API."""

_PASSED_ON = ("TRANSFER", "QUEUE_TRANSFER", "DISCONNECT")
"""How a contact began that another one led to."""

_RELEASED: dict[str, CallSide] = {
    "CUSTOMER_DISCONNECT": "customer",
    "AGENT_DISCONNECT": "agent",
    "CONTACT_FLOW_DISCONNECT": "system",
    "API": "system",
    "TELECOM_PROBLEM": "system",
    "SYSTEM_ERROR": "system",
    **dict.fromkeys(
        ("TELECOM_BUSY", "TELECOM_NUMBER_INVALID", "TELECOM_POTENTIAL_BLOCKING", "TELECOM_UNANSWERED",
         "TELECOM_TIMEOUT", "TELECOM_ORIGINATOR_CANCEL", "CUSTOMER_NEVER_ARRIVED", "EXPIRED",
         "OUTBOUND_DESTINATION_ENDPOINT_ERROR", "OUTBOUND_RESOURCE_ERROR", "OUTBOUND_ATTEMPT_FAILED",
         "OUTBOUND_PREVIEW_DISCARDED"),
        "nobody",
    ),
}  # fmt: skip
"""DisconnectReason of voice contacts. OTHER, BARGED and THIRD_PARTY_DISCONNECT name neither side."""

_RELATED = ("InitialContactId", "PreviousContactId", "NextContactId", "RelatedContactId")
_KEPT = ("InitiationMethod", "DisconnectReason", *_RELATED)


class AmazonConnectReader:
    """Reads contact records in a list, one a line, or with nothing between them."""

    source = "amazon-connect"

    def recognises(self, file: MetadataFile) -> bool:
        """By the fields that every contact record has."""
        return looks_like_json(file, "ContactId", "InitiationMethod")

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """A leg for each voice contact. Records are delivered more than once: the one updated last counts."""
        contacts: dict[str, _Contact] = {}
        others = 0
        for place, record in json_objects(file, warnings):
            contact = json_text(record, "ContactId")
            updated = json_text(record, "LastUpdateTimestamp")
            if not contact:
                warnings.append(Message("{place}: is no contact record, left out; it has no ContactId", place=place))
            elif json_text(record, "Channel") not in ("VOICE", ""):
                others += 1
            elif contact not in contacts or updated >= contacts[contact].updated:
                method = json_text(record, "InitiationMethod").upper()
                earlier = (json_text(record, "PreviousContactId"), json_text(record, "InitialContactId"))
                contacts[contact] = _Contact(_leg(place, record), method, earlier, updated)
        if others:
            message = Message(
                "{file}: {count} contacts are no calls (chats, tasks, e-mails) and are left out",
                file=file.shown_name,
                count=others,
            )
            warnings.append(message)
        for known in contacts.values():
            yield replace(known.leg, direction=_direction(known, contacts))


@dataclass(frozen=True, slots=True)
class _Contact:
    """A voice contact: its leg, how it began, and the ids of the contacts that may have led to it."""

    leg: Leg
    method: str
    earlier: tuple[str, str]
    updated: str


def _direction(contact: _Contact, contacts: Mapping[str, _Contact]) -> Direction | None:
    """The direction of the contact, or of the one that led to it, if that is in the file."""
    seen: set[str] = set()
    while contact.method in _PASSED_ON:
        earlier = next((id_ for id_ in contact.earlier if id_ in contacts and id_ not in seen), None)
        if earlier is None:
            return None
        seen.add(earlier)
        contact = contacts[earlier]
    return _DIRECTIONS.get(contact.method)


def _leg(place: Message, record: Mapping[str, Any]) -> Leg:
    agent, queue = json_part(record, "Agent"), json_part(record, "Queue")
    contact, reason = json_text(record, "ContactId"), json_text(record, "DisconnectReason").upper()
    names = _recordings(record)
    started_at, epoch_s = moment_text(json_text(record, "InitiationTimestamp"))
    agent_id = json_text(agent, "Username") or json_text(agent, "ARN").rpartition("/")[2]
    cells = {
        "started_at": started_at,
        "agent_id": agent_id,
        "team": _team(agent),
        "queue": json_text(queue, "Name"),
        "wait_s": json_text(queue, "Duration"),
        # the agent is on the right, everybody else on the left (about-recording-behavior)
        "channel_map": "0=customer,1=agent" if agent_id and names else "",
    }
    extra = {name: json_text(record, name) for name in _KEPT}
    extra |= {name: json_text(agent, name) for name in ("AgentInteractionDuration", "CustomerHoldDuration")}
    return Leg(
        place=place,
        ids=(contact,),
        call_id=contact,
        recordings=names,
        customer=_number(json_part(record, "CustomerEndpoint")),
        released=ReleaseRecord(_RELEASED[reason], f"Amazon Connect {reason}") if reason in _RELEASED else None,
        epoch_s=epoch_s,
        cells={name: text for name, text in cells.items() if text},
        extra={name: text for name, text in extra.items() if text},
    )


def _team(agent: Mapping[str, Any]) -> str:
    """The lowest level of the agent's hierarchy that there is."""
    groups = json_part(agent, "HierarchyGroups")
    names = [json_text(json_part(groups, f"Level{level}"), "GroupName") for level in range(5, 0, -1)]
    return next(filter(None, names), "")


def _recordings(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the audio of a contact lies: in `Recordings` today, in `Recording` as well or alone before."""
    listed = record.get("Recordings")
    parts = [
        json_part(record, "Recording"),
        *(part for part in (listed if isinstance(listed, list) else ()) if isinstance(part, dict)),
    ]
    return tuple(
        dict.fromkeys(
            json_text(part, "Location")
            for part in parts
            if json_text(part, "Location")
            and json_text(part, "MediaStreamType") in ("AUDIO", "")
            and json_text(part, "StorageType") in ("AMAZON_S3", "")
        )
    )


def _number(endpoint: Mapping[str, Any]) -> str:
    return json_text(endpoint, "Address") if json_text(endpoint, "Type") in ("TELEPHONE_NUMBER", "") else ""
