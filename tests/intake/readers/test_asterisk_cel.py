"""Asterisk's channel event log: who hung up, by the channel that did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.intake.reader import Leg, MetadataFile
from pipeline.intake.readers.asterisk_cel import AsteriskCelReader
from pipeline.messages import Message
from tests.support.asterisk import CUSTOMER, as_csv, as_mysql, cel_event, cel_lines, hangup
from tests.support.legs import legs_of

TRUNK, AGENT = "PJSIP/trunk-00000012", "PJSIP/1001-00000013"
CALL, LEG = "1795138260.18", "1795138265.19"

Event = dict[str, str]


def conversation(
    caller: str, callee: str, source: str, *, number: str = CUSTOMER, exten: str = "600", sources: int = 2
) -> list[Event]:
    """A call of two channels that was answered; `source` is heard of by the one that was called, or by both."""
    return [
        cel_event("CHAN_START", caller, CALL, CALL, cidnum=number, exten=exten, context="some-context"),
        cel_event("APP_START", caller, CALL, CALL, appname="Queue", appdata="support,t,,,60"),
        cel_event("CHAN_START", callee, LEG, CALL, exten="s"),
        cel_event("ANSWER", callee, LEG, CALL, appname="AppQueue"),
        cel_event("ANSWER", caller, CALL, CALL),
        cel_event("BRIDGE_ENTER", callee, LEG, CALL),
        cel_event("BRIDGE_ENTER", caller, CALL, CALL),
        cel_event("BRIDGE_EXIT", callee, LEG, CALL),
        cel_event("BRIDGE_EXIT", caller, CALL, CALL),
        hangup(callee, LEG, CALL, source),
        cel_event("CHAN_END", callee, LEG, CALL),
        hangup(caller, CALL, CALL, source if sources == 2 else ""),
        cel_event("CHAN_END", caller, CALL, CALL),
        cel_event("LINKEDID_END", caller, CALL, CALL),
    ]


def read_one(*events: Event) -> Leg:
    (leg,) = legs_of(AsteriskCelReader(), cel_lines(*events), "Master.csv")
    return leg


def side(leg: Leg) -> str | None:
    return leg.released.side if leg.released and leg.released.is_sure else None


def test_a_call_that_came_in() -> None:
    leg = read_one(*conversation(TRUNK, AGENT, AGENT))
    assert (leg.direction, leg.extension, leg.caller, leg.callee) == ("inbound", "1001", CUSTOMER, "600")
    assert (leg.call_id, leg.ids, leg.epoch_s) == (CALL, (CALL, LEG), 1795138260)
    assert leg.cells == {"queue": "support"}
    assert leg.released
    assert leg.released.method == "CEL hangupsource"


@pytest.mark.parametrize("sources", [1, 2])
@pytest.mark.parametrize(("source", "said"), [(AGENT, "agent"), (TRUNK, "caller")])
def test_who_hung_up_on_a_call_that_came_in(source: str, said: str, sources: int) -> None:
    assert side(read_one(*conversation(TRUNK, AGENT, source, sources=sources))) == said


@pytest.mark.parametrize(("source", "said"), [(AGENT, "caller"), (TRUNK, "callee")])
def test_who_hung_up_on_a_call_that_went_out(source: str, said: str) -> None:
    leg = read_one(*conversation(AGENT, TRUNK, source, number="1001", exten="013900005678"))
    assert (leg.direction, leg.extension, leg.callee) == ("outbound", "1001", "013900005678")
    assert side(leg) == said


def test_a_call_that_was_begun_for_the_agent() -> None:
    events = conversation(AGENT, TRUNK, TRUNK, number="1001", exten="s")
    dialled = cel_event("APP_START", AGENT, CALL, CALL, appname="Dial", exten="013900005678")
    leg = read_one(*events[:1], dialled, *events[2:])
    assert (leg.direction, leg.callee, side(leg)) == ("outbound", "013900005678", "callee")


@pytest.mark.parametrize("source", ["", "dialplan/builtin"])
def test_the_dialplans_own_end_is_not_sure(source: str) -> None:
    assert side(read_one(*conversation(TRUNK, AGENT, source))) is None


def test_between_two_extensions_there_is_no_direction() -> None:
    leg = read_one(*conversation("PJSIP/1002-00000001", AGENT, AGENT))
    assert (leg.direction, leg.extension, side(leg)) == (None, "", "callee")


def test_the_hangup_alone() -> None:
    leg = read_one(hangup(AGENT, LEG, CALL, AGENT))
    assert (side(leg), leg.call_id, leg.ids) == ("agent", CALL, (CALL, LEG))


@pytest.mark.parametrize(("status", "said"), [("ANSWER", "agent"), ("BUSY", None), ("", "agent")])
def test_the_extra_of_asterisk_11_is_no_json(status: str, said: str | None) -> None:
    events = [
        cel_event("HANGUP", AGENT, LEG, CALL, extra=f"16,{AGENT},"),
        cel_event("HANGUP", TRUNK, CALL, CALL, extra=f"16,{AGENT},{status}"),
    ]
    assert side(read_one(*events)) == said


def test_a_member_who_refused_ended_nothing() -> None:
    busy = "PJSIP/1002-00000012"
    refused = [cel_event("CHAN_START", busy, "1795138262.17", CALL), hangup(busy, "1795138262.17", CALL, busy)]
    events = conversation(TRUNK, AGENT, TRUNK)
    leg = read_one(*events[:2], *refused, *events[2:])
    assert (leg.extension, side(leg)) == ("1001", "caller")


def test_without_answers_a_cause_tells_who_refused() -> None:
    busy = "PJSIP/1002-00000012"
    extra = json.dumps({"hangupcause": 17, "hangupsource": busy, "dialstatus": ""})
    refused = cel_event("HANGUP", busy, "1795138262.17", CALL, extra=extra)
    events = [each for each in conversation(TRUNK, AGENT, TRUNK) if each["eventtype"] in ("CHAN_START", "HANGUP")]
    leg = read_one(events[0], refused, *events[1:])
    assert (leg.direction, leg.extension, side(leg)) == ("inbound", "1001", "caller")
    assert side(read_one(events[0], refused)) is None


@pytest.mark.parametrize("has_answers", [True, False])
def test_a_call_that_nobody_answered_has_no_side(has_answers: bool) -> None:
    events = [
        cel_event("CHAN_START", AGENT, CALL, CALL, cidnum="1001", exten="013900005678"),
        cel_event("ANSWER" if has_answers else "APP_START", AGENT, CALL, CALL),
        hangup(TRUNK, LEG, CALL, TRUNK),
        hangup(AGENT, CALL, CALL, TRUNK, status="BUSY"),
    ]
    assert side(read_one(*events)) is None


def test_after_a_transfer_the_last_conversation_counts() -> None:
    second = "PJSIP/1002-00000055"
    events = conversation(TRUNK, AGENT, AGENT, sources=1)
    leg = read_one(
        *events[:8],
        cel_event("BLINDTRANSFER", AGENT, LEG, CALL, extra='{"extension":"1002"}'),
        events[9],
        cel_event("ANSWER", second, "1795138400.30", CALL),
        hangup(second, "1795138400.30", CALL, TRUNK),
        hangup(TRUNK, CALL, CALL, TRUNK),
    )
    assert (leg.extension, side(leg)) == ("1001", "caller")


@pytest.mark.parametrize(("source", "said"), [(AGENT, "agent"), (TRUNK, "caller")])
def test_a_local_channel_between_the_two(source: str, said: str) -> None:
    first, second = "Local/1001@from-queue-00000003;1", "Local/1001@from-queue-00000003;2"
    is_agent = source == AGENT
    leg = read_one(
        cel_event("CHAN_START", TRUNK, CALL, CALL, cidnum=CUSTOMER, exten="600"),
        cel_event("ANSWER", TRUNK, CALL, CALL),
        *(cel_event("ANSWER", name, f"179513826{n}.2{n}", CALL) for n, name in enumerate((first, second), 1)),
        cel_event("ANSWER", AGENT, LEG, CALL),
        hangup(AGENT, LEG, CALL, AGENT if is_agent else ""),
        hangup(second, "1795138262.22", CALL, AGENT if is_agent else ""),
        hangup(first, "1795138261.21", CALL, "" if is_agent else TRUNK),
        hangup(TRUNK, CALL, CALL, "" if is_agent else TRUNK),
    )
    assert (leg.direction, leg.extension, side(leg)) == ("inbound", "1001", said)


# --- the same in other shapes

EVENTS = conversation(TRUNK, AGENT, AGENT)
ADVANCED = (
    "EventType", "EventEnum", "Literal", "EventTime", "UserEventName", "CIDName", "CIDNum", "Exten", "Context",
    "ChanName", "AppName", "AppData", "AMAFlags", "AcctCode", "UniqueID", "UserField", "CIDani", "CIDrdnis", "CIDdnid",
    "Peer", "LinkedID", "PeerAcct", "Extra", "TenantID",
)  # fmt: skip


def _advanced(event: Event) -> Event:
    return {name: event.get(name.casefold(), "") for name in ADVANCED}


def _with_literal(event: Event) -> Event:
    return {"eventtype": event["eventtype"], "literal": "My Literal", **event}


def _manager(event: Event) -> dict[str, object]:
    return {"Event": "CEL", "EventName": event["eventtype"], "AccountCode": "", "CallerIDnum": event["cidnum"],
            "Exten": event["exten"], "Context": event["context"], "Channel": event["channame"],
            "Application": event["appname"], "ApplicationData": event["appdata"], "EventTime": event["eventtime"],
            "UniqueID": event["uniqueid"], "LinkedID": event["linkedid"], "Extra": event["extra"]}  # fmt: skip


def _json_lines(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


TABLE = {"cidname": "cid_name", "cidnum": "cid_num", "cidani": "cid_ani", "cidrdnis": "cid_rdnis",
         "ciddnid": "cid_dnid", "acctcode": "accountcode"}  # fmt: skip


def _table(event: Event) -> Event:
    return {"id": "7", **{TABLE.get(name, name): cell for name, cell in event.items()}}


SHAPES = {
    "a header line": as_csv(*EVENTS),
    "a literal after the event": cel_lines(*map(_with_literal, EVENTS)),
    "the order of advanced mappings": cel_lines(*map(_advanced, EVENTS)),
    "tabs": cel_lines(*map(_advanced, EVENTS), delimiter="\t"),
    "a backslash before quotation marks": cel_lines(*map(_advanced, EVENTS), escape="\\"),
    "a table": as_csv(*map(_table, EVENTS)),
    "a table, by mysql": as_mysql(*map(_table, EVENTS)),
    "JSON lines": _json_lines(*({**event} for event in EVENTS)),
    "JSON lines, extra nested": _json_lines(
        *({**_advanced(event), "Extra": json.loads(event["extra"] or "{}")} for event in EVENTS)
    ),
    "events of the manager": _json_lines(*map(_manager, EVENTS)),
    "a JSON list": json.dumps(EVENTS, indent=1),
}


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_same_call_in_every_shape(shape: str) -> None:
    (leg,) = legs_of(AsteriskCelReader(), SHAPES[shape], "cel.csv")
    assert (leg.direction, leg.extension, leg.caller, leg.callee) == ("inbound", "1001", CUSTOMER, "600")
    assert side(leg) == "agent"
    assert leg.cells == {"queue": "support"}


def test_an_order_of_ones_own() -> None:
    columns = ("uniqueid", "linkedid", "eventtype", "channame", "extra")
    lines = cel_lines(*({name: event[name] for name in columns} for event in EVENTS))
    assert not AsteriskCelReader().recognises(MetadataFile(Path("cel.csv"), lines))
    (leg,) = legs_of(AsteriskCelReader(columns), lines)
    assert (leg.direction, leg.extension, side(leg)) == ("inbound", "1001", "agent")


def test_an_odd_line_costs_a_line_and_is_not_quoted() -> None:
    lines = cel_lines(*EVENTS[:3]) + f'"HANGUP","{CUSTOMER}"\n' + cel_lines(*EVENTS[3:])
    warnings: list[Message] = []
    (leg,) = AsteriskCelReader().read(MetadataFile(Path("cel.csv"), lines), warnings)
    assert side(leg) == "agent"
    assert len(warnings) == 1
    assert "cel.csv line 4" in warnings[0]
    assert CUSTOMER not in warnings[0]


@pytest.mark.parametrize("extra", ["{", "[]", '{"hangupsource":5}', "hangupsource", "[" * 2000 + '"hangupsource"'])
def test_an_extra_that_cannot_be_read_says_nothing(extra: str) -> None:
    assert read_one(cel_event("HANGUP", AGENT, LEG, CALL, extra=extra)).released is None
