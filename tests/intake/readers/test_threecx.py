"""3CX's cdr.log in the orders that administrators choose, and its table cdroutput."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import BadMetadata
from pipeline.intake.reader import MetadataFile
from pipeline.intake.readers.threecx import ORDERS, ThreeCxReader
from pipeline.intake.readers.threecx_database import ThreeCxDatabaseReader
from tests.support.legs import fields_of, legs_and_warnings, legs_of
from tests.support.threecx import threecx_line

READER = ThreeCxReader()
CUSTOMER, DIALLED = "13900001234", "013900005678"
IDS = ("00000163F5AD7E1E_31", "5001")
CALL = {"ids": IDS, "call_id": IDS[0], "started_at": "2026/11/20 09:31:00"}
CAME_IN = {**CALL, "direction": "inbound", "caller": CUSTOMER}
WENT_OUT = {**CALL, "direction": "outbound", "caller": "1001", "callee": DIALLED, "extension": "1001"}
TO_QUEUE = {"from_type": "Line", "to_type": "Queue", "final_type": "Extension"}

CASES: dict[str, tuple[str, dict[str, object]]] = {
    "inbound to an extension": (
        threecx_line(CUSTOMER, "Ext.1001", last="chain", dial_no="4001234567"),
        {**CAME_IN, "callee": "4001234567", "extension": "1001", "released": ("caller", True)},
    ),
    "inbound, the agent hung up": (
        threecx_line(CUSTOMER, "Ext.1001", reason_terminated="TerminatedByDst", from_type="Line", to_type="Extension"),
        {**CAME_IN, "callee": "1001", "extension": "1001", "released": ("callee", True)},
    ),
    "outbound, the agent hung up": (
        threecx_line("Ext.1001", DIALLED, last="chain"), {**WENT_OUT, "released": ("caller", True)},
    ),
    "outbound, the customer hung up": (
        threecx_line("Ext.1001", DIALLED, reason_terminated="TerminatedByDst", from_type="Extension", to_type="Line",
                     from_dispname="Li Na"),
        {**WENT_OUT, "agent_name": "Li Na", "released": ("callee", True)},
    ),
    "outbound, never answered": (
        threecx_line("Ext.1001", DIALLED, time_answered="", reason_terminated="Failed_Cancelled"),
        {**WENT_OUT, "released": ("nobody", True)},
    ),
    "outbound through a rule that the trunk's number shows": (
        threecx_line("Ext.1001", "Ext.10001", from_type="Extension", to_type="Line", dial_no=DIALLED),
        {**WENT_OUT, "released": ("caller", True)},
    ),
    "a queue by its type and name": (
        threecx_line(CUSTOMER, "Ext.800", "Ext.1001", **TO_QUEUE, to_dispname="客服", final_dispname="李娜"),
        {**CAME_IN, "callee": "800", "extension": "1001", "agent_name": "李娜", "queue": "客服", "wait_s": "15",
         "released": ("caller", True)},
    ),
    "a queue by its type alone": (
        threecx_line(CUSTOMER, "Ext.800", "Ext.1001", **TO_QUEUE),
        {**CAME_IN, "callee": "800", "extension": "1001", "queue": "800", "wait_s": "15", "released": ("caller", True)},
    ),
    "a queue by the chain": (
        threecx_line(CUSTOMER, "Ext.800", "Ext.1001", last="chain"),
        {**CAME_IN, "callee": "800", "extension": "1001", "queue": "800", "wait_s": "15", "released": ("caller", True)},
    ),
    "abandoned in a queue": (
        threecx_line(CUSTOMER, "Ext.800", time_answered="", time_end="2026/11/20 09:32:00", from_type="Line",
                     to_type="Queue"),
        {**CAME_IN, "callee": "800", "queue": "800", "wait_s": "60", "released": ("nobody", True)},
    ),
    "after hours, to a voice mailbox": (
        threecx_line(CUSTOMER, "Ext.1001", "Ext.999", from_type="Line", to_type="Extension", final_type="VMail"),
        {**CAME_IN, "callee": "1001", "released": ("caller", True)},
    ),
    "a segment that another replaced": (
        threecx_line(CUSTOMER, "Ext.1001", reason_terminated="ReplacedDst", from_type="Line", to_type="Extension"),
        {**CAME_IN, "callee": "1001", "extension": "1001"},
    ),
    "a queue's segment": (
        threecx_line("Ext.800", "Ext.1001", from_type="Queue", to_type="Extension", from_dispname="Support",
                     reason_terminated="TerminatedByDst"),
        {**CALL, "caller": "800", "callee": "1001", "extension": "1001", "queue": "Support", "wait_s": "15",
         "released": ("callee", True)},
    ),
    "between extensions": (
        threecx_line("Ext.1001", "Ext.1002", from_type="Extension", to_type="Extension"),
        {**CALL, "caller": "1001", "callee": "1002", "extension": "1002", "released": ("caller", True)},
    ),
    "a caller without a number": (
        threecx_line("anonymous", "Ext.1001", from_type="Line", to_type="Extension"),
        {**CAME_IN, "caller": "anonymous", "callee": "1001", "extension": "1001", "released": ("caller", True)},
    ),
    "version 20's reasons": (
        threecx_line(CUSTOMER, "Ext.1001", reason_terminated="dst_participant_terminated", historyid="5001"),
        {**CAME_IN, "callee": "1001", "extension": "1001", "released": ("callee", True)},
    ),
    "a reason that says nothing": (
        threecx_line(CUSTOMER, "Ext.1001", reason_terminated="TerminatedByRule"),
        {**CAME_IN, "callee": "1001", "extension": "1001"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_call_says_what_it_knows_field_for_field(case: str) -> None:
    line, expected = CASES[case]
    (leg,) = legs_of(READER, line, "cdr.log")
    assert fields_of(leg) == expected


def test_the_sample_is_read(shared: Path) -> None:
    (leg,) = legs_of(READER, (shared / "pbx-samples" / "3cx" / "cdr.log").read_text(), "cdr.log")
    assert fields_of(leg) == {**CAME_IN, "callee": "4001234567", "extension": "1001", "released": ("callee", True)}


@pytest.mark.parametrize("order", ORDERS, ids=len)
@pytest.mark.parametrize("last", ["chain", "missed-queue-calls", "final-type", "final-dispname"])
def test_every_known_order_is_recognised_however_much_of_it_is_chosen(order: tuple[str, ...], last: str) -> None:
    text = "".join(
        threecx_line(*chain, order=order, last=last, from_type=kinds[0], to_type=kinds[1], from_dispname="X")
        for chain, kinds in (
            ((CUSTOMER, "Ext.1001"), ("Line", "Extension")),
            (("Ext.1001", DIALLED), ("Extension", "Line")),
        )
    )
    inbound, outbound = legs_of(READER, text, "cdr.log")
    assert (inbound.direction, inbound.caller, inbound.extension) == ("inbound", CUSTOMER, "1001")
    assert (outbound.direction, outbound.callee, outbound.extension) == ("outbound", DIALLED, "1001")
    assert inbound.call_id == IDS[0]


def test_an_order_of_the_house_is_named() -> None:
    order = ("time-start", "from-no", "to-no", "reason-terminated", "time-answered", "callid", "chain")
    text = threecx_line(CUSTOMER, "Ext.1001", order=order, last="")
    with pytest.raises(BadMetadata, match=r"ingest\.column_order"):
        legs_and_warnings(READER, text, "cdr.log")
    (leg,) = legs_of(ThreeCxReader(order), text, "cdr.log")
    assert fields_of(leg) == {
        **CAME_IN, "ids": IDS[:1], "callee": "1001", "extension": "1001", "released": ("caller", True),
    }  # fmt: skip


@pytest.mark.parametrize("mark", ["-", "_"])
def test_a_header_names_the_fields(mark: str) -> None:
    header = ",".join(ORDERS[1]).replace("-", mark)
    text = f"\ufeff{header}\r\n" + threecx_line(CUSTOMER, "Ext.1001", order=ORDERS[1], last="")
    (leg,) = legs_of(READER, text, "calls.csv")
    assert fields_of(leg) == {**CAME_IN, "callee": "1001", "extension": "1001", "released": ("caller", True)}


def test_an_extension_that_people_speak_on_is_no_queue() -> None:
    text = (
        threecx_line(CUSTOMER, "Ext.800", "Ext.1002", "Ext.1001", last="chain")
        + threecx_line("Ext.1002", DIALLED, last="chain")
        + threecx_line(CUSTOMER, "Ext.1002", "Ext.1001", last="chain")
    )
    first, _, third = legs_of(READER, text)
    assert first.cells["queue"] == "800"
    assert "queue" not in third.cells


def test_a_comma_in_a_name_costs_the_names() -> None:
    line = threecx_line(
        CUSTOMER, "Ext.800", "Ext.1001", **TO_QUEUE, to_dispname="Support, A", final_dispname="Smith, J."
    )
    for text in (line, line.rstrip(",\n") + "\n"):
        (leg,) = legs_of(READER, text)
        assert (leg.extension, leg.cells["queue"], leg.cells.get("agent_name")) == ("1001", "800", None)


def test_an_odd_line_costs_itself_and_is_told_with_its_number() -> None:
    good = threecx_line(CUSTOMER, "Ext.1001")
    legs, warnings = legs_and_warnings(READER, good + "Call 5002,half\n\n" + good, "cdr.log")
    assert len(legs) == 2
    assert [str(each) for each in warnings] == ["cdr.log line 2: not the cells of this kind of file; left out"]


def test_other_files_are_not_taken_for_it(shared: Path) -> None:
    for name in ("asterisk/Master.csv", "asterisk/queue_log", "freeswitch/Master.csv", "vicidial/recording_log.csv"):
        text = (shared / "pbx-samples" / name).read_text()
        assert not READER.recognises(MetadataFile(Path(name), text))
        assert not ThreeCxDatabaseReader().recognises(MetadataFile(Path(name), text))


# --- cdroutput

_COLUMNS = (
    "cdr_id", "call_history_id", "source_entity_type", "source_dn_number", "source_dn_name",
    "source_participant_phone_number", "source_participant_trunk_did", "source_participant_is_incoming",
    "destination_entity_type", "destination_dn_number", "destination_dn_name", "destination_participant_phone_number",
    "creation_method", "creation_forward_reason", "termination_reason", "termination_reason_details", "cdr_started_at",
    "cdr_ended_at", "cdr_answered_at", "main_call_history_id",
)  # fmt: skip
HISTORY = "00000000-01db-aef6-c109-60ec0000004c"
_OUTSIDE = ("external_line", "10001", "Carrier", CUSTOMER, "4001234567", "t")
_QUEUE = ("queue", "800", "Support", "800")
_TO_TRUNK = ("external_line", "10001", "Carrier", DIALLED)
_PHONE = ("extension", "1001", "Li Na", "1001")
_TIMES = ("2026-11-20 01:31:15.5+00", "2026-11-20 01:35:40+00")


def _rows(*rows: tuple[str, ...]) -> str:
    lines = (
        ",".join((f"00000000-01db-aef6-0000-{number:012d}", HISTORY, *row, HISTORY)) for number, row in enumerate(rows)
    )
    return "\n".join((",".join(_COLUMNS), *lines)) + "\n"


def test_each_way_that_a_call_took_is_a_leg() -> None:
    text = _rows(
        (*_OUTSIDE, *_QUEUE, "route_to", "none", "continued_in", "", "2026-11-20 01:31:00.25+00", _TIMES[0],
         "2026-11-20 01:31:01+00"),
        (*_QUEUE, "", "t", "extension", "1002", "Wang", "1002", "route_to", "polling", "cancelled", "",
         "2026-11-20 01:31:02+00", "2026-11-20 01:31:12+00", ""),
        (*_OUTSIDE, *_PHONE, "divert", "polling", "dst_participant_terminated", "", *_TIMES, _TIMES[0]),
    )  # fmt: skip
    queued, polled, spoke = (fields_of(leg) for leg in legs_of(ThreeCxDatabaseReader(), text))
    assert queued.pop("epoch_s") == pytest.approx(1795138260.25)
    assert {name: queued[name] for name in ("direction", "caller", "callee", "queue", "wait_s", "call_id")} == {
        "direction": "inbound", "caller": CUSTOMER, "callee": "4001234567", "queue": "Support", "wait_s": "15",
        "call_id": HISTORY,
    }  # fmt: skip
    assert not {"released", "extension"} & (set(queued) | set(polled))
    assert (spoke["extension"], spoke["agent_name"], spoke["released"]) == ("1001", "Li Na", ("agent", True))


@pytest.mark.parametrize(
    ("source", "destination", "reason", "answered", "direction", "released"),
    [
        (_PHONE, _TO_TRUNK, "dst_participant_terminated", True, "outbound", "customer"),
        (_PHONE, _TO_TRUNK, "src_participant_terminated", True, "outbound", "agent"),
        (_PHONE, _TO_TRUNK, "cancelled", False, "outbound", "nobody"),
        (_PHONE, ("extension", "1002", "Wang", "1002"), "src_participant_terminated", True, None, "caller"),
        (_OUTSIDE[:4], ("voicemail", "1001", "", "1001"), "src_participant_terminated", True, "inbound", "customer"),
    ],
)  # fmt: skip
def test_the_trunk_is_the_customers_end(
    source: tuple[str, ...],
    destination: tuple[str, ...],
    reason: str,
    answered: bool,
    direction: str | None,
    released: str,
) -> None:
    row = (*source, "", "t", *destination, "call_init", "none", reason, "", *_TIMES, _TIMES[0] if answered else "")
    (leg,) = legs_of(ThreeCxDatabaseReader(), _rows(row))
    assert leg.direction == direction
    assert leg.released is not None
    assert leg.released.side == released
