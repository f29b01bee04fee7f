"""Keys: all sixteen, in noise and through codecs, and notes that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.hearing.line_events import line_events
from tests.support import telephone
from tests.support.lines import NOISY, in_noise, line, through


@pytest.mark.parametrize("coding", NOISY)
def test_every_key_is_found_in_noise_through_codecs(tmp_path: Path, coding: str) -> None:
    keys = [
        np.concatenate([telephone.key(name, 0.1, -22, (-6, 0, 4)[n % 3], (0.99, 1.01)[n % 2]), telephone.silence(0.1)])
        for n, name in enumerate(telephone.KEYS)
    ]
    (event,) = line_events(in_noise(tmp_path, np.concatenate(keys), coding))
    assert (event.kind, event.count) == ("dtmf", 16)


def test_a_melody_of_pure_notes_is_no_ring_and_no_key(tmp_path: Path) -> None:
    """A flute that plays about the pitch of ring-back, and a third and a fifth that lie near a key's."""
    rng = np.random.default_rng(5)
    notes = [telephone.tone(s, hz) for s, hz in ((0.9, 440), (0.5, 494), (1.0, 440), (0.4, 392), (0.9, 466))]
    pairs = [telephone.tone(0.15, low, high) for low, high in ((740, 1245), (784, 1318), (880, 1397))]
    sound = np.concatenate([*notes, *pairs, telephone.music("flute", 8, rng)])
    kinds = {event.kind for event in line_events(through(tmp_path, line(sound), "mulaw"))}
    assert kinds <= {"music"}
