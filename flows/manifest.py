"""A night for several machines, as it lies in the home: what is to be done, and what has been.

    home/nights/<run id>/
      manifest.json.zst           Manifest: how many shards there are, and what calls are heard and judged by
      todo/<n>.json.zst           Shard: its calls by SHA-256, and what people corrected in them
      shards/<n>.json.zst         ShardOutcome: that a shard is done, and what it came to
      hearing/<sha256>.<try>      a mark: a worker is at a recording; one left behind says that it was lost there
      failed/<sha256>             a mark: a call that could not be heard or judged tonight
      faults/<machine>.json.zst   MachineFault: why a machine left

No word of a call is in there, no name and no number. A run whose manifest is gone is over: who works for it stops.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from pipeline.corrections import Corrections
from pipeline.errors import BadArtefact
from pipeline.storage import artefacts
from pipeline.storage.home import Home


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a night, by SHA-256: recordings to hear, and calls that are heard and lack verdicts or clips.

    `corrections` are what people said of these calls: the file that keeps it is for one machine alone.
    """

    to_hear: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    corrections: dict[str, Corrections] = field(default_factory=dict)

    @property
    def calls(self) -> tuple[str, ...]:
        return (*self.to_hear, *self.heard)


@dataclass(frozen=True, slots=True)
class Manifest:
    """`made_by` are fingerprints of engines, limits, rulebooks and settings, by name: a machine must have the same."""

    run_id: str
    fingerprint: str
    made_by: dict[str, str]
    shards: int


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """What a shard came to. `lost` are recordings that were gone or replaced, `best` the calls that may be the night's
    best of a rule (see `best_calls`).
    """

    heard: int = 0
    judged: int = 0
    failed: int = 0
    lost: tuple[str, ...] = ()
    without_clips: int = 0
    audio_s: float = 0.0
    best: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class MachineFault:
    """Why a machine could not work for a run; `message` is one line in the language of who started it there."""

    machine: str
    message: str
    at: datetime


class NightFolder:
    """The folder of one run."""

    def __init__(self, home: Home, run_id: str) -> None:
        self.root = home.nights / run_id
        self._manifest = self.root / "manifest.json.zst"

    def write(self, manifest: Manifest, shards: Sequence[Shard]) -> None:
        """Write a night's plan; what stands in the manifest is there by then."""
        for number, shard in enumerate(shards):
            artefacts.write(self._todo(number), shard)
        artefacts.write(self._manifest, manifest)

    def read(self) -> Manifest | None:
        """The manifest; None when the run is over."""
        try:
            return artefacts.read(self._manifest, Manifest)
        except BadArtefact:
            return None

    def shard(self, number: int) -> Shard:
        """The calls of a shard. Raises BadArtefact."""
        return artefacts.read(self._todo(number), Shard)

    def _todo(self, shard: int) -> Path:
        return self.root / "todo" / f"{shard}.json.zst"

    @property
    def is_over(self) -> bool:
        return not self._manifest.exists()

    def close(self) -> None:
        """End the run for everybody who works for it, and forget it."""
        self._manifest.unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def outcome(self, shard: int) -> ShardOutcome | None:
        """What a shard came to; None while it is not done."""
        with suppress(BadArtefact):
            return artefacts.read(self._outcome(shard), ShardOutcome)
        return None

    def finish(self, shard: int, outcome: ShardOutcome) -> None:
        artefacts.write(self._outcome(shard), outcome)

    def _outcome(self, shard: int) -> Path:
        return self.root / "shards" / f"{shard}.json.zst"

    def begin_hearing(self, sha256: str) -> Path:
        """Leave a mark that a recording is being heard. The caller removes it however that ends, unless it is killed.

        A file for every try, each made by one process alone: nothing is read and written back, and no lock is needed.
        """
        folder = self.root / "hearing"
        folder.mkdir(exist_ok=True)
        mark = folder / f"{sha256}.{uuid4().hex[:8]}"
        mark.touch(exist_ok=False)
        return mark

    def marks(self, sha256: str) -> list[Path]:
        """The marks of workers that are at a recording, or were lost there; only what is in hand has any."""
        return list((self.root / "hearing").glob(f"{sha256}.*"))

    def set_failed(self, sha256: str) -> None:
        folder = self.root / "failed"
        folder.mkdir(exist_ok=True)
        (folder / sha256).touch()

    def has_failed(self, sha256: str) -> bool:
        return (self.root / "failed" / sha256).exists()

    def tell(self, fault: MachineFault) -> None:
        artefacts.write(self.root / "faults" / f"{fault.machine}.json.zst", fault)

    def faults(self) -> Iterator[MachineFault]:
        """Why machines left, the last one last."""
        found = []
        for path in filter(artefacts.is_artefact, (self.root / "faults").glob("*")):
            with suppress(BadArtefact):
                found.append(artefacts.read(path, MachineFault))
        yield from sorted(found, key=lambda fault: fault.at)


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The names of what two machines do not have alike."""
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def forget_nights(home: Home) -> None:
    """Close what runs left behind that were killed; only for who holds the run lock."""
    for folder in home.nights.glob("*"):
        NightFolder(home, folder.name).close()
