"""Two files that hold a side each of one call become one recording of two channels.

Asterisk's Monitor, and VICIdial with it, writes `NAME-in` (what the recorded channel sends) and `NAME-out` (what it is
sent), MixMonitor's options r and t the same as `NAME-r` and `NAME-t`; beside them there may be the mix, `NAME-all` or
`NAME`. The pair tells who speaks, so the mix is left out. Sources: Asterisk's app_mixmonitor.c and res_monitor.c,
VICIdial's AST_CRON_audio_1_move_mix.pl.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.datatypes import Half
from pipeline.intake.name_presets import SIDE_SUFFIX

_PAIRS = (("in", "out"), ("r", "t"))
_OTHER_SIDE = {side: other for pair in _PAIRS for side, other in (pair, pair[::-1])}
_SIZES_ALIKE = 0.2
"""Two files of names that tell no call are halves of one only if their sizes differ by no more than this share."""


@dataclass(slots=True)
class Sides:
    """What the names of an inbox's files say of sides.

    `halves` are the pairs by their own SHA-256, the recorded channel's side first; `parts` is which pair the content of
    a half, or of a mix that is left out, belongs to; `alone` are halves whose other file is not there, `waiting` those
    whose other file is still being written.
    """

    halves: dict[str, tuple[Half, Half]] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)

    @property
    def left_out(self) -> int:
        """Mixes, and halves beside them, that are not heard because another recording holds what they do."""
        return len(self.parts) - 2 * len(self.halves)


def pair_sha256(first: str, second: str) -> str:
    """The identity of a recording in two files: a hash over both hashes, the recorded channel's side first."""
    return hashlib.sha256(f"callqa: two sides\n{first}\n{second}\n".encode()).hexdigest()


def find_sides(
    paths_of: Mapping[str, list[Path]],
    sizes: Mapping[str, int],
    unsettled: Collection[Path],
    is_known: Callable[[str], bool],
) -> Sides:
    """Which contents (by SHA-256) are sides of one call.

    Names that `is_known` says to tell a call (their stem without the side) belong together wherever they lie, others
    only side by side and with about the same size: "monday-in" and "monday-out" may be two calls.
    """
    groups: dict[str, dict[str, list[tuple[str, Path]]]] = defaultdict(lambda: defaultdict(list))
    for sha256, paths in paths_of.items():
        for path in paths:
            if found := SIDE_SUFFIX.search(path.stem):
                groups[_call(path, path.stem[: found.start()], is_known)][found[1]].append((sha256, path))
    sides = Sides()
    if not any(side in group for group in groups.values() for side in _OTHER_SIDE):
        return sides
    _add_plain_mixes(groups, paths_of, is_known)
    still_written = {(path.parent, path.stem) for path in unsettled}
    for call, group in groups.items():
        mix = next((sha256 for sha256, _ in group.get("all", ())), None)
        for side, other in _PAIRS:
            first, second = group.get(side), group.get(other)
            if first and second:
                if _belong_together(first[0], second[0], sizes, is_known):
                    _add(sides, first[0], second[0], mix)
            elif half := first or second:
                _add_half(sides, half[0], still_written, mix, is_known(Path(call).name))
    return sides


def _call(path: Path, stem: str, is_known: Callable[[str], bool]) -> str:
    return stem if is_known(stem) else str(path.parent / stem)


def _add_plain_mixes(
    groups: dict[str, dict[str, list[tuple[str, Path]]]],
    paths_of: Mapping[str, list[Path]],
    is_known: Callable[[str], bool],
) -> None:
    """MixMonitor's mix has no side in its name."""
    for sha256, paths in paths_of.items():
        for path in paths:
            if not SIDE_SUFFIX.search(path.stem):
                for call in {path.stem, str(path.parent / path.stem)} & groups.keys():
                    groups[call]["all"].append((sha256, path))


def _belong_together(
    first: tuple[str, Path], second: tuple[str, Path], sizes: Mapping[str, int], is_known: Callable[[str], bool]
) -> bool:
    (sha256, path), (other, other_path) = first, second
    if sha256 == other:
        return False
    if is_known(SIDE_SUFFIX.sub("", path.stem)):
        return True
    large = max(sizes[sha256], sizes[other])
    return path.suffix == other_path.suffix and abs(sizes[sha256] - sizes[other]) <= _SIZES_ALIKE * large


def _add(sides: Sides, first: tuple[str, Path], second: tuple[str, Path], mix: str | None) -> None:
    taken = sides.parts.keys() & {first[0], second[0]}
    if taken:
        return
    pair = pair_sha256(first[0], second[0])
    sides.halves[pair] = (Half(*first[::-1]), Half(*second[::-1]))
    for part in (first[0], second[0], mix):
        if part is not None:
            sides.parts[part] = pair


def _add_half(
    sides: Sides, half: tuple[str, Path], still_written: Collection[tuple[Path, str]], mix: str | None, known: bool
) -> None:
    sha256, path = half
    side = SIDE_SUFFIX.search(path.stem)
    assert side is not None
    other = f"{path.stem[: side.start()]}-{_OTHER_SIDE[side[1]]}"
    if (path.parent, other) in still_written:
        sides.waiting.add(sha256)
    elif known and mix is not None:
        sides.parts.setdefault(sha256, mix)
    elif known:
        sides.alone.add(sha256)
