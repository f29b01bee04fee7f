"""``python -m tests.support.canary_callqa …`` is ``callqa …`` with the hearing of `tests.support.canaries`."""

from __future__ import annotations

from pathlib import Path

import flows.engines
from flows.worker_pool import WorkerOutcome, WorkerPool
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from tests.support.canaries import FINGERPRINT, canary_of, heard_canary


def _hear(self: WorkerPool, sha256: str, path: Path, decoded: object = None, halves: object = ()) -> WorkerOutcome:
    heard = heard_canary(sha256, canary_of(path))
    artefacts.write(Home(self.settings.paths.home).transcript(sha256, FINGERPRINT), heard)
    return WorkerOutcome(sha256, heard.duration_s, 0.1)


if __name__ == "__main__":
    WorkerPool.hear = _hear  # type: ignore[assignment, method-assign]
    flows.engines.fingerprint = lambda settings: FINGERPRINT
    from flows.cli import main

    main()
