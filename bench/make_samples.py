"""Makes data/samples/ out of the practice calls: recordings, their truth, and the CDR table.

    .venv/bin/python bench/make_samples.py PRACTICE_CALLS [TARGET]

Run again, it makes the same files. Every voice is synthetic; companies' names come from the practice calls, people,
teams and numbers are invented, and no number below can be dialled.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datatypes import Audio
from pipeline.evaluation.degrade import CODECS, encode, mixed, write_wav
from pipeline.hearing.decode import decode
from pipeline.settings import CHECKOUT, Settings, load_settings


@dataclass(frozen=True)
class Agent:
    id: str
    name: str
    team: str


@dataclass(frozen=True)
class Sample:
    """One sample: which practice call, how it is kept, and what the telephone system says of it."""

    source: str
    topic: str
    started_at: str
    agent: Agent
    company: str
    queue: str
    codec: str = "mulaw"
    layout: str = "stereo"
    ring_count: int | None = None
    wait_s: float | None = None
    released: bool = False
    """Whether the CDR tells who released the line."""

    @property
    def id(self) -> str:
        stamp = self.started_at[:19].replace("-", "").replace(":", "").replace("T", "-")
        return f"{stamp}-{self.agent.id}-{self.topic}"


XU = Agent("001", "徐静", "家政一组")
SHEN = Agent("003", "沈岚", "家政一组")
HE = Agent("008", "何敏", "家政二组")
LIN = Agent("2107", "林悦", "数码一组")
LIU = Agent("2115", "刘佳", "数码一组")
TANG = Agent("2336", "唐莉", "航空组")
EMILY = Agent("E301", "Emily Brooks", "English desk")
MEGAN = Agent("412", "Megan Hale", "English desk")

SAMPLES = (
    Sample("d01-booking-good", "booking", "2026-11-16T09:31:05+08:00", XU, "美乐门", "家政预约", ring_count=2),
    Sample("d07-hold-good", "warranty", "2026-11-16T10:12:40+08:00", LIN, "索尼", "数码售后", codec="mp3", wait_s=6),
    Sample("d03-agent-hangs-up-first", "repair", "2026-11-16T14:20:11+08:00", LIU, "惠普", "数码售后"),
    Sample("d05-complaint-good", "complaint", "2026-11-17T08:45:30+08:00", HE, "美乐门", "家政投诉", layout="mono",
           ring_count=4, released=True),
    Sample("d08-silent-call", "silent", "2026-11-17T11:03:52+08:00", LIN, "索尼", "数码售后"),
    Sample("d06-rude-agent", "baggage", "2026-11-17T16:37:19+08:00", TANG, "某航空", "航空投诉"),
    Sample("d04-dead-air", "opening-hours", "2026-11-18T09:05:00+08:00", LIU, "神舟", "数码售后", layout="fake-stereo"),
    Sample("d10-cancel-booking", "cancel", "2026-11-18T15:48:27+08:00", SHEN, "美乐门", "家政预约", ring_count=2,
           wait_s=3, released=True),
    Sample("e01-booking-good", "booking", "2026-11-18T13:02:14+00:00", EMILY, "Lakeside Hotel", "reservations",
           ring_count=2),
    Sample("e02-repair-dead-air", "repair", "2026-11-18T15:26:33+00:00", MEGAN, "Nova Broadband", "support",
           codec="mp3", layout="mono", wait_s=12, released=True),
    Sample("e04-silent-call", "silent", "2026-11-19T09:14:09+00:00", EMILY, "Lakeside Hotel", "reservations",
           ring_count=1),
    Sample("e03-rude-agent", "lost-parcel", "2026-11-19T10:41:56+00:00", MEGAN, "Parcel Express", "claims"),
)  # fmt: skip

COLUMNS = (
    "file", "call_id", "started_at", "agent_id", "agent_name", "team", "company", "queue", "direction", "caller",
    "ring_count", "wait_s", "release_party",
)  # fmt: skip


def laid_out(audio: Audio, layout: str) -> Audio:
    """The call as stereo, mixed to mono, or mixed and then saved on both channels."""
    if layout == "stereo":
        return audio
    mono = mixed(audio)
    return mono if layout == "mono" else replace(mono, samples=np.repeat(mono.samples, 2, axis=0))


def metadata(sample: Sample, truth: dict[str, Any]) -> dict[str, Any]:
    """What the CDR says of a sample: the truth's `meta`, and a row of the table but for file and caller."""
    known = {
        "call_id": sample.id,
        "started_at": sample.started_at,
        "agent_id": sample.agent.id,
        "agent_name": sample.agent.name,
        "team": sample.agent.team,
        "company": sample.company,
        "queue": sample.queue,
        "direction": "inbound",
        "ring_count": sample.ring_count,
        "wait_s": sample.wait_s,
        "release_party": truth["hung_up_first"] if sample.released else None,
    }
    return {key: value for key, value in known.items() if value is not None}


def make(sample: Sample, number: int, practice: Path, target: Path, settings: Settings) -> dict[str, Any]:
    """Write one recording and its truth, and return its row of the CDR table."""
    audio = laid_out(decode(practice / f"{sample.source}.wav", settings.decode, settings.ingest), sample.layout)
    recording = target / f"{sample.id}{CODECS[sample.codec].suffix}"
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, "plain.wav")
        write_wav(plain, audio.samples, audio.rate_hz)
        encode(plain, recording, sample.codec, settings)
    truth = json.loads((practice / f"{sample.source}.json").read_text(encoding="utf-8"))
    meta = metadata(sample, truth)
    truth |= {
        "id": sample.id,
        "duration_s": round(decode(recording, settings.decode, settings.ingest).duration_s, 2),
        "channels": truth["channels"] if sample.layout == "stereo" else None,
        "meta": meta,
    }
    text = json.dumps(truth, ensure_ascii=False, indent=1)
    recording.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    # no subscriber's number begins like this, here or there
    caller = f"100{number:08d}" if truth["language"] == "zh" else f"+1 000 555 {number:04d}"
    return {"file": recording.name, "caller": caller, **meta}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make data/samples out of the practice calls.")
    parser.add_argument("practice", type=Path, help="the folder of the practice calls")
    parser.add_argument("target", type=Path, nargs="?", default=CHECKOUT / "data" / "samples")
    given = parser.parse_args()
    practice, target = given.practice, given.target
    target.mkdir(parents=True, exist_ok=True)
    settings = load_settings()
    rows = [make(sample, number, practice, target, settings) for number, sample in enumerate(SAMPLES, start=1)]
    with (target / "cdr.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
