"""Amazon Connect's contact records, in every shape in which they are delivered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.intake.reader import MetadataFile
from pipeline.intake.readers.amazon_connect import AmazonConnectReader
from tests.support.contact_records import contact_id, contact_record, recording_location
from tests.support.legs import fields_of, legs_and_warnings, legs_of

READER = AmazonConnectReader()
CAME_IN = {
    "ids": (contact_id(1),), "call_id": contact_id(1), "recordings": (recording_location(1),), "direction": "inbound",
    "customer": "+8613900001234", "released": ("customer", True), "epoch_s": 1795138260.0,
    "started_at": "2026-11-20T01:31:00+00:00", "agent_id": "lina", "team": "TEAM_A", "queue": "support", "wait_s": "15",
    "channel_map": "0=customer,1=agent",
}  # fmt: skip


@pytest.mark.parametrize(
    "written",
    [
        lambda records: "\n".join(map(json.dumps, records)) + "\n",
        lambda records: "".join(map(json.dumps, records)),
        lambda records: json.dumps(records, indent=1),
        lambda records: "\r\n".join(json.dumps(record, separators=(",", ":")) for record in records),
        lambda records: "\ufeff" + "\n\n".join(json.dumps(record, indent=4) for record in records),
    ],
    ids=["one a line", "as Firehose writes them", "a list", "CRLF", "indented, with a mark"],
)
def test_records_are_read_in_whatever_shape_they_come(written: Callable[[list[dict[str, Any]]], str]) -> None:
    first, second = legs_of(READER, written([contact_record(1), contact_record(2)]), "ctr.jsonl")
    assert fields_of(first) == CAME_IN
    assert second.call_id == contact_id(2)


@pytest.mark.parametrize(
    ("method", "direction"),
    [
        ("INBOUND", "inbound"), ("OUTBOUND", "outbound"), ("CALLBACK", "outbound"), ("API", "outbound"),
        ("WEBRTC_API", "inbound"), ("EXTERNAL_OUTBOUND", "outbound"), ("TRANSFER", None), ("QUEUE_TRANSFER", None),
        ("DISCONNECT", None), ("MONITOR", None), ("", None),
    ],
)  # fmt: skip
def test_the_direction_is_what_began_the_contact(method: str, direction: str | None) -> None:
    (leg,) = legs_of(READER, json.dumps(contact_record(InitiationMethod=method)))
    assert leg.direction == direction
    assert leg.customer == "+8613900001234"


@pytest.mark.parametrize(
    ("reason", "side"),
    [
        ("CUSTOMER_DISCONNECT", "customer"), ("AGENT_DISCONNECT", "agent"), ("THIRD_PARTY_DISCONNECT", None),
        ("TELECOM_PROBLEM", "system"), ("CONTACT_FLOW_DISCONNECT", "system"), ("API", "system"), ("BARGED", None),
        ("OTHER", None), ("EXPIRED", "nobody"), ("TELECOM_BUSY", "nobody"), ("TELECOM_UNANSWERED", "nobody"),
        ("TELECOM_NUMBER_INVALID", "nobody"), ("TELECOM_POTENTIAL_BLOCKING", "nobody"), ("TELECOM_TIMEOUT", "nobody"),
        ("TELECOM_ORIGINATOR_CANCEL", "nobody"), ("CUSTOMER_NEVER_ARRIVED", "nobody"),
        ("OUTBOUND_DESTINATION_ENDPOINT_ERROR", "nobody"), ("OUTBOUND_RESOURCE_ERROR", "nobody"),
        ("OUTBOUND_ATTEMPT_FAILED", "nobody"), ("OUTBOUND_PREVIEW_DISCARDED", "nobody"), (None, None),
    ],
)  # fmt: skip
def test_every_reason_of_voice_contacts_is_understood(reason: str | None, side: str | None) -> None:
    (leg,) = legs_of(READER, json.dumps(contact_record(DisconnectReason=reason)))
    assert (leg.released.side if leg.released else None) == side


def test_each_contact_of_a_chain_keeps_its_own_agent_and_came_in_as_the_first_did() -> None:
    first = contact_record(1, NextContactId=contact_id(2), DisconnectReason="AGENT_DISCONNECT")
    agent = {**first["Agent"], "Username": "wang"}
    links = {"InitialContactId": contact_id(1), "InitiationMethod": "TRANSFER"}
    second = contact_record(
        2, **links, PreviousContactId=contact_id(1), NextContactId=contact_id(3), Agent=agent,
        Queue={"Name": "billing", "Duration": 31},
    )  # fmt: skip
    third = contact_record(3, **links | {"InitiationMethod": "QUEUE_TRANSFER"}, PreviousContactId=contact_id(2))
    legs = legs_of(READER, "".join(map(json.dumps, (third, second, first))))
    assert [leg.direction for leg in legs] == ["inbound"] * 3
    assert len({leg.ids for leg in legs}) == 3
    assert [leg.cells["agent_id"] for leg in legs] == ["lina", "wang", "lina"]
    assert legs[1].cells["queue"] == "billing"
    assert legs[1].extra["PreviousContactId"] == contact_id(1)


def test_a_chain_that_leads_round_ends() -> None:
    one = contact_record(1, InitiationMethod="TRANSFER", PreviousContactId=contact_id(2))
    two = contact_record(2, InitiationMethod="TRANSFER", PreviousContactId=contact_id(1))
    assert [leg.direction for leg in legs_of(READER, json.dumps([one, two]))] == [None, None]


def test_a_contact_that_was_left_in_the_queue_has_no_agent_but_waited() -> None:
    record = contact_record(Agent=None, Recording=None, Recordings=None, Queue={"Name": "support", "Duration": 40})
    record["Agent"] = None
    (leg,) = legs_of(READER, json.dumps(record))
    assert fields_of(leg) == {
        "ids": (contact_id(1),), "call_id": contact_id(1), "direction": "inbound", "customer": "+8613900001234",
        "released": ("customer", True), "epoch_s": 1795138260.0, "started_at": "2026-11-20T01:31:00+00:00",
        "queue": "support", "wait_s": "40",
    }  # fmt: skip


def test_the_record_that_was_updated_last_counts() -> None:
    early = contact_record(LastUpdateTimestamp="2026-11-20T01:36:00Z", DisconnectReason=None)
    late = contact_record(LastUpdateTimestamp="2026-11-20T01:50:00Z")
    for records in ([early, late], [late, early]):
        (leg,) = legs_of(READER, json.dumps(records))
        assert fields_of(leg) == CAME_IN


def test_a_recording_is_named_by_either_field() -> None:
    (old,) = legs_of(READER, json.dumps(contact_record(Recordings=None)))
    (new,) = legs_of(READER, json.dumps(contact_record(Recording=None)))
    assert old.recordings == new.recordings == (recording_location(1),)
    stream = {"StorageType": "KINESIS_VIDEO_STREAM", "Location": "arn:x", "MediaStreamType": "AUDIO"}
    chat = {"StorageType": "AMAZON_S3", "Location": "bucket/chat.json", "MediaStreamType": "CHAT"}
    (leg,) = legs_of(READER, json.dumps(contact_record(Recording=None, Recordings=[stream, chat])))
    assert leg.recordings == ()
    assert "channel_map" not in leg.cells


def test_an_agent_without_a_name_is_known_by_the_end_of_the_arn() -> None:
    agent = {**contact_record()["Agent"], "Username": None, "HierarchyGroups": None}
    (leg,) = legs_of(READER, json.dumps(contact_record(Agent=agent)))
    assert leg.cells["agent_id"] == "11110000-0000-4000-8000-000000000001"
    assert "team" not in leg.cells


def test_chats_and_tasks_are_counted_and_left_out() -> None:
    records = [contact_record(1), contact_record(2, Channel="CHAT"), contact_record(3, Channel="TASK")]
    legs, warnings = legs_and_warnings(READER, json.dumps(records), "ctr.json")
    assert [leg.call_id for leg in legs] == [contact_id(1)]
    assert warnings == ["ctr.json: 2 contacts are no calls (chats, tasks, e-mails) and are left out"]


def test_a_customer_on_the_web_has_no_number() -> None:
    record = contact_record(InitiationMethod="WEBRTC_API", CustomerEndpoint={"Address": "visitor 7", "Type": "VOIP"})
    (leg,) = legs_of(READER, json.dumps(record))
    assert leg.customer == ""


@pytest.mark.parametrize("between", ["\n", ""])
def test_a_damaged_record_costs_itself_and_is_told_without_its_text(between: str) -> None:
    good = json.dumps(contact_record(1)), json.dumps(contact_record(3))
    damaged = json.dumps(contact_record(2)).replace('"Agent": {', '"Agent": }', 1)
    legs, warnings = legs_and_warnings(READER, between.join((good[0], damaged, good[1])), "ctr.jsonl")
    assert [leg.call_id for leg in legs] == [contact_id(1), contact_id(3)]
    (warning,) = warnings
    assert "13900001234" not in warning
    assert ("line 2" in warning) == bool(between)


def test_a_list_that_is_cut_short_gives_what_is_whole() -> None:
    text = json.dumps([contact_record(1), contact_record(2)])[:-100]
    legs, warnings = legs_and_warnings(READER, text)
    assert [leg.call_id for leg in legs] == [contact_id(1)]
    assert len(warnings) == 1


@pytest.mark.parametrize("recordings", [{"a": 1}, 5, "x", [5]])
def test_fields_of_another_kind_than_documented_cost_themselves(recordings: object) -> None:
    record = contact_record(Agent=["x"], Queue="support", Recordings=recordings, CustomerEndpoint=7, Recording=3)
    (leg,) = legs_of(READER, json.dumps(record))
    assert (leg.direction, leg.recordings, leg.customer) == ("inbound", (), "")


def test_no_number_stands_where_it_is_kept_in_clear() -> None:
    (leg,) = legs_of(READER, json.dumps(contact_record()))
    kept = f"{dict(leg.extra)} {dict(leg.cells)} {leg.place}"
    assert not any(number in kept for number in ("13900001234", "4001234567", "123456789012"))


@pytest.mark.parametrize("text", ["", "[]", '{"ContactId": "1"}', "ContactId,InitiationMethod\n1,x\n", "[" * 9000])
def test_what_others_write_is_not_taken_for_contact_records(text: str) -> None:
    assert not READER.recognises(MetadataFile(Path("cdr.json"), text))
