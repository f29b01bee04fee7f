"""When legs began, by epochs, by clocks that are off, and on the nights when clocks are changed."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pipeline.intake.clock import ClockFaults, with_epochs
from pipeline.intake.reader import Leg
from pipeline.messages import Message

CHINA_ZONE, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NINE_31 = 1795138260.0


def leg(text: str, epoch_s: float | None = None) -> Leg:
    return Leg(place=Message("line 1"), epoch_s=epoch_s, cells={"started_at": text})


def test_an_epoch_counts_before_the_text() -> None:
    (one,), faults = with_epochs([leg("2026-11-20 09:31:02", NINE_31)], CHINA_ZONE)
    assert (one.epoch_s, faults) == (NINE_31, ClockFaults())


def test_a_clock_that_is_off_its_epochs_is_put_right_where_there_is_no_epoch() -> None:
    legs = [leg("2026-11-20 01:31:00", NINE_31), leg("2026-11-20 01:32:00"), leg("2026-11-20T09:33:00+08:00")]
    dated, faults = with_epochs(legs, CHINA_ZONE)
    assert [each.epoch_s for each in dated] == [NINE_31, NINE_31 + 60, NINE_31 + 120]
    assert faults == ClockFaults(off_half_hours=-16)
    _, faults = with_epochs([leg("2026-11-20 07:01:00", NINE_31), leg("2026-11-20 07:01:00")], CHINA_ZONE)
    assert faults.off_half_hours == -5


def test_a_clock_that_is_off_by_minutes_is_left() -> None:
    legs = [leg("2026-11-20 09:41:00", NINE_31), leg("2026-11-20 09:31:00")]
    dated, faults = with_epochs(legs, CHINA_ZONE)
    assert dated[1].epoch_s == NINE_31
    assert faults == ClockFaults()


def test_an_hour_that_exists_twice_is_told_by_the_row_before() -> None:
    texts = ("2026-10-25 02:10:00", "2026-10-25 02:50:00", "2026-10-25 02:10:00", "2026-10-25 03:00:00")
    dated, faults = with_epochs([leg(text) for text in texts], BERLIN)
    first = dated[0].epoch_s
    assert first is not None
    assert [(each.epoch_s or 0) - first for each in dated] == [0, 2400, 3600, 6600]
    assert faults == ClockFaults(twice=2), "two could be either"


def test_an_hour_that_never_was() -> None:
    (one,), faults = with_epochs([leg("2026-03-29 02:30:00")], BERLIN)
    assert faults == ClockFaults(never=1)
    assert one.epoch_s == 1774747800.0


def test_what_is_no_time_is_left_as_it_is() -> None:
    for text in ("", "soon", "9999-12-31 00:00:00", "0001-01-01"):
        (one,), _ = with_epochs([leg(text)], CHINA_ZONE)
        assert one.epoch_s is None
