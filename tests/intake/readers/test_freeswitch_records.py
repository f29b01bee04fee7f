"""FreeSWITCH's xml_cdr and json_cdr: a file a leg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.intake.reader import LegReader, MetadataFile
from pipeline.intake.readers.freeswitch_records import FreeswitchJsonReader, FreeswitchXmlReader
from tests.support.freeswitch import START_S, SwitchLeg, json_cdr, uuid_of, xml_cdr
from tests.support.freeswitch_calls import DID, DID_PROFILE, FROM_TRUNK, INBOUND, LEG_CASES, MEMBER, RUNG, LegCase
from tests.support.legs import fields_of, legs_and_warnings, legs_of

WRITERS: dict[str, tuple[LegReader, Callable[[SwitchLeg], str]]] = {
    "xml": (FreeswitchXmlReader(), xml_cdr),
    "json": (FreeswitchJsonReader(), json_cdr),
    "json, values as they are": (FreeswitchJsonReader(), lambda leg: json_cdr(leg, is_encoded=False)),
    "json of 2014": (FreeswitchJsonReader(), lambda leg: json_cdr(leg, is_encoded=False, has_one_name=True)),
}


@pytest.mark.parametrize("written", WRITERS)
@pytest.mark.parametrize("case", LEG_CASES, ids=lambda case: case.name)
def test_each_leg_says_what_it_knows_field_for_field(case: LegCase, written: str) -> None:
    reader, write = WRITERS[written]
    (leg,) = legs_of(reader, write(case.leg), f"{uuid_of(case.leg.number)}.cdr.{written[:4].strip()}")
    fields = fields_of(leg)
    assert set(leg.ids) == {uuid_of(number) for number in case.ids}
    del fields["ids"]
    assert fields == case.expected


def test_the_samples_are_read(shared: Path) -> None:
    folder = "/var/lib/freeswitch/recordings"
    for name, reader in (("a_{}.cdr.xml", FreeswitchXmlReader()), ("{}.cdr.json", FreeswitchJsonReader())):
        path = shared / "pbx-samples" / "freeswitch" / name.format(uuid_of(1))
        (leg,) = legs_of(reader, path.read_text(), path.name)
        fields = fields_of(leg)
        # only one of the two holds an epoch
        assert fields.pop("epoch_s", float(START_S)) == START_S
        assert fields == {
            "ids": (uuid_of(1),), "call_id": uuid_of(1), "direction": "inbound", "caller": "13900001234",
            "callee": "4001234567", "agent_id": "1001", "queue": "support", "wait_s": "15",
            "started_at": "2026-11-20 09:31:00", "released": ("caller", True),
            "recordings": (f"{folder}/2026-11-20-09-31-00.4001234567.13900001234.{uuid_of(1)}.wav",),
        }  # fmt: skip


def test_the_oldest_profile_holds_what_was_dialled() -> None:
    (leg,) = legs_of(FreeswitchXmlReader(), xml_cdr(MEMBER), "x.cdr.xml")
    assert (leg.direction, leg.callee) == ("inbound", DID)


@pytest.mark.parametrize("written", WRITERS)
def test_recordings_are_those_that_were_made(written: str) -> None:
    reader, write = WRITERS[written]
    leg = replace(
        INBOUND,
        variables={
            **INBOUND.variables,
            "execute_on_pre_bridge": "record_session /rec/by name.wav",
            "api_on_answer": f"uuid_record {uuid_of(1)} start /rec/api.wav",
            "execute_on_media": "set x=y",
        },
        applications=(
            ("bind_meta_app", "2 b s record_session::/rec/never.wav"),
            ("record_session", "{channels=2}/rec/张三 1.wav +7200"),
            ("bridge", "user/1001@default"),
        ),
    )
    (read,) = legs_of(reader, write(leg))
    assert read.recordings == ("/rec/张三 1.wav", "/rec/by name.wav", "/rec/api.wav")


def test_values_with_a_percent_sign_are_decoded_once() -> None:
    leg = replace(INBOUND, variables={**INBOUND.variables, "cc_queue": "50%25@default"})
    for reader, write in WRITERS.values():
        (read,) = legs_of(reader, write(leg))
        assert read.cells["queue"] == "50%25"


def test_a_prefix_marks_the_leg_that_nobody_dialled() -> None:
    leg = replace(
        INBOUND, direction="outbound", profiles=[{**DID_PROFILE, "chan_name": "sofia/internal/1001@10.0.0.5"}]
    )
    leg = replace(leg, variables={"sip_hangup_disposition": "recv_bye"})
    (prefixed,) = legs_of(FreeswitchXmlReader(), xml_cdr(leg), f"a_{uuid_of(1)}.cdr.xml")
    (bare,) = legs_of(FreeswitchXmlReader(), xml_cdr(leg), f"{uuid_of(1)}.cdr.xml")
    assert [each.released.side for each in (prefixed, bare) if each.released] == ["agent", "callee"]


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE cdr [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<cdr><variables><uuid>&b;</uuid></variables></cdr>',
        '<!DOCTYPE cdr SYSTEM "file:///etc/passwd">\n<cdr><variables><uuid>1</uuid></variables></cdr>',
        xml_cdr(INBOUND)[:900],
        "<cdr><variables></cdr>",
    ],
    ids=["entities", "outside", "cut short", "crossed"],
)
def test_xml_that_cannot_be_read_is_told_and_left_out(text: str) -> None:
    file = MetadataFile(Path("x.cdr.xml"), text)
    warnings: list[str] = []
    assert not list(FreeswitchXmlReader().read(file, warnings))  # type: ignore[arg-type]
    (warning,) = warnings
    assert "x.cdr.xml" in warning
    assert "aaaa" not in warning


def test_elements_within_elements_without_end_do_no_harm() -> None:
    text = "<cdr><variables>" + "<a>" * 200_000 + "</a>" * 200_000 + "</variables></cdr>"
    (leg,) = list(FreeswitchXmlReader().read(MetadataFile(Path("x.cdr.xml"), text), []))
    assert not leg.ids


def test_a_variable_whose_name_is_none_in_xml_costs_only_itself() -> None:
    text = xml_cdr(INBOUND).replace(
        "  </variables>", "    <sip_h_X-a b>x</sip_h_X-a b>\n    <1st>y</1st>\n  </variables>"
    )
    (leg,) = legs_of(FreeswitchXmlReader(), text)
    assert leg.call_id == uuid_of(1)


def test_one_damaged_record_costs_itself() -> None:
    text = json_cdr(INBOUND) + json_cdr(RUNG)[:-20] + "\n" + json_cdr(MEMBER)
    legs, warnings = legs_and_warnings(FreeswitchJsonReader(), text)
    assert [leg.ids[0] for leg in legs] == [uuid_of(1), uuid_of(1)]
    assert len(warnings) == 1


def test_other_json_and_xml_is_not_taken_for_it() -> None:
    for text in (
        '{"ContactId": "1", "variables": 1}',
        '[{"file": "a.wav"}]',
        "<vcon/>",
        "<recording><cdr/></recording>",
        "",
    ):
        file = MetadataFile(Path("cdr.json"), text)
        assert not FreeswitchJsonReader().recognises(file)
        assert not FreeswitchXmlReader().recognises(file)


def test_nothing_extra_holds_a_number() -> None:
    for case in LEG_CASES:
        for reader, write in WRITERS.values():
            (leg,) = legs_of(reader, write(case.leg))
            said = f"{leg.place} {leg.extra}"
            assert not any(number in said for number in ("13900001234", DID, "13900005678", FROM_TRUNK))
