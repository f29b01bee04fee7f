"""What FreeSWITCH's channel variables say of one leg, whichever module wrote them down.

A leg's `direction` is seen from the switch: the first leg of a call is "inbound" whoever made it. The call's own
direction is in where a leg comes from and goes to: its context, SIP profile, gateway, and the numbers.
Sources: switch_channel.c, switch_ivr_originate.c, mod_sofia.c and sofia.c (sip_hangup_disposition), mod_callcenter.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pipeline.intake.reader import CallSide, Direction, Leg, ReleaseRecord
from pipeline.messages import Message
from pipeline.numbers import is_telephone_number

LegKind = Literal["first", "second", "originated"]
"""The leg of the party who calls; one that was dialled for another leg; one that the switch began by itself (click to
call, a dialler, an agent called by mod_callcenter)."""

Fields = Mapping[str, str]
"""Channel variables, and the caller profile's fields under the names that a template of mod_cdr_csv gives them. Of
another leg's profile: `originator_channel` and `originator_context`."""

_OWN_IDS = ("uuid", "xml_cdr_uuid", "call_uuid", "originator", "originating_leg_uuid", "cc_member_session_uuid")
_OTHER_IDS = ("bridge_uuid", "bleg_uuid", "signal_bond", "originate_signal_bond", "last_bridge_to", "cc_agent_uuid")
_RECORDINGS = ("cc_record_filename", "sofia_record_file", "recording_file", "record_filename")
_RECORDING_TASKS = ("execute_on_answer", "execute_on_pre_bridge", "execute_on_media", "api_on_answer")
_EXTRA = (
    "hangup_cause",
    "hangup_cause_q850",
    "sip_term_status",
    "originate_disposition",
    "cc_cancel_reason",
    "duration",
    "billsec",
)

VARIABLES = frozenset(
    {
        *_OWN_IDS,
        *_OTHER_IDS,
        *_RECORDINGS,
        *_RECORDING_TASKS,
        *_EXTRA,
        *("direction", "call_direction", "leg", "channel_name", "sofia_profile_name", "sip_profile_name", "context"),
        *("sip_gateway_name", "sip_gateway", "sip_authorized", "sip_auth_username", "user_name", "dialed_user"),
        *(
            "bridge_channel",
            "last_app",
            "last_arg",
            "last_bridge_role",
            "originated_legs",
            "record_path",
            "record_name",
        ),
        *("record_name", "start_stamp", "start_epoch", "start_uepoch", "answer_stamp", "answer_epoch", "waitsec"),
        *("cc_agent", "cc_agent_type", "cc_cause", "cc_member_uuid", "cc_queue", "cc_side", "cc_queue_joined_epoch"),
        *("cc_queue_answered_epoch", "cc_queue_canceled_epoch", "cc_queue_terminated_epoch", "sip_hangup_disposition"),
        *("caller_id_name", "caller_id_number", "destination_number", "caller_destination", "ani"),
    }
)
"""The variables that are read; a leg has some hundreds."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EXTENSION = re.compile(r"\d{2,6}|(?=.{1,32}$)[A-Za-z][\w.-]*")
_TASK = re.compile(r"(?:record_session(?:::|\s+)|uuid_record\s+\S+\s+start\s+)(.+)")
_FROM_OUTSIDE, _FROM_INSIDE = ("public", "from-outside"), ("default", "from-inside", "internal")

# the leg ended, the call went on without it, or was never its
_ELSEWHERE = ("BLIND_TRANSFER", "ATTENDED_TRANSFER", "LOSE_RACE", "PICKED_OFF")


def freeswitch_leg(fields: Fields, place: Message, kind: LegKind, recordings: Iterable[str] = ()) -> Leg:
    """The leg that these variables tell of; `recordings` are files that are named beside the variables."""
    comes_from_outside = _comes_from_outside(fields, kind)
    direction, unknown_direction = _direction(fields, kind, comes_from_outside)
    is_answered = _is_answered(fields)
    # the call began when the member came, though the agent's leg may be the one that names the recording
    is_queue_agent = fields.get("cc_side") == "agent" and bool(fields.get("cc_member_session_uuid"))
    extension = _extension(fields, kind, comes_from_outside, is_answered)
    caller, callee = _parties(fields, kind, direction, extension)
    cells: dict[str, Any] = {
        "started_at": "" if is_queue_agent else fields.get("start_stamp") or fields.get("answer_stamp", ""),
        "agent_id": _queue_agent(fields, is_answered),
        "agent_name": _own_name(fields) if kind == "first" and comes_from_outside is False else "",
        "queue": _queue(fields),
        "wait_s": _wait_s(fields),
        "direction": unknown_direction,
    }
    ids = tuple(dict.fromkeys(filter(None, _ids(fields))))
    return Leg(
        place=place,
        ids=ids,
        call_id=_call_id(fields),
        recordings=tuple(dict.fromkeys((*recordings, *_recordings(fields)))),
        direction=direction,
        caller=caller,
        callee=callee,
        extension=extension,
        released=_released(fields, kind, is_answered),
        epoch_s=None if is_queue_agent else _epoch_s(fields),
        cells={name: cell for name, cell in cells.items() if cell},
        extra={name: fields[name] for name in _EXTRA if fields.get(name)},
    )


def leg_kind(fields: Fields, *, is_first: bool | None = None) -> LegKind:
    """Which leg it is; `is_first` where something beside the variables says so (the file's name, another row)."""
    if fields.get("leg") in ("a", "b"):
        is_first = fields["leg"] == "a"
    if fields.get("direction") != "outbound":
        return "second" if is_first is False else "first"
    if fields.get("cc_side") == "agent" or is_first or fields.get("last_bridge_role") == "originator":
        return "originated"
    # mod_callcenter's member that a dialler called
    return "originated" if fields.get("cc_side") == "member" else "second"


# --- who called whom


def _direction(fields: Fields, kind: LegKind, comes_from_outside: bool | None) -> tuple[Direction | None, str]:
    """The call's direction; where only the house knows it, None and the context's name."""
    if said := fields.get("call_direction", ""):
        return ("inbound" if said == "inbound" else "outbound" if said == "outbound" else None), ""
    if comes_from_outside:
        return "inbound", ""
    goes_outside = _goes_outside(fields, kind)
    if comes_from_outside is False and goes_outside:
        return "outbound", ""
    if comes_from_outside is None and fields.get("cc_queue") and kind != "second":
        return "inbound", ""
    context = fields.get("context", "")
    return None, "" if comes_from_outside is False or context in _FROM_INSIDE or "." in context else context


def _comes_from_outside(fields: Fields, kind: LegKind) -> bool | None:
    if kind == "originated":
        return None if fields.get("cc_side") == "agent" else False
    context = fields.get("originator_context") or fields.get("context", "")
    channel = fields.get("originator_channel", "") if kind == "second" else fields.get("channel_name", "")
    if context in _FROM_OUTSIDE:
        return True
    by_trunk = _is_trunk(channel, fields if kind == "first" else {})
    if by_trunk is not None:
        return by_trunk
    if kind == "first" and (fields.get("user_name") or fields.get("sip_auth_username")):
        return False
    # FusionPBX says it of the call
    if fields.get("call_direction") in ("outbound", "local"):
        return False
    # a call from outside that was transferred has this context as well: the numbers tell, or nothing does
    if context in _FROM_INSIDE or "." in context:
        caller = _caller(fields)
        if _EXTENSION.fullmatch(caller):
            return False
        if is_telephone_number(caller) and _EXTENSION.fullmatch(fields.get("destination_number", "")):
            return True
    return None


def _goes_outside(fields: Fields, kind: LegKind) -> bool | None:
    if kind == "originated" and _rings_customer(fields):
        return True
    if kind == "second":
        by_trunk = _is_trunk(fields.get("channel_name", ""), fields)
    else:
        by_trunk = _is_trunk(fields.get("bridge_channel", ""), {})
        if by_trunk is None and fields.get("last_app") == "bridge":
            by_trunk = _is_trunk(fields.get("last_arg", ""), {})
    if by_trunk is not None:
        return by_trunk
    if kind == "originated":
        return None
    return is_telephone_number(fields.get("destination_number", "")) or None


def _rings_customer(fields: Fields) -> bool:
    """Whether a leg that the switch began by itself is the customer's, as a dialler's are."""
    if fields.get("cc_side") in ("member", "agent"):
        return fields["cc_side"] == "member"
    own = _is_trunk(fields.get("channel_name", ""), fields)
    return is_telephone_number(fields.get("destination_number", "")) if own is None else own


def _is_trunk(channel: str, fields: Fields) -> bool | None:
    """Whether a channel, or what was dialled, leads to a trunk or to an extension; None when its name does not say."""
    if fields.get("sip_gateway_name") or fields.get("sip_gateway") or "sofia/gateway/" in channel:
        return True
    head, _, rest = channel.rsplit("}", 1)[-1].rsplit("]", 1)[-1].partition("/")
    if head in ("user", "verto.rtc"):
        return False
    profile = rest.partition("/")[0] if head == "sofia" else ""
    profile = profile or fields.get("sofia_profile_name") or fields.get("sip_profile_name", "")
    if profile.startswith("external"):
        return True
    return False if profile.startswith("internal") else None


def _caller(fields: Fields) -> str:
    return fields.get("caller_id_number") or fields.get("ani", "")


def _parties(fields: Fields, kind: LegKind, direction: Direction | None, extension: str) -> tuple[str, str]:
    """The numbers of the caller and of the called."""
    called = fields.get("destination_number", "")
    if kind == "originated" and fields.get("cc_side") != "agent":
        if _rings_customer(fields):
            return "", called
        # the switch rang the agent first, then dialled for him
        return extension or called, _user(fields.get("bridge_channel") or fields.get("last_arg", ""))
    if direction == "inbound" and kind == "first":
        called = fields.get("caller_destination") or called
    return _caller(fields), called


def _user(channel: str) -> str:
    """1001 of sofia/internal/1001@10.0.0.5:5060 or sofia/internal/sip:1001@10.0.0.5."""
    return channel.rpartition("/")[2].partition("@")[0].removeprefix("sip:")


# --- agents and queues


def _extension(fields: Fields, kind: LegKind, comes_from_outside: bool | None, is_answered: bool) -> str:
    """The agent's line, where an agent spoke on it."""
    own_channel = fields.get("channel_name", "")
    if kind == "first" and comes_from_outside is False:
        return _first_extension(fields.get("user_name"), fields.get("sip_auth_username"), _caller(fields))
    if kind == "first" or (kind == "originated" and _rings_customer(fields)):
        other = fields.get("bridge_channel", "")
        return _first_extension(_user(other)) if is_answered and _is_trunk(other, {}) is False else ""
    if not is_answered or fields.get("hangup_cause") == "LOSE_RACE" or _is_trunk(own_channel, fields):
        return ""
    return _first_extension(fields.get("dialed_user"), fields.get("destination_number"), _user(own_channel))


def _first_extension(*names: str | None) -> str:
    return next((name for name in names if name and _EXTENSION.fullmatch(name)), "")


def _own_name(fields: Fields) -> str:
    """The name that the calling phone shows, when it is a name."""
    name = fields.get("caller_id_name", "")
    is_name = bool(name) and not name.startswith("Extension ") and not re.fullmatch(r"[\d\s+()-]*", name)
    return name if is_name and name != _caller(fields) else ""


def _queue_agent(fields: Fields, is_answered: bool) -> str:
    if fields.get("cc_cause") == "cancel" or (fields.get("cc_side") == "agent" and not is_answered):
        return ""
    return fields.get("cc_agent", "").partition("@")[0]


def _queue(fields: Fields) -> str:
    queue = fields.get("cc_queue", "")
    if not queue and fields.get("last_app") == "callcenter":
        queue = fields.get("last_arg", "")
    return queue.partition("@")[0]


def _wait_s(fields: Fields) -> str:
    """Seconds from joining the queue to the agent, or to leaving it."""
    joined = _number(fields.get("cc_queue_joined_epoch"))
    left = next(
        filter(None, (_number(fields.get(f"cc_queue_{name}_epoch")) for name in ("answered", "canceled"))), None
    )
    if joined and left and left >= joined:
        return f"{left - joined:g}"
    is_member = bool(_queue(fields)) and fields.get("cc_side") != "agent" and fields.get("cc_cause") != "cancel"
    return fields.get("waitsec", "") if is_member else ""


# --- who hung up


def _released(fields: Fields, kind: LegKind, is_answered: bool) -> ReleaseRecord | None:
    """BYE came from this leg's party, or was sent to it: by the other leg's end, or by the switch itself."""
    disposition = fields.get("sip_hangup_disposition", "")
    if not disposition or fields.get("hangup_cause") in _ELSEWHERE:
        return None
    method = f"sip_hangup_disposition {disposition}"
    if disposition in ("recv_cancel", "send_cancel", "recv_refuse", "send_refuse"):
        # a phone that did not answer tells nothing of a call that another may have
        return ReleaseRecord("nobody", method) if kind == "first" else None
    if not is_answered:
        return None
    here, there = _sides(fields, kind)
    if disposition == "recv_bye":
        return ReleaseRecord(here, method)
    if disposition != "send_bye":
        return None
    if fields.get("cc_cause") == "cancel" and "TIMEOUT" in fields.get("cc_cancel_reason", ""):
        return ReleaseRecord("system", f"cc_cancel_reason {fields['cc_cancel_reason']}")
    return ReleaseRecord(there, method, is_sure=False)


def _sides(fields: Fields, kind: LegKind) -> tuple[CallSide, CallSide]:
    """Who is at this leg's end, and who at the other's."""
    if kind == "originated":
        return ("customer", "agent") if _rings_customer(fields) else ("agent", "customer")
    return ("caller", "callee") if kind == "first" else ("callee", "caller")


# --- identity, time, recordings


def _call_id(fields: Fields) -> str:
    """The first leg's UUID, which a second leg names as well."""
    names = ("cc_member_session_uuid", "originating_leg_uuid", "originator", "call_uuid", "uuid", "xml_cdr_uuid")
    return next((fields[name] for name in names if fields.get(name)), "")


def _ids(fields: Fields) -> Iterator[str]:
    # an agent who waits on one leg all day is in every call of his: his leg joins none of them
    stands_by = fields.get("cc_agent_type") == "uuid-standby"
    for name in _OWN_IDS[:2] if stands_by and fields.get("cc_side") == "agent" else _OWN_IDS:
        yield fields.get(name, "")
    if not stands_by:
        yield fields.get("cc_member_uuid", "")
        for name in _OTHER_IDS:
            yield fields.get(name, "")
        yield from _UUID.findall(fields.get("originated_legs", ""))


def _is_answered(fields: Fields) -> bool:
    told = [fields[name] for name in ("answer_epoch", "answer_stamp", "billsec") if name in fields]
    return not told or any(text not in ("", "0") for text in told)


def _epoch_s(fields: Fields) -> float | None:
    if whole := _number(fields.get("start_epoch")):
        return whole
    micro = _number(fields.get("start_uepoch"))
    return micro / 1e6 if micro else None


def _number(text: str | None) -> float | None:
    """A number above zero; None for anything else."""
    return float(text) if text and re.fullmatch(r"\d{1,17}(?:\.\d{1,9})?", text) and float(text) > 0 else None


def _recordings(fields: Fields) -> Iterator[str]:
    for name in _RECORDINGS:
        if fields.get(name):
            yield fields[name]
    if fields.get("record_name"):
        yield "/".join(filter(None, (fields.get("record_path", "").rstrip("/"), fields["record_name"])))
    for name in _RECORDING_TASKS:
        if task := _TASK.search(fields.get(name, "")):
            yield recording_of(task[1])


def recording_of(arguments: str) -> str:
    """The path in the arguments of record_session: `{parameters}path +limit`."""
    return re.sub(r"^\{[^}]*\}|\s+\+\d+$", "", arguments.strip()).strip()
