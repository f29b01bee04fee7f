"""Legs become calls by the ids they share, and calls find their recordings."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest

from pipeline.intake.joining import join_legs
from pipeline.intake.matching import match_calls
from pipeline.intake.reader import CallSide, Direction, Leg, ReleaseRecord
from pipeline.intake.sides import party_of, released_by
from pipeline.messages import Message

WAV = (".wav", ".mp3")
UUID = "7b1c5c2e-0f6e-4b7c-9a51-000000000001"


def leg(*ids: str, began_s: float | None = None, call_id: str = "", recordings: tuple[str, ...] = ()) -> Leg:
    return Leg(place=Message("line 1"), ids=ids, epoch_s=began_s, call_id=call_id, recordings=recordings)


def test_legs_that_share_an_id_through_others_are_one_call_in_any_order() -> None:
    legs = [leg("a", "b", began_s=3), leg("c", began_s=1), leg("b", "c"), leg("d"), leg("e", "d", began_s=0), leg()]
    for seed in range(20):
        random.Random(seed).shuffle(legs)
        calls = join_legs(legs)
        assert sorted(sorted(call.ids) for call in calls) == [[], ["a", "b", "c"], ["d", "e"]]
        (three,) = (call for call in calls if len(call.legs) == 3)
        assert [each.epoch_s for each in three.legs] == [1, 3, None]


def matched(tmp_path: Path, names: list[str], legs: list[Leg]) -> dict[str, list[str]]:
    """File → the ids of the calls that are its own."""
    paths = {name: [tmp_path / name] for name in names}
    found = match_calls(join_legs(legs), paths, tmp_path, WAV, [])
    return {name: sorted({id_ for each in told for id_ in each.ids}) for name, told in found.legs.items()}


@pytest.mark.parametrize(
    ("name", "id_", "is_its"),
    [
        ("q-600-13900001234-20261120-093100-1795138260.18.wav", "1795138260.18", True),
        ("q-600-13900001234-20261120-093100-1795138260.18.wav", "1795138260.1", False),
        ("1795138260.18.wav", "1795138260.18", True),
        ("1795138260.wav", "1795138260.99", False),
        (f"2026-11-20-09-31-00.4001234567.13900001234.{UUID}.wav", UUID, True),
        (f"{UUID.upper()}.wav", UUID, True),
        ("20261120-093100_x.wav", "20261120-093100", False),
        ("x-13900001234.wav", "13900001234", False),
        ("600-1.wav", "600", False),
        ("asterisk-1795138260.18-out.wav", "asterisk-1795138260.18", True),
    ],
)
def test_an_id_tells_a_recording_where_it_can_be_nothing_else(
    tmp_path: Path, name: str, id_: str, is_its: bool
) -> None:
    assert matched(tmp_path, [name], [leg(id_)]) == ({name: [id_]} if is_its else {})


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("x/a.wav", "a.wav"), ("a.mp3", "a.wav"), ("a-all.mp3", "a"), ("a-in.wav", "a"), ("a.wav", "a-all.mp3"),
        ("a b.mp3", "http://10.0.0.5/RECORDINGS/MP3/a%20b.mp3?x=1"),
        ("a.wav", "/var/spool/asterisk/monitor/2026/a.wav"),
        (unicodedata.normalize("NFD", "café.wav"), "café.wav"), ("A.WAV", "a.wav"),
    ],
)  # fmt: skip
def test_a_name_path_or_address_tells_a_recording(tmp_path: Path, name: str, called: str) -> None:
    assert matched(tmp_path, [name], [leg("1", recordings=(called,))]) == {name: ["1"]}


def test_a_recording_s_own_leg_comes_before_those_of_the_whole_call(tmp_path: Path) -> None:
    legs = [
        leg("1", began_s=1, recordings=("a.wav",), call_id="first"),
        leg("1", began_s=2, call_id="queue"),
        leg("1", began_s=3, recordings=("b.wav",), call_id="second"),
    ]
    paths = {name: [tmp_path / name] for name in ("a.wav", "b.wav")}
    found = match_calls(join_legs(legs), paths, tmp_path, WAV, []).legs
    assert [each.call_id for each in found["b.wav"]] == ["second", "queue", "first"]


@pytest.mark.parametrize(
    ("side", "direction", "party"),
    [
        ("caller", "inbound", "customer"), ("callee", "inbound", "agent"), ("caller", "outbound", "agent"),
        ("callee", "outbound", "customer"), ("caller", None, None), ("callee", None, None), ("agent", None, "agent"),
        ("customer", "outbound", "customer"), ("system", "inbound", None), ("nobody", "inbound", None),
    ],
)  # fmt: skip
def test_parties_by_direction(side: CallSide, direction: Direction | None, party: str | None) -> None:
    assert party_of(side, direction) == party


@pytest.mark.parametrize(
    ("records", "direction", "party", "method"),
    [
        ([ReleaseRecord("caller", "x")], "inbound", "customer", "x"),
        ([ReleaseRecord("agent", "x"), ReleaseRecord("caller", "y")], "outbound", "agent", "x"),
        ([ReleaseRecord("agent", "x"), ReleaseRecord("customer", "y")], "inbound", None, None),
        ([ReleaseRecord("callee", "x", is_sure=False)], "inbound", None, None),
        ([ReleaseRecord("callee", "x", is_sure=False)] * 2, "inbound", "agent", "x"),
        ([ReleaseRecord("callee", "x", is_sure=False), ReleaseRecord("customer", "y")], "inbound", "customer", "y"),
        ([ReleaseRecord("nobody", "x")], "inbound", None, None),
        ([ReleaseRecord("system", "x")], None, "system", "x"),
        ([ReleaseRecord("caller", "x")], None, None, None),
    ],
)
def test_who_released_by_all_that_was_written_of_it(
    records: list[ReleaseRecord], direction: Direction | None, party: str | None, method: str | None
) -> None:
    found = released_by(records, direction)
    assert (found.party, found.method) == (party, method)
