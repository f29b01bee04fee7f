"""VICIdial: its three tables, however they are exported, and one export that joins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.intake.joining import join_legs
from pipeline.intake.matching import match_calls
from pipeline.intake.reader import MetadataFile
from pipeline.intake.readers.vicidial import VicidialReader
from tests.support.contact_records import (
    Row,
    closer_row,
    csv_table,
    log_row,
    mysql_batch,
    mysql_outfile,
    recording_row,
)
from tests.support.legs import fields_of, legs_and_warnings, legs_of

READER = VicidialReader()
NAME = "20261120-093100_13900001234"
RECORDINGS = (f"http://10.0.0.5/RECORDINGS/MP3/{NAME}-all.mp3", NAME)
CAME_IN = {
    "ids": ("vicidial 901",), "call_id": "901", "direction": "inbound", "customer": "13900001234",
    "released": ("agent", True), "epoch_s": 1795138260.0, "started_at": "2026-11-20 09:31:00", "agent_id": "1001",
    "team": "TEAM_A", "queue": "SUPPORT", "wait_s": "15.00",
}  # fmt: skip
DIALLED = {
    "ids": ("1795140000.20",), "call_id": "1795140000.20", "direction": "outbound", "customer": "13900005678",
    "released": ("customer", True), "epoch_s": 1795140000.0, "started_at": "2026-11-20 10:00:00", "agent_id": "1001",
    "team": "TEAM_A",
}  # fmt: skip
RECORDED = {
    "ids": ("vicidial 901",), "call_id": "901", "recordings": RECORDINGS, "epoch_s": 1795138260.0,
    "started_at": "2026-11-20 09:31:00", "agent_id": "1001",
}  # fmt: skip

EXPORTS = {
    "CSV": csv_table,
    "CSV with semicolons": lambda *rows: csv_table(*rows, delimiter=";"),
    "mysql -B": mysql_batch,
    "INTO OUTFILE": mysql_outfile,
    "INTO OUTFILE, CSV": lambda *rows: csv_table(*rows).split("\r\n", 1)[1],
    "quoted CSV": lambda *rows: "".join(
        ",".join(f'"{cell or ""}"' for cell in cells) + "\n" for cells in (rows[0], *(row.values() for row in rows))
    ),
}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize(
    ("row", "expected"),
    [(closer_row(), CAME_IN), (log_row(), DIALLED), (recording_row(), RECORDED)],
    ids=["closer log", "log", "recording log"],
)
def test_each_table_is_read_however_it_is_exported(row: Row, expected: dict[str, object], export: str) -> None:
    first, second = legs_of(READER, EXPORTS[export](row, row))
    assert fields_of(first) == fields_of(second) == expected


@pytest.mark.parametrize(
    ("reason", "side"),
    [
        ("CALLER", "customer"), ("AGENT", "agent"), ("SYSTEM", "system"), ("ABANDON", "nobody"),
        ("QUEUETIMEOUT", "nobody"), ("AFTERHOURS", "nobody"), ("HOLDRECALLXFER", "nobody"), ("HOLDTIME", "nobody"),
        ("NOAGENT", "nobody"), ("MAXCALLS", "nobody"), ("ACFILTER", "nobody"), ("CLOSETIME", "nobody"),
        ("NONE", None), (None, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("row", [closer_row, log_row])
def test_every_term_reason_is_understood_without_a_warning(row: type[Row], reason: str | None, side: str) -> None:
    (leg,) = legs_of(READER, mysql_batch(row(term_reason=reason)))
    assert (leg.released.side if leg.released else None) == side


@pytest.mark.parametrize("user", ["VDAD", "VDCL", "", None])
def test_a_call_that_no_agent_had_has_no_agent(user: str | None) -> None:
    row = closer_row(user=user, term_reason="ABANDON", queue_seconds="40.00", user_group=None)
    (leg,) = legs_of(READER, mysql_outfile(row))
    assert "agent_id" not in leg.cells
    assert "team" not in leg.cells
    assert leg.cells["wait_s"] == "40.00"


def test_older_and_newer_tables_have_fewer_and_more_columns() -> None:
    oldest = dict(list(closer_row().items())[:14])
    (leg,) = legs_of(READER, mysql_outfile(oldest))
    assert (leg.call_id, leg.customer, leg.cells["agent_id"]) == ("901", "13900001234", "1001")
    (leg,) = legs_of(READER, mysql_outfile({**closer_row(), "modify_stamp": "2026-11-20 09:35:41"}))
    assert fields_of(leg) == CAME_IN


def test_a_recording_and_its_call_share_an_id() -> None:
    (recording,) = legs_of(READER, mysql_batch(recording_row(vicidial_id="1795140000.20")))
    (call,) = legs_of(READER, mysql_batch(log_row()))
    assert recording.ids == call.ids
    assert recording.direction == call.direction == "outbound"


def test_a_lead_is_no_call() -> None:
    first, second = legs_of(READER, csv_table(log_row(), log_row(uniqueid="1795150000.31")))
    assert not set(first.ids) & set(second.ids)
    assert first.extra["lead_id"] == "1200777"


def test_a_call_passed_to_another_agent_is_another_row_and_came_in_if_the_first_did() -> None:
    passed = closer_row(closecallid="902", xfercallid="77", user="1002", campaign_id="BILLING")
    first, second = legs_of(READER, csv_table(closer_row(), passed))
    assert not set(first.ids) & set(second.ids)
    assert (first.direction, second.direction) == ("inbound", "inbound")
    assert (second.cells["agent_id"], second.cells["queue"]) == ("1002", "BILLING")


def test_a_dialled_call_passed_to_an_in_group_did_not_come_in() -> None:
    (leg,) = legs_of(READER, csv_table(closer_row(xfercallid="77", uniqueid="1795140000.20")))
    assert leg.direction is None
    assert leg.customer == "13900001234"


def test_an_export_that_joins_tables_gives_everything_in_one_row() -> None:
    joined = {**recording_row(), **closer_row(), "full_name": "Li Na"}
    (leg,) = legs_of(READER, csv_table(joined))
    assert fields_of(leg) == {**CAME_IN, "recordings": RECORDINGS, "agent_name": "Li Na"}


def test_a_few_columns_are_enough() -> None:
    joined: Row = {name: {**recording_row(), **closer_row()}[name] for name in (
        "location", "user", "campaign_id", "call_date", "queue_seconds", "term_reason", "phone_number")}  # fmt: skip
    (leg,) = legs_of(READER, csv_table({**joined, "agent_name": "Li Na"}))
    assert fields_of(leg) == {
        "recordings": RECORDINGS[:1], "direction": "inbound", "customer": "13900001234", "released": ("agent", True),
        "started_at": "2026-11-20 09:31:00", "agent_id": "1001", "queue": "SUPPORT", "wait_s": "15.00",
        "agent_name": "Li Na",
    }  # fmt: skip


REPORT = (
    "call_date", "phone_number_dialed", "status", "user", "full_name", "campaign_id", "vendor_lead_code",
    "source_id", "list_id", "gmt_offset_now", "phone_code", "phone_number", "title", "first_name", "last_name",
    "alt_phone", "comments", "length_in_sec", "user_group", "alt_dial", "rank", "owner", "lead_id", "list_name",
    "list_description", "status_name", "recording_id", "recording_filename", "recording_location",
)  # fmt: skip


def report_line(**cells: str) -> str:
    return "\t".join(cells.get(name, "") for name in REPORT) + "\r\n"


def test_the_report_export_calls() -> None:
    called = {
        "call_date": "2026-11-20 09:31:00", "phone_number_dialed": "13900001234", "phone_number": "13900009999",
        "user": "1001", "full_name": "Li Na", "campaign_id": "SUPPORT", "user_group": "TEAM_A", "alt_dial": "15.00",
        "first_name": "San", "last_name": "Zhang", "alt_phone": "13900008888", "lead_id": "1200345",
        "recording_id": "5002|5001|", "recording_filename": f"x|{NAME}|", "recording_location": "http://h/x-all.mp3||",
    }  # fmt: skip
    dialled = called | {"alt_dial": "MAIN", "campaign_id": "SALES", "user": "VDAD", "recording_filename": ""}
    text = "\t".join(REPORT) + "\r\n" + report_line(**called) + report_line(**dialled)
    came_in, went_out = legs_of(READER, text, "EXPORT_CALL_REPORT_20261120-120000.txt")
    assert fields_of(came_in) == {
        "recordings": ("http://h/x-all.mp3", "x", NAME),
        "direction": "inbound", "customer": "13900001234", "started_at": "2026-11-20 09:31:00", "agent_id": "1001",
        "agent_name": "Li Na", "team": "TEAM_A", "queue": "SUPPORT", "wait_s": "15.00",
    }  # fmt: skip
    assert (went_out.direction, went_out.cells.get("agent_id"), went_out.cells.get("queue")) == ("outbound", None, None)
    assert "Zhang" not in f"{came_in.extra} {came_in.cells}"


def test_columns_of_both_tables_under_one_name_count_once() -> None:
    recording, closer = recording_row(user=None), closer_row()
    header = "\t".join([*recording, *closer])
    row = "\t".join(cell or "NULL" for cell in (*recording.values(), *closer.values()))
    (leg,) = legs_of(READER, f"{header}\n{row}\n")
    assert leg.cells["agent_id"] == "1001"
    assert leg.recordings == RECORDINGS


def test_rows_of_both_directions_may_stand_in_one_joined_export() -> None:
    names = dict.fromkeys((*recording_row(), *closer_row(), *log_row()))
    rows = [
        {**names, **log_row(), **closer_row(), **recording_row(), "alt_dial": None},
        {**names, **recording_row(vicidial_id="1795140000.20"), **log_row()},
    ]
    came_in, dialled = legs_of(READER, mysql_batch(*rows))
    assert (came_in.direction, dialled.direction) == ("inbound", "outbound")
    assert (came_in.call_id, dialled.call_id) == ("901", "1795140000.20")
    assert "queue" not in dialled.cells


def test_comments_with_tabs_and_lines_spoil_nothing() -> None:
    for comments in ('says "yes"\t\\ and\nmore', "ends so \\", "\\\\\t\\", "\n"):
        row = closer_row(comments=comments)
        for text in (mysql_batch(row, row), mysql_outfile(row, row)):
            assert [fields_of(leg) for leg in legs_of(READER, text)] == [CAME_IN, CAME_IN]


def test_a_line_that_has_more_cells_costs_the_line() -> None:
    text = csv_table(closer_row(), closer_row(closecallid="902")).replace("902,", "902,x,", 1)
    legs, warnings = legs_and_warnings(READER, text)
    assert [leg.call_id for leg in legs] == ["901"]
    (warning,) = warnings
    assert "cdr.csv line 3" in warning
    assert "13900001234" not in warning


def test_no_number_stands_where_it_is_kept_in_clear() -> None:
    for row in (closer_row(), log_row(), recording_row()):
        (leg,) = legs_of(READER, csv_table(row))
        kept = f"{dict(leg.extra)} {dict(leg.cells)} {leg.place}"
        assert not any(number in kept for number in ("13900001234", "13900005678", "8600051"))


@pytest.mark.parametrize(
    "text",
    [
        "file,agent,queue\na.wav,1001,support\n",
        "lead_id,filename,status\n1,a.wav,NEW\n",
        "calldate,src,dst,channel,uniqueid,status\n2026-11-20 09:31:00,1,2,x,1795138260.18,x\n",
        "user_id\tuser\tpass\tfull_name\tuser_level\tuser_group\n1\t1001\tx\tLi Na\t1\tTEAM_A\n",
        '"","13900001234","600","from-trunk","x","a","b","Queue","s","2026-11-20 01:31:00","","",280,278,"A","D"\n',
        "",
        "\n\n",
    ],
)
def test_what_others_write_is_not_taken_for_vicidial(text: str) -> None:
    assert not READER.recognises(MetadataFile(Path("cdr.csv"), text))


@pytest.mark.parametrize("end", [".wav", "-all.wav", "-in.wav", "-out.wav"])
def test_a_recording_s_name_finds_the_mix_and_each_side(tmp_path: Path, end: str) -> None:
    calls = join_legs(legs_of(READER, csv_table(recording_row(location=""))))
    matches = match_calls(calls, {"0" * 64: [tmp_path / f"{NAME}{end}"]}, tmp_path, (".wav",), [])
    assert len(matches.matched) == 1
