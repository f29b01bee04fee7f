"""Which side of a call goes dead: clicks, busy tone, silence suppression, muted microphones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import Audio
from pipeline.hearing.line_ends import line_ends
from pipeline.hearing.line_events import line_events
from tests.support import telephone
from tests.support.lines import BUSY_CN, RATE, dead, speech, still, through, tone


def padded(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two channels; the first goes on with line noise, if it is shorter, so that it lives."""
    if a.size < b.size:
        a = np.concatenate([a, still((b.size - a.size) / RATE, 9)])
    return np.stack([a[: b.size], b], axis=1)


AGENT = np.concatenate([still(1, 1), speech(8) + still(8, 2), still(1, 3)])


CUSTOMER = np.concatenate([still(2, 4), speech(6, 2) + still(6, 5), still(1, 6)])


@pytest.mark.parametrize("coding", ["mulaw", "gsm", "mp3", "opus"])
@pytest.mark.parametrize("side", [0, 1])
def test_the_side_that_leaves_a_noisy_line_is_told(tmp_path: Path, side: int, coding: str) -> None:
    """Loud line noise on both channels; one stops with a click, the other goes on for 1.5 s."""
    rng = np.random.default_rng(3)
    stays = np.concatenate([speech(8), np.zeros(2 * RATE)]) + still(10, 1, -35)
    leaves = np.concatenate([np.zeros(2 * RATE), speech(6, 2)]) + still(8, 2, -35)
    left = np.concatenate([leaves, still(0.5, 3, -35), telephone.click(rng), dead(2)])[: stays.size]
    both = [left, stays] if side == 0 else [stays, left]
    # GSM has no stereo: recorders keep a file a leg
    legs = [through(tmp_path, leg, coding).samples[0] for leg in both]
    size = min(leg.size for leg in legs)
    audio = Audio(np.stack([leg[:size] for leg in legs]), "stereo")
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (side, "digital-silence")
    assert end.at_s == pytest.approx(8.5, abs=0.3)


@pytest.mark.parametrize("coding", ["pcm", "mulaw", "alaw", "mp3", "opus"])
def test_a_line_that_goes_dead_has_ended(tmp_path: Path, coding: str) -> None:
    audio = through(tmp_path, padded(AGENT, np.concatenate([CUSTOMER, dead(2)])), coding)
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (1, "digital-silence")
    assert end.at_s == pytest.approx(9.0, abs=0.2)


@pytest.mark.parametrize("coding", ["mulaw", "mp3", "opus"])
@pytest.mark.parametrize("last_s", [0.0, 0.12, 0.3])
def test_a_line_that_gives_busy_tone_has_ended(tmp_path: Path, coding: str, last_s: float) -> None:
    tail = np.concatenate([still(0.4, 7), BUSY_CN, dead(0.35), tone(last_s, 450)])
    audio = through(tmp_path, padded(AGENT, np.concatenate([CUSTOMER, tail])), coding)
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (1, "busy")
    assert end.at_s == pytest.approx(9.4, abs=0.2)


def suppressed(pauses: int, last_s: float) -> np.ndarray:
    """A line that sends nothing between words."""
    words = [np.concatenate([speech(2, n), dead(1.5)]) for n in range(pauses)]
    return np.concatenate([*words, speech(2), dead(last_s)])


def test_silence_suppression_is_no_hang_up(tmp_path: Path) -> None:
    audio = through(tmp_path, padded(AGENT, suppressed(4, 2)), "mulaw")
    assert line_ends(audio, line_events(audio)) == ()
    audio = through(tmp_path, padded(AGENT, suppressed(4, 9)), "mulaw")
    assert [(end.channel, end.kind) for end in line_ends(audio, ())] == [(1, "digital-silence")]


def test_a_muted_microphone_is_no_hang_up_but_the_end_is(tmp_path: Path) -> None:
    muted = np.concatenate([CUSTOMER, dead(6), CUSTOMER])
    assert line_ends(through(tmp_path, padded(AGENT, muted), "mulaw"), ()) == ()
    audio = through(tmp_path, padded(AGENT, np.concatenate([muted, dead(1)])), "mulaw")
    (end,) = line_ends(audio, ())
    assert end.at_s == pytest.approx(24.0, abs=0.1)


def test_lines_that_live_or_never_lived_have_not_ended(tmp_path: Path) -> None:
    assert line_ends(through(tmp_path, padded(AGENT, AGENT[::-1]), "mulaw"), ()) == ()
    assert line_ends(through(tmp_path, padded(AGENT, dead(10)), "mulaw"), ()) == ()
    # one channel only, silent: both sides share it
    assert line_ends(through(tmp_path, np.concatenate([CUSTOMER, dead(2)]), "mulaw"), ()) == ()


def test_on_one_channel_busy_tone_up_to_the_end_says_that_somebody_left(tmp_path: Path) -> None:
    audio = through(tmp_path, np.concatenate([CUSTOMER, still(0.4, 7), BUSY_CN]), "mulaw")
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (0, "busy")
    assert end.at_s == pytest.approx(9.4, abs=0.1)
    # busy tone of a number that was tried and given up during the call
    audio = through(tmp_path, np.concatenate([CUSTOMER, BUSY_CN, CUSTOMER]), "mulaw")
    assert line_ends(audio, line_events(audio)) == ()
