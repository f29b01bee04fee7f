"""vCon: what the drafts say a container may hold, and what older writers put into it."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.intake.reader import Leg, MetadataFile
from pipeline.intake.readers.vcon import VconReader
from tests.support.contact_records import dialog, vcon
from tests.support.legs import fields_of, legs_and_warnings, legs_of

READER = VconReader()
UUID = "01951f2a-0000-8000-8000-000000000001"
CAME_IN = {
    "ids": (UUID,), "call_id": UUID, "recordings": ("call-1.wav", "https://recordings.example.com/2026/call-1.wav"),
    "direction": "inbound", "caller": "+8613900001234", "customer": "+8613900001234", "extension": "1001",
    "epoch_s": 1795138260.0, "started_at": "2026-11-20T01:31:00+00:00", "agent_id": "agent-1001",
    "agent_name": "Li Na", "queue": "support", "channel_map": "0=customer,1=agent",
}  # fmt: skip
AGENT, CUSTOMER = {"role": "agent", "name": "Li Na"}, {"tel": "+8613900001234", "role": "customer"}


def leg_of(container: dict[str, Any], name: str = "call-1.vcon.json") -> Leg:
    (leg,) = legs_of(READER, json.dumps(container), name)
    return leg


def test_a_call_that_came_in() -> None:
    assert fields_of(leg_of(vcon())) == CAME_IN


def test_containers_of_older_versions() -> None:
    older = vcon(
        vcon="0.0.1", extensions=None, group=[], subject=None, redacted={}, appended=None,
        parties=[
            {"tel": "+13900001234", "meta": {"role": "customer"}, "name": "", "stir": None, "mailto": ""},
            {"tel": "+14155550100", "meta": {"role": "agent", "extension": "2212"}, "name": "Li Na",
             "mailto": "lina@example.com"},
        ],
        dialog=[{
            "alg": "SHA-512", "url": "https://x.example/a.wav", "body": None, "type": "recording", "duration": 375,
            "meta": {"direction": "out", "disposition": "ANSWERED"}, "start": "2026-11-20T01:31:00.000+00:00",
            "parties": [1, 0], "encoding": None, "filename": "a.wav", "mimetype": "audio/x-wav", "signature": "x",
        }],
    )  # fmt: skip
    leg = leg_of(older)
    assert fields_of(leg) == {
        "ids": (UUID,), "call_id": UUID, "recordings": ("a.wav", "https://x.example/a.wav"), "direction": "outbound",
        "caller": "+14155550100", "callee": "+13900001234", "customer": "+13900001234", "extension": "2212",
        "epoch_s": 1795138260.0, "started_at": "2026-11-20T01:31:00+00:00", "agent_id": "lina@example.com",
        "agent_name": "Li Na", "channel_map": "0=agent,1=customer",
    }  # fmt: skip
    assert leg.extra["disposition"] == "ANSWERED"


@pytest.mark.parametrize(
    ("parties", "originator", "expected"),
    [
        ([0, 1], None, ("inbound", "0=customer,1=agent")),
        ([1, 0], None, ("outbound", "0=agent,1=customer")),
        ([1, 0], 0, ("inbound", "0=agent,1=customer")),
        ([[0], [1]], 1, ("outbound", "0=customer,1=agent")),
        ([[0, 1]], None, ("inbound", None)),
        (0, 1, ("outbound", None)),
        ([[0, 1], 1], None, ("inbound", None)),
    ],
)
def test_the_first_party_began_the_call_unless_another_is_named(
    parties: object, originator: int | None, expected: tuple[str, str | None]
) -> None:
    leg = leg_of(vcon(dialog=[dialog(parties=parties, originator=originator)]))
    assert (leg.direction, leg.cells.get("channel_map")) == expected
    assert leg.cells["agent_name"] == "Li Na"


def test_without_roles_there_are_a_caller_and_a_callee_only() -> None:
    parties = [{"tel": "tel:+8613900001234;ext=2"}, {"sip": "sip:+864001234567@pbx.example.com"}]
    leg = leg_of(vcon(parties=parties))
    assert (leg.direction, leg.caller, leg.callee, leg.customer) == (None, "+8613900001234", "+864001234567", "")
    assert not {"agent_id", "agent_name", "channel_map"} & set(leg.cells)


def test_of_two_people_one_role_tells_the_other() -> None:
    leg = leg_of(vcon(parties=[{"tel": "+8613900001234"}, {"name": "Li Na", "role": "agent"}]))
    assert (leg.direction, leg.customer) == ("inbound", "+8613900001234")
    assert leg.cells["channel_map"] == "0=customer,1=agent"


@pytest.mark.parametrize(
    ("drops", "side"),
    [
        ([(1, 40), (0, 41)], "agent"), ([(1, 41), (0, 40)], "customer"), ([(1, 40)], "agent"),
        ([(1, 40), (0, 40.25)], "agent"), ([(0, 40), (1, 40)], None), ([], None), ([(9, 40)], None),
    ],
)  # fmt: skip
def test_who_dropped_first_hung_up(drops: list[tuple[int, float]], side: str | None) -> None:
    history = [{"party": 0, "time": "2026-11-20T01:31:00Z", "event": "join"}]
    history += [{"party": party, "time": f"2026-11-20T01:35:{s:05.2f}Z", "event": "drop"} for party, s in drops]
    leg = leg_of(vcon(dialog=[dialog(party_history=history)]))
    assert (leg.released.side if leg.released else None) == side


def test_who_left_before_the_end_did_not_hang_up() -> None:
    parties = [CUSTOMER, AGENT, {"role": "supervisor", "name": "Wang"}]
    drops = [{"party": party, "time": f"2026-11-20T01:3{party}:00Z", "event": "drop"} for party in (2, 1, 0)]
    leg = leg_of(vcon(parties=parties, dialog=[dialog(parties=[0, [1, 2]], party_history=drops)]))
    assert leg.released is not None
    assert leg.released.side == "agent"


def test_without_roles_the_caller_may_hang_up() -> None:
    drop = [{"party": 1, "time": "2026-11-20T01:35:40Z", "event": "drop"}]
    leg = leg_of(
        vcon(parties=[{"tel": "+8613900001234"}, {"tel": "+864001234567"}], dialog=[dialog(party_history=drop)])
    )
    assert leg.released is not None
    assert leg.released.side == "callee"


@pytest.mark.parametrize(
    "disposition", ["no-answer", "congestion", "failed", "busy", "hung-up", "voicemail-no-message"]
)
def test_an_attempt_that_came_to_nothing_was_hung_up_by_nobody(disposition: str) -> None:
    attempt = {"type": "incomplete", "start": "2026-11-20T01:31:00Z", "parties": [0, 1], "disposition": disposition}
    leg = leg_of(vcon(dialog=[attempt]))
    assert leg.recordings == ()
    assert leg.released is not None
    assert leg.released.side == "nobody"


def test_each_recording_of_a_transferred_call_keeps_its_own_agent() -> None:
    parties = [CUSTOMER, AGENT, {"role": "agent", "name": "Wang", "uuid": "agent-1002"}]
    transfer = {"type": "transfer", "start": "2026-11-20T01:33:00Z", "transferee": 0, "transferor": 1,
                "transfer_target": 2, "original": 0, "target_dialog": 2}  # fmt: skip
    dialogs = [dialog(), transfer, dialog(parties=[0, 2], filename="call-2.wav", start="2026-11-20T01:33:05Z")]
    first, second = legs_of(READER, json.dumps(vcon(parties=parties, dialog=dialogs)))
    assert not set(first.ids) & set(second.ids)
    assert first.call_id == second.call_id == UUID
    assert (first.cells["agent_name"], second.cells["agent_name"]) == ("Li Na", "Wang")
    assert second.recordings[0] == "call-2.wav"


def test_a_recording_inside_is_told_and_named_as_the_file_is() -> None:
    inline = dialog(url=None, content_hash=None, filename=None, body="UklGRg", encoding="base64url")
    legs, warnings = legs_and_warnings(READER, json.dumps(vcon(dialog=[inline])), "call-7.vcon.json")
    assert legs[0].recordings == ("call-7",)
    assert warnings == [
        "call-7.vcon.json: 1 recordings lie inside the vCon and are not taken out; put them beside it as files"
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_signed_container_is_read(pack: Any) -> None:
    payload = base64.urlsafe_b64encode(pack(json.dumps(vcon()).encode())).rstrip(b"=").decode()
    signed = {"payload": payload, "signatures": [{"header": {"alg": "RS256"}, "protected": "x", "signature": "y"}]}
    assert fields_of(leg_of(signed)) == CAME_IN


def test_an_encrypted_container_is_told() -> None:
    encrypted = {"unprotected": {"cty": "application/vcon"}, "recipients": [], "iv": "x", "ciphertext": "y", "tag": "z"}
    legs, warnings = legs_and_warnings(READER, json.dumps(encrypted))
    assert not legs
    assert "decrypt it first" in warnings[0]


def test_several_containers_may_stand_in_one_file() -> None:
    text = "\n".join(json.dumps(vcon(uuid=str(number))) for number in (1, 2))
    assert [leg.call_id for leg in legs_of(READER, text, "calls.jsonl")] == ["1", "2"]


def test_what_an_agent_entered_after_the_call_is_kept_unless_it_may_be_a_number() -> None:
    def kept(body: str) -> str:
        return str(leg_of(vcon(attachments=[{"type": "disposition", "body": body, "encoding": "none"}])).extra)

    assert "resolved" in kept("resolved")
    assert "13900001234" not in kept("call 13900001234")


def test_a_conversation_of_texts_only_is_told() -> None:
    _, warnings = legs_and_warnings(READER, json.dumps(vcon(dialog=[{"type": "text", "parties": [0, 1], "body": "x"}])))
    assert warnings == ["cdr.csv line 1: holds no recording of a call"]


@pytest.mark.parametrize(
    "changed",
    [
        {"parties": None}, {"parties": {}}, {"parties": [1, None]}, {"dialog": [dialog(parties=[7, -1, True, "a"])]},
        {"dialog": [dialog(parties={}, originator="x", party_history={}, start=5)]},
        {"dialog": [dialog(party_history=[1, {"event": "drop", "party": 0, "time": "yesterday"}])]},
        {"attachments": {"type": "disposition"}}, {"uuid": 7},
    ],
)  # fmt: skip
def test_parts_of_another_kind_than_documented_cost_themselves(changed: dict[str, Any]) -> None:
    assert leg_of({**vcon(), **changed}).recordings[0] == "call-1.wav"


def test_no_number_stands_where_it_is_kept_in_clear() -> None:
    leg = leg_of(vcon())
    kept = f"{dict(leg.extra)} {dict(leg.cells)} {leg.place}"
    assert "13900001234" not in kept


@pytest.mark.parametrize("text", ["", "[]", '{"dialog": "x"}', "dialog,parties\n1,2\n", '{"callflow": []}'])
def test_what_others_write_is_not_taken_for_vcon(text: str) -> None:
    assert not READER.recognises(MetadataFile(Path("cdr.json"), text))
