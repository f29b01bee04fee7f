"""FreeSWITCH's and 3CX's files in an inbox: what callqa knows of a call when all is joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.datatypes import CDR
from pipeline.intake.inbox import scan_inbox
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.freeswitch import START_S, SwitchLeg, csv_line, json_cdr, uuid_of, xml_cdr
from tests.support.freeswitch_calls import AGENT, CUSTOMER, DIALLED, DIALLED_OUT, DID, INBOUND, MEMBER, OUTBOUND, RUNG
from tests.support.inboxes import CHINA, put
from tests.support.threecx import threecx_line

BEGAN = datetime.fromtimestamp(START_S, CHINA)
NUMBERS = (CUSTOMER, DID, DIALLED, DIALLED.lstrip("0"), "02288880001")
_XML, _JSON = ("xml", xml_cdr), ("json", json_cdr)


def _ended(leg: SwitchLeg, disposition: str) -> SwitchLeg:
    return replace(leg, variables={**leg.variables, "sip_hangup_disposition": disposition})


def _known(cdr: CDR) -> tuple[object, ...]:
    return cdr.direction, cdr.agent_id, cdr.queue, cdr.wait_s, cdr.release_party, cdr.call_id, cdr.started_at


def _holds_no_number(home: Home) -> bool:
    written = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    return not any(number.encode() in written for number in NUMBERS)


CALLS: dict[str, tuple[tuple[SwitchLeg, ...], tuple[object, ...]]] = {
    "the caller hung up": ((INBOUND, RUNG), ("inbound", "1001", None, None, "customer", uuid_of(1), BEGAN)),
    "the agent hung up": (
        (_ended(INBOUND, "send_bye"), _ended(RUNG, "recv_bye")),
        ("inbound", "1001", None, None, "agent", uuid_of(1), BEGAN),
    ),
    "the dialplan hung up": (
        (_ended(INBOUND, "send_bye"), _ended(RUNG, "send_bye")),
        ("inbound", "1001", None, None, None, uuid_of(1), BEGAN),
    ),
    "outbound, the agent hung up": (
        (OUTBOUND, DIALLED_OUT),
        ("outbound", "1001", None, None, "agent", uuid_of(3), BEGAN),
    ),
    "outbound, the customer hung up": (
        (_ended(OUTBOUND, "send_bye"), _ended(DIALLED_OUT, "recv_bye")),
        ("outbound", "1001", None, None, "customer", uuid_of(3), BEGAN),
    ),
    "a queue, the agent hung up": ((MEMBER, AGENT), ("inbound", "1001", "support", 15.0, "agent", uuid_of(1), BEGAN)),
    "a queue, the caller hung up": (
        (_ended(MEMBER, "recv_bye"), _ended(AGENT, "send_bye")),
        ("inbound", "1001", "support", 15.0, "customer", uuid_of(1), BEGAN),
    ),
}


@pytest.mark.parametrize("written", [_XML, _JSON], ids=["xml", "json"])
@pytest.mark.parametrize("call", CALLS)
def test_the_legs_of_a_call_say_together_who_spoke_and_who_hung_up(
    here: Settings, inbox: Path, tmp_home: Home, call: str, written: tuple[str, Callable[[SwitchLeg], str]]
) -> None:
    legs, expected = CALLS[call]
    ending, write = written
    put(inbox / "2026" / f"{uuid_of(legs[0].number)}.wav")
    for leg in legs:
        (inbox / f"{'a_' if leg is legs[0] else ''}{uuid_of(leg.number)}.cdr.{ending}").write_text(write(leg))
    found = scan_inbox(here, tmp_home)
    assert found.warnings == ()
    assert found.failures == ()
    (recording,) = found.recordings
    assert _known(recording.cdr) == expected
    assert recording.cdr.caller_hash
    assert _holds_no_number(tmp_home)


def test_the_customers_hash_is_one_whichever_way_the_call_went(here: Settings, inbox: Path, tmp_home: Home) -> None:
    inbound, outbound = (
        replace(leg, profiles=[{**leg.profiles[0], name: CUSTOMER}])
        for leg, name in ((INBOUND, "caller_id_number"), (OUTBOUND, "destination_number"))
    )
    put(inbox / f"{uuid_of(1)}.wav", 1)
    put(inbox / f"{uuid_of(3)}.wav", 2)
    (inbox / "Master.csv").write_text(
        csv_line(inbound, bleg_uuid=uuid_of(2)) + csv_line(outbound, bleg_uuid=uuid_of(4))
    )
    first, second = (recording.cdr for recording in scan_inbox(here, tmp_home).recordings)
    assert (first.direction, second.direction) == ("inbound", "outbound")
    assert first.caller_hash == second.caller_hash
    assert second.agent_id == "1001"
    assert _holds_no_number(tmp_home)


def test_both_legs_in_one_csv_give_the_agent_and_the_calls_begin(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / f"{uuid_of(1)}.wav")
    (inbox / "Master.csv.2026-11-20-23-59-59").write_text(csv_line(RUNG) + csv_line(INBOUND, bleg_uuid=uuid_of(2)))
    (recording,) = scan_inbox(here, tmp_home).recordings
    assert _known(recording.cdr) == ("inbound", "1001", None, None, None, uuid_of(1), BEGAN)


def test_a_house_names_the_order_of_its_own_template(here: Settings, inbox: Path, tmp_home: Home) -> None:
    template = '"${uuid}";"${context}";"${start_stamp}";"${caller_id_number}";"${destination_number}";"${cc_agent}"'
    ingest = here.ingest.model_copy(update={"column_order": (template,)})
    put(inbox / f"{uuid_of(1)}.wav")
    (inbox / "Master.csv").write_text(csv_line(INBOUND, template, cc_agent="1001@default"))
    (recording,) = scan_inbox(here.model_copy(update={"ingest": ingest}), tmp_home).recordings
    assert _known(recording.cdr) == ("inbound", "1001", None, None, None, uuid_of(1), BEGAN)


def test_segments_of_one_3cx_call_are_one_call(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "00000163F5AD7E1E_31.wav")
    (inbox / "cdr.log").write_text(
        threecx_line("Ext.800", "Ext.1001", callid="00000163F5AD7E1E_32", from_type="Queue", to_type="Extension",
                     time_start="2026/11/20 09:31:05", from_dispname="客服", to_dispname="李娜",
                     reason_terminated="TerminatedByRule")
        + threecx_line(CUSTOMER, "Ext.800", from_type="Line", to_type="Queue", to_dispname="客服")
    )  # fmt: skip
    found = scan_inbox(here, tmp_home)
    (recording,) = found.recordings
    assert found.calls == 1
    assert _known(recording.cdr) == ("inbound", "1001", "客服", 15.0, "customer", "00000163F5AD7E1E_31", BEGAN)
    assert recording.cdr.agent_name == "李娜"
    assert _holds_no_number(tmp_home)
