"""FreeSWITCH's mod_cdr_csv: every template of its configuration, the house's own, and tables with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.errors import BadMetadata
from pipeline.intake.reader import MetadataFile
from pipeline.intake.readers.freeswitch_csv import TEMPLATES, FreeswitchCsvReader
from tests.support.freeswitch import SwitchLeg, csv_line, profile, uuid_of
from tests.support.freeswitch_calls import CUSTOMER, DIALLED, DID, FROM_TRUNK, INBOUND, OUTBOUND, RUNG
from tests.support.legs import fields_of, legs_and_warnings, legs_of

READER = FreeswitchCsvReader()
CAME_IN = {
    "ids": (uuid_of(1), uuid_of(2)), "call_id": uuid_of(1), "direction": "inbound", "caller": CUSTOMER, "callee": DID,
    "started_at": "2026-11-20 09:31:00",
}  # fmt: skip
WENT_OUT = {
    "ids": (uuid_of(3), uuid_of(4)), "call_id": uuid_of(3), "direction": "outbound", "caller": "1001",
    "callee": DIALLED, "extension": "1001", "started_at": "2026-11-20 09:31:00",
}  # fmt: skip
BOTH_LEGS = {"bleg_uuid": uuid_of(2)}, {"bleg_uuid": uuid_of(4)}


def test_the_samples_are_read(shared: Path) -> None:
    folder = shared / "pbx-samples" / "freeswitch"
    inbound, outbound = legs_of(READER, (folder / "Master.csv").read_text())
    assert fields_of(inbound) == CAME_IN
    assert fields_of(outbound) == {**WENT_OUT, "started_at": "2026-11-20 10:00:00"}
    (built_in,) = legs_of(READER, (folder / "Master-default-template.csv").read_text())
    assert fields_of(built_in) == CAME_IN


@pytest.mark.parametrize("template", ["example", "default", "snom", "linksys", "sql"])
def test_every_template_says_the_same_of_a_call(template: str) -> None:
    inbound, outbound = BOTH_LEGS
    text = csv_line(INBOUND, template, **inbound) + csv_line(OUTBOUND, template, caller_id_name="1001", **outbound)
    first, second = legs_of(READER, text, "Master.csv")
    assert fields_of(first) == CAME_IN
    assert fields_of(second) == WENT_OUT


def test_the_template_that_is_like_asterisk_tells_channels_and_queues() -> None:
    queued = SwitchLeg(1, "inbound", INBOUND.profiles, {"last_app": "callcenter", "last_arg": "support@default"})
    text = csv_line(INBOUND, "asterisk") + csv_line(OUTBOUND, "asterisk") + csv_line(queued, "asterisk")
    first, second, third = (fields_of(leg) for leg in legs_of(READER, text))
    assert first == {**CAME_IN, "ids": (uuid_of(1),), "extension": "1001"}
    assert second == {**WENT_OUT, "ids": (uuid_of(3),)}
    assert third == {**CAME_IN, "ids": (uuid_of(1),), "queue": "support"}


def test_a_billing_template_has_no_begin_but_the_leg_and_its_gateway() -> None:
    leg = SwitchLeg(3, "inbound", OUTBOUND.profiles, {"signal_bond": uuid_of(4), "sip_gateway_name": ""})
    (read,) = legs_of(READER, csv_line(leg, "opencdrrate"))
    fields = fields_of(read)
    assert fields["ids"] == (uuid_of(3), uuid_of(4))
    assert (fields["caller"], fields["callee"]) == ("1001", DIALLED)
    assert fields["started_at"] == "2026-11-20 09:31:02"


@pytest.mark.parametrize("name", ['Zhang "Z" San', "Zhang, San", 'a","b', '"', "张三", "Müller|;", 'a", "b"'])
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_name_may_hold_what_stands_between_the_values(name: str, template: str) -> None:
    leg = SwitchLeg(1, "inbound", [profile(CUSTOMER, DID, "public", FROM_TRUNK, name=name)])
    (read,) = legs_of(READER, csv_line(leg, template))
    assert (read.caller, read.callee) == (CUSTOMER, DID)
    assert read.call_id == uuid_of(1)


def test_lines_of_several_templates_may_stand_in_one_file() -> None:
    text = "".join(
        csv_line(INBOUND, template, bleg_uuid=uuid_of(2)) for template in ("example", "sql", "snom", "default")
    )
    assert [fields_of(leg) for leg in legs_of(READER, text)] == [CAME_IN] * 4


def test_of_both_legs_the_first_tells_of_the_call_and_the_second_who_answered() -> None:
    text = csv_line(RUNG) + csv_line(INBOUND, bleg_uuid=uuid_of(2))
    second, first = (fields_of(leg) for leg in legs_of(READER, text))
    assert first == CAME_IN
    assert second["ids"] == (uuid_of(2), uuid_of(1))
    assert second["call_id"] == uuid_of(1)
    assert "started_at" not in second
    assert "caller" not in second


@pytest.mark.parametrize(
    ("caller", "called", "context", "direction"),
    [
        (CUSTOMER, DID, "public", "inbound"), (CUSTOMER, "1001", "default", "inbound"),
        ("1001", DIALLED, "default", "outbound"), ("anonymous", "1001", "public", "inbound"),
        ("1001", "1002", "default", None), ("02288880001", DIALLED, "default", None),
        (CUSTOMER, "600", "pbx.example.com", "inbound"), ("1001", "+8613900005678", "pbx.example.com", "outbound"),
        ("alice", DIALLED, "default", "outbound"), ("", "1001", "default", None),
    ],
)  # fmt: skip
def test_the_context_and_the_numbers_give_the_direction_or_nothing(
    caller: str, called: str, context: str, direction: str | None
) -> None:
    leg = SwitchLeg(1, "inbound", [profile(caller, called, context, "sofia/sip/x@10.0.0.1", name="X")])
    (read,) = legs_of(READER, csv_line(leg))
    assert read.direction == direction
    assert "direction" not in read.cells


def test_a_context_of_the_house_is_given_as_it_is() -> None:
    leg = SwitchLeg(1, "inbound", [profile(CUSTOMER, DID, "from-carrier", "sofia/sip/x")])
    (read,) = legs_of(READER, csv_line(leg))
    assert read.direction is None
    assert read.cells["direction"] == "from-carrier"


@pytest.mark.parametrize(
    "template",
    [
        '"${uuid}","${caller_id_number}","${destination_number}","${context}","${start_stamp}","${cc_agent}"',
        "${uuid}|${context}|${start_stamp}|${caller_id_number}|${destination_number}|${cc_agent}",
        "${start_stamp},${caller_id_number},${destination_number},${uuid},${context},${cc_agent}",
    ],
)
def test_a_house_writes_its_own_template(template: str) -> None:
    leg = SwitchLeg(1, "inbound", INBOUND.profiles, {"cc_agent": "1001@default"})
    reader = FreeswitchCsvReader((template,))
    (read,) = legs_of(reader, csv_line(leg, template))
    assert fields_of(read) == {**CAME_IN, "ids": (uuid_of(1),), "agent_id": "1001"}


def test_variables_that_a_house_adds_at_the_end_cost_nothing() -> None:
    template = TEMPLATES["example"] + ',"${sip_hangup_disposition}","${network_addr}","${a,b}"'
    text = csv_line(INBOUND, template, bleg_uuid=uuid_of(2)) + csv_line(OUTBOUND, template, bleg_uuid=uuid_of(4))
    first, second = (fields_of(leg) for leg in legs_of(READER, text))
    assert first == {**CAME_IN, "released": ("caller", True)}
    assert second == {**WENT_OUT, "agent_name": "Li Na", "released": ("caller", True)}


def test_an_order_that_is_not_known_is_refused_with_a_remedy() -> None:
    template = (
        '"${uuid}","${start_stamp}","${end_stamp}","${caller_id_number}","${destination_number}","${hangup_cause}"'
    )
    file = MetadataFile(Path("Master.csv"), csv_line(INBOUND, template))
    assert READER.recognises(file)
    with pytest.raises(BadMetadata, match=r"ingest\.column_order"):
        list(READER.read(file, []))


def test_legs_that_name_each_other_are_both_told_whole() -> None:
    text = csv_line(RUNG, bleg_uuid=uuid_of(1)) + csv_line(INBOUND, bleg_uuid=uuid_of(2))
    assert [leg.caller for leg in legs_of(READER, text)] == [CUSTOMER, CUSTOMER]


def test_a_house_may_name_its_variables_in_order() -> None:
    names = ("uuid", "caller_id_number", "destination_number", "context", "start_stamp", "sip_hangup_disposition")
    reader = FreeswitchCsvReader(names)
    line = ",".join((uuid_of(1), CUSTOMER, DID, "public", "2026-11-20 09:31:00", "recv_bye"))
    (read,) = legs_of(reader, line + "\n")
    assert fields_of(read) == {**CAME_IN, "ids": (uuid_of(1),), "released": ("caller", True)}


def _table(names: Sequence[str], *rows: Sequence[str], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([names, *rows])
    return text.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_that_names_the_variables_is_read_by_them(delimiter: str) -> None:
    names = ("uuid", "Caller_ID_Number", "destination_number", "context", "start_stamp", "start_epoch", "bleg_uuid")
    row = (uuid_of(1), CUSTOMER, DID, "public", "2026-11-20 09:31:00", "1795138260", uuid_of(2))
    (read,) = legs_of(READER, "\ufeff" + _table(names, row, delimiter=delimiter))
    assert fields_of(read) == {**CAME_IN, "epoch_s": 1795138260.0}


def test_the_table_of_fusionpbx_says_the_direction_of_the_call() -> None:
    names = (
        "xml_cdr_uuid", "domain_name", "direction", "caller_id_name", "caller_id_number", "caller_destination",
        "destination_number", "start_epoch", "start_stamp", "answer_stamp", "billsec", "bridge_uuid", "record_path",
        "record_name", "leg", "originating_leg_uuid", "cc_side", "cc_queue", "cc_agent", "cc_queue_joined_epoch",
        "cc_queue_answered_epoch", "hangup_cause", "sip_hangup_disposition",
    )  # fmt: skip
    came_in = (
        uuid_of(1), "x.example.com", "inbound", "Zhang", CUSTOMER, DID, "8001", "1795138260", "2026-11-20 09:31:00",
        "2026-11-20 09:31:02", "278", uuid_of(2), "/rec/2026/Nov/20", "a.wav", "a", "", "member", "8001@x.example.com",
        uuid_of(50), "1795138262", "1795138277", "NORMAL_CLEARING", "recv_bye",
    )  # fmt: skip
    went_out = (
        uuid_of(3), "x.example.com", "outbound", "Li Na", "1001", "", DIALLED, "1795140000", "2026-11-20 10:00:00",
        "2026-11-20 10:00:11", "169", uuid_of(4), "", "", "a", *[""] * 6, "NORMAL_CLEARING", "recv_bye",
    )  # fmt: skip
    local = ("local-1", "x.example.com", "local", "Li Na", "1001", "", "1002", "1795140000", *[""] * 15)
    first, second, third = (fields_of(leg) for leg in legs_of(READER, _table(names, came_in, went_out, local)))
    assert first == {
        **CAME_IN, "epoch_s": 1795138260.0, "queue": "8001", "wait_s": "15", "agent_id": uuid_of(50),
        "recordings": ("/rec/2026/Nov/20/a.wav",), "released": ("caller", True),
    }  # fmt: skip
    assert second == {
        **WENT_OUT, "epoch_s": 1795140000.0, "started_at": "2026-11-20 10:00:00", "agent_name": "Li Na",
        "released": ("caller", True),
    }  # fmt: skip
    assert "direction" not in third


def test_an_odd_line_costs_itself_and_is_told_with_its_number() -> None:
    text = csv_line(INBOUND) + '"half a line","139\n\n' + csv_line(OUTBOUND).replace("\n", "\r\n") + "\0\0"
    legs, warnings = legs_and_warnings(READER, text, "Master.csv")
    assert [leg.call_id for leg in legs] == [uuid_of(1), uuid_of(3)]
    assert [str(each) for each in warnings] == ["Master.csv line 2: not the cells of this kind of file; left out"]


def test_a_hostile_line_takes_no_longer_than_its_length() -> None:
    line = '"' + '","' * 20_000 + '"\n'
    legs, warnings = legs_and_warnings(READER, csv_line(INBOUND) + line * 3)
    assert len(legs) == 1
    assert len(warnings) == 3


def test_lines_of_asterisk_and_plain_tables_are_not_taken_for_it(shared: Path) -> None:
    texts = [(shared / "pbx-samples" / name).read_text() for name in ("asterisk/Master.csv", "asterisk/cel-Master.csv")]
    for text in (*texts, "file,uuid,caller\na.wav,1,2\n", "", "\n"):
        assert not READER.recognises(MetadataFile(Path("Master.csv"), text))
