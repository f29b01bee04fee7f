"""Keys pressed on a telephone: DTMF, by frequencies and tolerances of ITU-T Q.23 and Q.24."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.datatypes import LineEvent, Samples
from pipeline.hearing.spectra import NARROW_RATE_HZ, TOP_HZ, bins, closed, noise_power, power_spectra, runs
from pipeline.timeline import Span

_WINDOW = 256
"""Samples of a frame, 32 ms."""

_HOP = 80
"""Samples from one frame to the next, 10 ms."""

_HOP_S = _HOP / NARROW_RATE_HZ

_SWITCHED_PURITY = 0.6
"""Share of the power above the noise that both tones have at least in every frame of a key, its edges included."""

_SOUNDING_PURITY = 0.85
"""Share of the power above the noise that both tones exceed while a key sounds."""

_SHARE = 0.4
"""Share of all power that both tones have at least, noise included."""

_LEAST_DBFS = -45.0
"""Level of both tones together, from which a key is heard."""

_FLICKER = 2
"""Frames for which a key may fail these and go on."""

_FEWEST = 6
"""Frames that a key lasts at least: 40 ms (Q.24), seen through windows of 32 ms."""

_GROUP_GAP_S = 3.0
"""Keys pressed further apart than this are two events."""

_ROWS_HZ = (697, 770, 852, 941)
_COLUMNS_HZ = (1209, 1336, 1477, 1633)


def key_events(samples: Samples) -> Iterator[LineEvent]:
    """Groups of keys in one channel of shape (n,) at 8 kHz, with their number; by time."""
    group: list[tuple[int, int]] = []
    for press in [*_presses(samples), None]:
        if group and (press is None or (press[0] - group[-1][1]) * _HOP_S > _GROUP_GAP_S):
            yield LineEvent(Span(group[0][0] * _HOP_S, group[-1][1] * _HOP_S), "dtmf", None, len(group))
            group = []
        if press is not None:
            group.append(press)


def _presses(samples: Samples) -> list[tuple[int, int]]:
    """First frame and end of every key: one row and one column frequency, alone and together, for 40 ms or more."""
    parts = []
    rows = [bins(hz - 25, hz + 25, _WINDOW) for hz in _ROWS_HZ]
    columns = [bins(hz - 30, hz + 30, _WINDOW) for hz in _COLUMNS_HZ]
    for power in power_spectra(samples, _WINDOW, _HOP):
        band = power[:, bins(60, TOP_HZ, _WINDOW)]
        total = band.sum(axis=1) + 1e-12
        clear = total - noise_power(band) * band.shape[1]
        row = np.stack([power[:, part].sum(axis=1) for part in rows])
        column = np.stack([power[:, part].sum(axis=1) for part in columns])
        low, high = row.max(axis=0), column.max(axis=0)
        # twist: the column may be 4 dB above or 8 dB below the row, and a codec adds to that
        tone = low + high
        good = (tone > _SWITCHED_PURITY * clear) & (tone > _SHARE * total) & (10 * np.log10(tone + 1e-12) > _LEAST_DBFS)
        good &= (low > 0.05 * high) & (high > 0.05 * low)
        name = np.where(good, row.argmax(axis=0) * 4 + column.argmax(axis=0), -1)
        parts.append(np.stack([name, tone > _SOUNDING_PURITY * clear]))
    key, sounding = np.concatenate(parts, axis=1)
    presses = []
    for name in np.unique(key[key >= 0]):
        for a, b in runs(closed(key == name, _FLICKER)):
            enough = b - a >= _FEWEST and np.count_nonzero(sounding[a:b]) >= 2
            if enough and _is_key(samples[a * _HOP : b * _HOP], *divmod(int(name), 4)):
                presses.append((a, b))
    return sorted(presses)


def _is_key(samples: Samples, row: int, column: int) -> bool:
    """Whether both frequencies are within 2.5 % of a key's: 1.5 % must be taken, 3.5 % must not (ITU-T Q.24)."""
    size = 8192
    power = np.abs(np.fft.rfft(samples[:size] * np.hanning(min(samples.size, size)), size))
    for hz in (_ROWS_HZ[row], _COLUMNS_HZ[column]):
        low, high = int(0.94 * hz * size / NARROW_RATE_HZ), int(1.06 * hz * size / NARROW_RATE_HZ)
        if abs((low + int(power[low:high].argmax())) * NARROW_RATE_HZ / size / hz - 1) > 0.025:
            return False
    return True
