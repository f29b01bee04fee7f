"""vCon: conversation containers, by draft-ietf-vcon-vcon-core and its contact-centre extension, and older ones.

Older containers (0.0.1 and 0.0.2) have roles, extensions and directions in a `meta` that every writer fills by itself.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.datatypes import Party
from pipeline.intake.reader import CallSide, Direction, Leg, MetadataFile, ReleaseRecord
from pipeline.intake.readers.json_values import json_objects, json_part, json_text, looks_like_json, moment_text
from pipeline.messages import Message

_LARGEST_BYTES = 256_000_000
_DIRECTIONS: dict[str, Direction] = {
    "in": "inbound", "inbound": "inbound", "incoming": "inbound",
    "out": "outbound", "outbound": "outbound", "outgoing": "outbound",
}  # fmt: skip
_LONGEST_WRAP_UP = 60
_KEPT = ("campaign", "interaction_id", "interaction_type", "application", "duration", "disposition")


class VconReader:
    """Reads vCons, one a file or several, unsigned or signed; what is encrypted is told."""

    source = "vcon"

    def recognises(self, file: MetadataFile) -> bool:
        """By the arrays that every container has, or by the parts of a signed or encrypted one."""
        return (
            looks_like_json(file, "dialog", "parties")
            or looks_like_json(file, "created_at", "dialog", "body")
            or looks_like_json(file, "payload", "signatures")
            or looks_like_json(file, "ciphertext", "recipients")
        )

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """A leg for each dialog that is a call: a recording, or an attempt that came to nothing."""
        inside = 0
        for place, value in json_objects(file, warnings):
            container = _unsigned(value)
            if container is None:
                message = Message(
                    "{place}: is no vCon that can be read, left out; decrypt it first if it is encrypted", place=place
                )
                warnings.append(message)
                continue
            calls = _calls(container)
            if not calls:
                warnings.append(Message("{place}: holds no recording of a call", place=place))
            for number, dialog in calls:
                inside += bool(json_text(dialog, "body"))
                name = _file_name(file.path) if len(calls) == 1 else ""
                yield _leg(place, container, dialog, f"/{number}" if len(calls) > 1 else "", name)
        if inside:
            message = Message(
                "{file}: {count} recordings lie inside the vCon and are not taken out; put them beside it as files",
                file=file.shown_name,
                count=inside,
            )
            warnings.append(message)


def _unsigned(value: dict[str, Any]) -> dict[str, Any] | None:
    """A container itself; of a signed one, what was signed. The signature is not checked: a table has none at all."""
    if isinstance(value.get("dialog"), list) or isinstance(value.get("parties"), list):
        return value
    payload = json_text(value, "payload")
    try:
        data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                data = stream.read(_LARGEST_BYTES)
        found = json.loads(data)
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("dialog"), list) else None


def _calls(container: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    dialogs = container.get("dialog")
    numbered = enumerate(dialogs if isinstance(dialogs, list) else ())
    return [
        (number, dialog)
        for number, dialog in numbered
        if isinstance(dialog, dict) and dialog.get("type") in ("recording", "incomplete")
    ]


def _file_name(path: Path) -> str:
    """What a recording beside the container may be called when the container does not say."""
    return path.name.split(".")[0]


# --- parties


@dataclass(frozen=True, slots=True)
class _Person:
    """A party: `number` is a telephone's, `extension` a line of the house's own."""

    role: Party | Literal[""] = ""
    number: str = ""
    extension: str = ""
    name: str = ""
    id_: str = ""


def _people(container: Mapping[str, Any]) -> list[_Person]:
    parties = container.get("parties")
    return [_person(party if isinstance(party, dict) else {}) for party in parties] if isinstance(parties, list) else []


def _person(party: Mapping[str, Any]) -> _Person:
    meta = json_part(party, "meta")
    said = (json_text(party, "role") or json_text(meta, "role")).casefold()
    addresses = [_user(json_text(party, name)) for name in ("tel", "sip")]
    lines = [json_text(meta, "extension"), *addresses]
    user = addresses[1] if not _is_number(addresses[1]) and not addresses[1].isdecimal() else ""
    return _Person(
        role="agent" if said == "agent" else "customer" if said == "customer" else "",
        number=next(filter(_is_number, addresses), ""),
        extension=next((line for line in lines if line.isdecimal() and not _is_number(line)), ""),
        name=json_text(party, "name"),
        id_=json_text(party, "uuid") or user or json_text(party, "mailto").removeprefix("mailto:"),
    )


def _user(address: str) -> str:
    """The part of a tel or sip address that tells who it is."""
    return address.partition(":")[2].split("@")[0].split(";")[0] if ":" in address else address.split("@")[0]


def _is_number(user: str) -> bool:
    return sum(letter.isdecimal() for letter in user) >= 7 and not any(map(str.isalpha, user))


# --- legs


def _leg(place: Message, container: Mapping[str, Any], dialog: Mapping[str, Any], part: str, name: str) -> Leg:
    uuid, meta = json_text(container, "uuid"), json_part(dialog, "meta")
    people = _people(container)
    channels = _channels(dialog.get("parties"), len(people))
    present = list(dict.fromkeys(party for channel in channels for party in channel))
    caller = _index(dialog.get("originator"), len(people))
    caller = present[0] if caller is None and present else caller
    if len(people) == 2:
        # one party a file
        present = [0, 1]
    roles = _roles(people, present)
    agent = next((people[party] for party in present if roles[party] == "agent"), _Person())
    customer = next((people[party] for party in present if roles[party] == "customer"), _Person())
    said = json_text(meta, "direction") or json_text(dialog, "interaction_type")
    direction = _DIRECTIONS.get(said.casefold())
    if direction is None and caller is not None and roles[caller]:
        direction = "inbound" if roles[caller] == "customer" else "outbound"
    started_at, epoch_s = moment_text(json_text(dialog, "start"))
    cells = {
        "started_at": started_at,
        "agent_id": agent.id_,
        "agent_name": agent.name,
        "queue": json_text(dialog, "skill"),
        "channel_map": _channel_map(channels, roles),
    }
    extra = {key: json_text(dialog, key) for key in _KEPT}
    extra["disposition"] = extra["disposition"] or json_text(meta, "disposition") or _wrap_up(container)
    others = [people[party] for party in present if party != caller]
    return Leg(
        place=place,
        ids=(uuid + part,) if uuid else (),
        call_id=uuid,
        recordings=_recordings(dialog, name),
        direction=direction,
        caller=people[caller].number if caller is not None else "",
        callee=others[0].number if len(others) == 1 else "",
        customer=customer.number,
        extension=agent.extension,
        released=_released(dialog, roles, present, caller),
        epoch_s=epoch_s,
        cells={key: text for key, text in cells.items() if text},
        extra={key: text for key, text in extra.items() if text},
    )


def _recordings(dialog: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if dialog.get("type") == "incomplete":
        return ()
    named = tuple(filter(None, (json_text(dialog, "filename"), json_text(dialog, "url"))))
    return named or tuple(filter(None, (name,)))


def _index(value: Any, people: int) -> int | None:
    is_index = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < people
    return value if is_index else None


def _channels(parties: Any, people: int) -> list[list[int]]:
    """The parties of each channel. A mix of two has the same form as two channels, and is told by the sound."""
    channels = parties if isinstance(parties, list) else [parties]
    return [
        [index for party in (channel if isinstance(channel, list) else [channel])
         if (index := _index(party, people)) is not None]
        for channel in channels
    ]  # fmt: skip


def _roles(people: Sequence[_Person], present: Sequence[int]) -> list[Party | Literal[""]]:
    """The role of each party. Of two people of whom one has a role, the other has the other."""
    roles = [person.role for person in people]
    if len(present) == 2 and {*(roles[party] for party in present)} in ({"agent", ""}, {"customer", ""}):
        known, other = sorted(present, key=lambda party: roles[party] == "")
        roles[other] = "customer" if roles[known] == "agent" else "agent"
    return roles


def _channel_map(channels: Sequence[Sequence[int]], roles: Sequence[str]) -> str:
    heard = [{roles[party] for party in channel} for channel in channels]
    if len(heard) != 2 or any(len(channel) != 1 for channel in heard):
        return ""
    ((first,), (second,)) = heard
    return f"0={first},1={second}" if {first, second} == {"agent", "customer"} else ""


def _released(
    dialog: Mapping[str, Any], roles: Sequence[str], present: Sequence[int], caller: int | None
) -> ReleaseRecord | None:
    """Who left when one party only remained; nobody of a call that was never one."""
    if dialog.get("type") == "incomplete":
        return ReleaseRecord("nobody", f"vCon disposition {json_text(dialog, 'disposition')}".rstrip())
    history = dialog.get("party_history")
    drops = sorted(
        (epoch_s, party)
        for event in (history if isinstance(history, list) else ())
        if isinstance(event, dict) and json_text(event, "event") == "drop"
        and (party := _index(event.get("party"), len(roles))) is not None
        and (epoch_s := moment_text(json_text(event, "time"))[1]) is not None
    )  # fmt: skip
    last = len(present) - 2
    if last < 0 or len(drops) <= last or sum(epoch_s == drops[last][0] for epoch_s, _ in drops) > 1:
        return None
    party = drops[last][1]
    side: CallSide | Literal[""] = ""
    match roles[party]:
        case "agent":
            side = "agent"
        case "customer":
            side = "customer"
        case _ if len(present) == 2 and caller is not None:
            side = "caller" if party == caller else "callee"
    return ReleaseRecord(side, "vCon party_history drop") if side else None


def _wrap_up(container: Mapping[str, Any]) -> str:
    """What an agent entered after the call, when it is attached as such."""
    attached = container.get("attachments")
    for attachment in attached if isinstance(attached, list) else ():
        if isinstance(attachment, dict) and "disposition" in (attachment.get("type"), attachment.get("purpose")):
            body = json_text(attachment, "body")
            return body if len(body) <= _LONGEST_WRAP_UP and not re.search(r"\d{7}", body) else ""
    return ""
