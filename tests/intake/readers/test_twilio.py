"""Twilio's calls and recordings: as the API lists them, as bulk exports have them, and the console's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.intake.reader import Leg, MetadataFile
from pipeline.intake.readers.twilio import TwilioReader
from tests.support.contact_records import dialled_leg, sid, twilio_call, twilio_page, twilio_recording
from tests.support.legs import fields_of, legs_and_warnings, legs_of

READER = TwilioReader()
STARTED = {"started_at": "2026-11-20T01:31:00+00:00", "epoch_s": 1795138260.0}


def calls(*resources: dict[str, Any]) -> list[Leg]:
    return legs_of(READER, twilio_page("calls", *resources), "calls.json")


def test_a_call_that_came_in_and_was_passed_to_an_agents_browser() -> None:
    parent, child = calls(twilio_call(1), dialled_leg(2, 1, "client:lina"))
    assert fields_of(parent) == {
        "ids": (sid("CA", 1),), "call_id": sid("CA", 1), "direction": "inbound", "customer": "+8613900001234",
        "channel_map": "0=customer,1=agent", **STARTED,
    }  # fmt: skip
    assert fields_of(child) == {
        "ids": (sid("CA", 2), sid("CA", 1)), "call_id": sid("CA", 1), "agent_id": "lina",
        "started_at": "2026-11-20T01:31:12+00:00", "epoch_s": 1795138272.0,
    }  # fmt: skip


def test_a_recording_names_its_call_and_its_number_of_channels_is_no_map() -> None:
    (leg,) = legs_of(READER, twilio_page("recordings", twilio_recording(5, 1)), "recordings.json")
    assert fields_of(leg) == {
        "ids": (sid("RE", 5), sid("CA", 1)), "call_id": sid("CA", 1),
        "recordings": (sid("RE", 5), f"https://api.example.com/Recordings/{sid('RE', 5)}"),
        "started_at": "2026-11-20T01:31:13+00:00", "epoch_s": 1795138273.0,
    }  # fmt: skip
    assert leg.extra["recording_channels"] == "2"


def test_an_agents_browser_that_calls_a_customer_is_no_customer() -> None:
    agent = twilio_call(1, **{"from": "client:lina", "to": ""})
    parent, _ = calls(agent, dialled_leg(2, 1, "+8613900005678"))
    assert (parent.direction, parent.customer, parent.cells["agent_id"]) == ("outbound", "+8613900005678", "lina")
    assert parent.cells["channel_map"] == "0=agent,1=customer"


def test_an_agents_sip_telephone_that_calls_a_customer() -> None:
    agent = twilio_call(1, **{"from": "sip:1001@centre.sip.twilio.com", "to": "sip:+8613900005678@centre.sip.example"})
    parent, _ = calls(agent, dialled_leg(2, 1, "+8613900005678", status="no-answer"))
    assert (parent.direction, parent.customer, parent.cells["agent_id"]) == ("outbound", "+8613900005678", "1001")


def test_a_call_by_the_api_to_a_customer_who_is_passed_to_an_agent() -> None:
    call = twilio_call(1, **{"direction": "outbound-api", "from": "+864001234567", "to": "+8613900005678"})
    parent, child = calls(call, dialled_leg(2, 1, "client:lina"))
    assert (parent.direction, parent.customer) == ("outbound", "+8613900005678")
    assert parent.cells["channel_map"] == "0=customer,1=agent"
    assert child.cells["agent_id"] == "lina"


def test_a_call_by_the_api_to_an_agent_who_is_connected_to_a_customer() -> None:
    call = twilio_call(1, **{"direction": "outbound-api", "from": "+864001234567", "to": "sip:1001@centre.example"})
    parent, _ = calls(call, dialled_leg(2, 1, "+8613900005678"))
    assert (parent.direction, parent.customer, parent.cells["agent_id"]) == ("outbound", "+8613900005678", "1001")
    assert parent.cells["channel_map"] == "0=agent,1=customer"


def test_of_two_telephones_neither_is_taken_for_the_customers() -> None:
    call = twilio_call(1, **{"direction": "outbound-api", "from": "+864001234567", "to": "+8613900005678"})
    parent, child = calls(call, dialled_leg(2, 1, "+8613900005679"))
    assert (parent.direction, parent.customer, child.customer) == ("outbound", "", "")
    assert "channel_map" not in parent.cells
    (alone,) = calls(call)
    assert alone.customer == "+8613900005678"


@pytest.mark.parametrize(
    ("direction", "expected", "customer"),
    [
        ("trunking-originating", "inbound", "+8613900001234"),
        ("trunking-terminating", "outbound", "+864001234567"),
        ("outbound-dial", None, ""),
        ("", None, ""),
    ],
)
def test_other_directions(direction: str, expected: str | None, customer: str) -> None:
    (leg,) = calls(twilio_call(1, direction=direction))
    assert (leg.direction, leg.customer) == (expected, customer)


def test_a_browser_that_calls_nobody_has_no_direction() -> None:
    (leg,) = calls(twilio_call(1, **{"from": "client:lina", "to": "client:wang"}))
    assert (leg.direction, leg.customer) == (None, "")


@pytest.mark.parametrize("status", ["busy", "no-answer", "canceled", "failed"])
def test_a_call_that_was_never_answered_was_hung_up_by_nobody(status: str) -> None:
    (leg,) = calls(twilio_call(1, status=status))
    assert leg.released is not None
    assert (leg.released.side, leg.released.method) == ("nobody", f"Twilio status {status}")


def test_an_agent_who_did_not_answer_had_no_call() -> None:
    parent, missed, answered = calls(
        twilio_call(1), dialled_leg(2, 1, "client:wang", status="no-answer"), dialled_leg(3, 1, "client:lina")
    )
    assert parent.released is None
    assert "agent_id" not in missed.cells
    assert answered.cells["agent_id"] == "lina"


def test_a_completed_call_says_nothing_of_who_hung_up() -> None:
    assert calls(twilio_call(1))[0].released is None


def test_a_number_that_was_withheld_is_none() -> None:
    (leg,) = calls(twilio_call(1, **{"from": "+266696687"}))
    assert (leg.direction, leg.customer) == ("inbound", "")


def test_bulk_exports_have_a_call_a_line_and_iso_times() -> None:
    call = twilio_call(1, start_time="2026-11-20T01:31:00Z", uri=None, subresource_uris=None)
    (leg,) = legs_of(READER, json.dumps(call) + "\n", "calls.jsonl")
    assert fields_of(leg)["epoch_s"] == 1795138260.0
    (two, _) = legs_of(READER, json.dumps([call, twilio_call(2)]), "calls.json")
    assert fields_of(two) == fields_of(leg)


def test_names_as_the_command_line_and_the_helper_libraries_write_them() -> None:
    call = {"sid": sid("CA", 1), "parentCallSid": None, "direction": "inbound", "from": "+8613900001234",
            "to": "+864001234567", "startTime": "2026-11-20T01:31:00.000Z", "status": "completed"}  # fmt: skip
    child = {"sid": sid("CA", 2), "parentCallSid": sid("CA", 1), "direction": "outbound-dial", "to": "client:lina",
             "startTime": "2026-11-20T01:31:12.000Z", "status": "completed"}  # fmt: skip
    recording = {"sid": sid("RE", 1), "callSid": sid("CA", 1), "channels": 2, "startTime": "2026-11-20T01:31:13.000Z"}
    parent, agent, recorded = legs_of(READER, json.dumps([call, child, recording]), "all.json")
    assert (parent.direction, agent.cells["agent_id"]) == ("inbound", "lina")
    assert recorded.call_id == parent.call_id == agent.call_id


def test_the_consoles_table_of_calls() -> None:
    text = (
        "Call Sid,Status,Start Time,End Time,Duration,Direction,From,To,Parent Call Sid\r\n"
        f"{sid('CA', 1)},Completed,2026-11-20 09:31:00,,280,Incoming,+8613900001234,+864001234567,\r\n"
        f"{sid('CA', 2)},Completed,2026-11-20 01:31:12 UTC,,268,Outgoing Dial,+86400,client:lina,{sid('CA', 1)}\r\n"
        f'{sid("CA", 3)},No Answer,"Fri, 20 Nov 2026 02:00:00 +0000",,,Outgoing API,+86400,+8613900005678,\r\n'
    )
    came_in, agent, vain = legs_of(READER, "\ufeff" + text)
    assert (came_in.direction, came_in.customer, came_in.epoch_s) == ("inbound", "+8613900001234", None)
    assert came_in.cells["started_at"] == "2026-11-20T09:31:00"
    assert (agent.cells["agent_id"], agent.call_id, agent.epoch_s) == ("lina", sid("CA", 1), 1795138272.0)
    assert (vain.direction, vain.customer, vain.epoch_s) == ("outbound", "+8613900005678", 1795140000.0)
    assert vain.released is not None
    assert vain.released.side == "nobody"


def test_the_consoles_table_of_recordings() -> None:
    text = f"Recording Sid,Call Sid,Date Created,Channels\n{sid('RE', 1)},{sid('CA', 1)},2026-11-20T01:31:13Z,2\n"
    (leg,) = legs_of(READER, text)
    assert (leg.recordings, leg.call_id, leg.epoch_s) == ((sid("RE", 1),), sid("CA", 1), 1795138273.0)


def test_recordings_of_a_conference_are_one_call() -> None:
    recordings = [twilio_recording(n, n, conference_sid=sid("CF", 1), source="Conference", channels=1) for n in (1, 2)]
    first, second = legs_of(READER, twilio_page("recordings", *recordings), "recordings.json")
    assert set(first.ids) & set(second.ids) == {sid("CF", 1)}


def test_what_makes_no_sense_costs_itself() -> None:
    page = twilio_page("calls", twilio_call(1), {"sid": "AC1"}, twilio_call(3, start_time="yesterday"))
    legs, warnings = legs_and_warnings(READER, page, "calls.json")
    assert [leg.call_id for leg in legs] == [sid("CA", 1), sid("CA", 3)]
    assert legs[1].epoch_s is None
    assert warnings == ["calls.json line 1 row 2: is neither a call nor a recording; left out"]


def test_no_number_stands_where_it_is_kept_in_clear() -> None:
    for leg in [*calls(twilio_call(1), dialled_leg(2, 1, "+8613900005678")), *legs_of(
        READER, twilio_page("recordings", twilio_recording()), "recordings.json")]:  # fmt: skip
        kept = f"{dict(leg.extra)} {dict(leg.cells)} {leg.place}"
        assert not any(number in kept for number in ("13900001234", "13900005678", "4001234567"))


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"sid": "1"}', "sid,file\n1,a.wav\n", "Call Sid,file\nx,a.wav\n", '{"calls": [{"sid": "CA1"}]}'],
)
def test_what_others_write_is_not_taken_for_twilio(text: str) -> None:
    assert not READER.recognises(MetadataFile(Path("cdr.json"), text))
