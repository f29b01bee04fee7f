"""Asterisk's queue_log, as app_queue.c writes it and as the realtime table is exported."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.intake.reader import Leg, MetadataFile
from pipeline.intake.readers.asterisk_queue_log import AsteriskQueueLogReader
from pipeline.messages import Message
from tests.support.asterisk import CUSTOMER, as_csv, as_mysql, queue_lines
from tests.support.legs import legs_of

ENTER = f"1795138262|1795138260.18|support|NONE|ENTERQUEUE||{CUSTOMER}|1"
START = "1795138000|NONE|NONE|NONE|QUEUESTART|"


def connect(member: str = "Li Na", wait_s: int = 15) -> str:
    return f"{1795138262 + wait_s}|1795138260.18|support|{member}|CONNECT|{wait_s}|1795138265.19|4"


def read_one(*events: str) -> Leg:
    (leg,) = legs_of(AsteriskQueueLogReader(), queue_lines(*events), "queue_log")
    return leg


@pytest.mark.parametrize(("event", "side"), [("COMPLETEAGENT", "agent"), ("COMPLETECALLER", "customer")])
def test_a_call_that_was_answered(event: str, side: str) -> None:
    leg = read_one(START, ENTER, connect(), f"1795138540|1795138260.18|support|Li Na|{event}|15|263|1")
    assert (leg.direction, leg.caller, leg.call_id, leg.epoch_s) == (
        "inbound", CUSTOMER, "1795138260.18", 1795138260)  # fmt: skip
    assert leg.cells == {"queue": "support", "wait_s": "15", "agent_name": "Li Na"}
    assert leg.ids == ("1795138260.18", "1795138265.19")
    assert leg.released
    assert (leg.released.side, leg.released.method, leg.released.is_sure) == (side, f"queue_log {event}", True)
    assert leg.extra == {"ring_s": "4"}


@pytest.mark.parametrize(
    ("member", "extension", "cells"),
    [
        ("Local/1001@from-queue/n", "1001", {}),
        ("PJSIP/1001", "1001", {}),
        ("SIP/1001", "1001", {}),
        ("IAX2/1001", "1001", {}),
        ("DAHDI/5", "5", {}),
        ("Agent/1001", "", {"agent_id": "1001"}),
        ("1001", "", {"agent_id": "1001"}),
        ("李娜", "", {"agent_name": "李娜"}),
        ("PJSIP/lina", "lina", {}),
        ("20210001", "", {"agent_id": "20210001"}),
        # reached on a telephone outside
        ("Local/13800138000@from-queue/n", "", {}),
        ("13800138000", "", {}),
    ],
)
def test_who_answered(member: str, extension: str, cells: dict[str, str]) -> None:
    leg = read_one(ENTER, connect(member), f"1795138540|1795138260.18|support|{member}|COMPLETEAGENT|15|263|1")
    assert leg.extension == extension
    assert leg.cells == {"queue": "support", "wait_s": "15", **cells}


@pytest.mark.parametrize(
    ("event", "side"),
    [
        ("ABANDON|1|1|40", "nobody"),
        ("EXITWITHTIMEOUT|1|1|40", None),
        ("EXITEMPTY|1|1|40", None),
        ("EXITWITHKEY|0|1|1|40", None),
        ("WITHDRAW|1|1|40|sold out", None),
    ],
)
def test_a_call_that_left_the_queue_unanswered(event: str, side: str | None) -> None:
    missed = "1795138270|1795138260.18|support|Li Na|RINGNOANSWER|5000"
    gone = "1795138271|1795138260.18|support|Wang|RINGCANCELED|900"
    leg = read_one(ENTER, missed, gone, f"1795138302|1795138260.18|support|NONE|{event}")
    assert leg.cells == {"queue": "support", "wait_s": "40"}
    assert (leg.released.side if leg.released else None) == side
    assert not leg.extension


@pytest.mark.parametrize(
    "transfer",
    [
        "BLINDTRANSFER|1002|from-internal|15|100|1",
        "ATTENDEDTRANSFER|BRIDGE|6c2a1c0e-1|15|100|1",
        "ATTENDEDTRANSFER|APP|VoiceMail|15|100|1",
        "ATTENDEDTRANSFER|LINK|Local/1-1;1|Local/1-1;2|15|100|1",
        "TRANSFER|1002|from-internal|15|100|1",
        "TRANSFER|1002|from-internal|15|100",
    ],
)
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_call_that_the_agent_transferred_has_no_side(transfer: str, is_whole: bool) -> None:
    last = f"1795138377|1795138260.18|support|Li Na|{transfer}"
    leg = read_one(*([ENTER, connect()] if is_whole else [START]), last)
    assert leg.cells == {"queue": "support", "wait_s": "15", "agent_name": "Li Na"}
    assert leg.released is None


def test_a_call_through_two_queues_has_the_first_agent_and_the_last_end() -> None:
    leg = read_one(
        ENTER,
        connect(),
        "1795138377|1795138260.18|support|Li Na|BLINDTRANSFER|601|from-internal|15|100|1",
        f"1795138378|1795138260.18|sales|NONE|ENTERQUEUE||{CUSTOMER}|1",
        "1795138390|1795138260.18|sales|Wang|CONNECT|12|1795138380.21|3",
        "1795138540|1795138260.18|sales|Wang|COMPLETECALLER|12|150|1",
    )
    assert leg.cells == {"queue": "support", "wait_s": "15", "agent_name": "Li Na"}
    assert leg.released
    assert leg.released.side == "customer"


def test_the_queue_that_answered_counts_when_an_earlier_one_did_not() -> None:
    leg = read_one(
        ENTER,
        "1795138292|1795138260.18|support|NONE|EXITWITHTIMEOUT|1|1|30",
        f"1795138293|1795138260.18|overflow|NONE|ENTERQUEUE||{CUSTOMER}|1",
        "1795138300|1795138260.18|overflow|PJSIP/1002|CONNECT|7|1795138294.20|3",
        "1795138400|1795138260.18|overflow|PJSIP/1002|COMPLETECALLER|7|100|1",
    )
    assert leg.cells == {"queue": "overflow", "wait_s": "7"}
    assert leg.extension == "1002"


def test_what_is_no_call_is_passed_over() -> None:
    legs = legs_of(
        AsteriskQueueLogReader(),
        queue_lines(
            START,
            "1795138001|NONE|NONE|NONE|CONFIGRELOAD|",
            "1795138002|MANAGER|support|Li Na|ADDMEMBER|",
            "1795138003|NONE|NONE|Agent/1001|AGENTLOGIN|PJSIP/1001-00000001",
            "1795138004|REALTIME|support|Li Na|PAUSE|Lunch",
            "1795138005|NONE|NONE|Agent/1001|AGENTLOGOFF|PJSIP/1001-00000001|120",
        ),
        "queue_log-20261120",
    )
    assert legs == []


def test_calls_among_each_other_and_events_that_add_nothing() -> None:
    first, second = legs_of(
        AsteriskQueueLogReader(),
        queue_lines(
            ENTER,
            "1795138262|1795138260.18|support|NONE|DID|4001234567",
            "1795138263|1795138261.20|support|NONE|ENTERQUEUE||13900009999|2",
            connect("PJSIP/1001"),
            "1795138278|1795138260.18|support|PJSIP/1001|INFO|note|x",
            "1795138279|1795138261.20|support|PJSIP/1002|SYSCOMPAT|",
            "1795138279|1795138261.20|support|PJSIP/1002|AGENTDUMP|",
            "1795138283|1795138261.20|support|NONE|ABANDON|2|2|20",
            "1795138540|1795138260.18|support|PJSIP/1001|COMPLETEAGENT|15|263|1",
        ).replace("\n", "\r\n"),
        "queue_log",
    )
    assert (first.extension, first.caller) == ("1001", CUSTOMER)
    assert (second.extension, second.caller, second.cells) == ("", "13900009999", {"queue": "support", "wait_s": "20"})
    assert all("4001234567" not in str(leg) for leg in (first, second))


def test_half_a_call_in_a_rotated_file() -> None:
    leg = read_one(START, "1795138540|1795138260.18|support|Li Na|COMPLETECALLER|15|263|1")
    assert leg.cells == {"queue": "support", "wait_s": "15", "agent_name": "Li Na"}
    assert leg.released
    assert leg.released.side == "customer"


def table_row(event: str) -> dict[str, str]:
    cells = event.split("|")
    cells += [""] * (10 - len(cells))
    names = ("time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5")
    return dict(zip(names, cells, strict=True))


@pytest.mark.parametrize("write", [as_csv, as_mysql])
@pytest.mark.parametrize("time", ["1795138262", "2026-11-20 09:31:02.123456"])
def test_the_realtime_table(write: object, time: str) -> None:
    assert callable(write)
    events = [ENTER, connect(), "1795138540|1795138260.18|support|Li Na|COMPLETEAGENT|15|263|1"]
    rows = [{"id": str(at), **table_row(event), "time": time} for at, event in enumerate(events)]
    (leg,) = legs_of(AsteriskQueueLogReader(), write(*rows), "queue_log.csv")
    assert leg.cells == {"queue": "support", "wait_s": "15", "agent_name": "Li Na"}
    assert (leg.epoch_s, leg.caller) == (1795138260, CUSTOMER)
    assert leg.released
    assert leg.released.side == "agent"


def test_the_table_with_all_data_in_one_column() -> None:
    rows = []
    for event in (ENTER, connect(), "1795138540|1795138260.18|support|Li Na|COMPLETECALLER|15|263|1"):
        time, call, queue, agent, name, data = event.split("|", 5)
        rows.append({"time": time, "callid": call, "queuename": queue, "agent": agent, "event": name, "data": data})
    (leg,) = legs_of(AsteriskQueueLogReader(), as_csv(*rows), "queue_log.csv")
    assert leg.cells == {"queue": "support", "wait_s": "15", "agent_name": "Li Na"}


def test_a_call_that_an_agent_dialled() -> None:
    leg = read_one("1795138540|1795138260.18|support|PJSIP/1001|OUTCALL|ANSWER|100|120|13900005678")
    assert (leg.direction, leg.extension) == ("outbound", "1001")
    assert "13900005678" not in str((leg.cells, leg.extra))


def test_an_odd_line_costs_a_line_and_is_not_quoted() -> None:
    warnings: list[Message] = []
    text = queue_lines(START, f"{CUSTOMER} what is this", ENTER)
    legs = list(AsteriskQueueLogReader().read(MetadataFile(Path("queue_log"), text), warnings))
    assert len(legs) == 1
    assert len(warnings) == 1
    assert "queue_log line 2" in warnings[0]
    assert CUSTOMER not in warnings[0]


@pytest.mark.parametrize(("time", "epoch_s"), [("1795138262", 1795138262), ("99999999999999999999", None)])
def test_an_id_of_ones_own_leaves_the_time_of_the_first_event(time: str, epoch_s: float | None) -> None:
    leg = read_one(START, f"{time}|call-7|support|NONE|ENTERQUEUE||{CUSTOMER}|1")
    assert (leg.call_id, leg.epoch_s) == ("call-7", epoch_s)


def test_other_files_are_not_taken_for_one() -> None:
    for text in ("a|b|c\n1|2|3\n", "time,event\n1,2\n", ""):
        assert not AsteriskQueueLogReader().recognises(MetadataFile(Path("cdr.csv"), text))
