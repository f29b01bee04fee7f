"""Calls that say, and are called, what nothing else in the world is: where one of them is found, the call is.

Nights run over them in this process, without Prefect; what is heard is scripted, everything after it is real.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import wave
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
from backports import zstd

from flows.erasing import finish_erasing
from flows.night import Night, Options
from flows.worker_pool import WorkerOutcome
from pipeline.datatypes import Transcript
from pipeline.errors import BadArtefact
from pipeline.settings import Ingest, Settings
from pipeline.storage import artefacts
from pipeline.storage.column_files import ColumnFile
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock
from tests.support.rulebooks import CASES, HEAD, write_book
from tests.support.talk import heard_call

FINGERPRINT = "fa" * 32

RULE = """\
id: no-way
title: {zh: 服务禁语, en: Forbidden phrases}
dimension: one
why: 试
speaks: any
forbid: {said: {any: $no_way, by: agent}}
cases: %s
"""


@dataclass(frozen=True)
class Canary:
    """One call's own texts, none of which stands anywhere else."""

    number: int

    @property
    def said(self) -> str:
        """What the agent says and is quoted with."""
        return f"这事没办法金翅雀{self.number:03}号"

    @property
    def word(self) -> str:
        return f"zqxbird{self.number:03}"

    @property
    def call_id(self) -> str:
        return f"CALLZQX-{self.number:03}"

    @property
    def file_name(self) -> str:
        return f"zqxfile{self.number:03}.wav"

    @property
    def caller(self) -> str:
        return f"139{self.number:08}"

    @property
    def agent(self) -> str:
        return f"王鹊{self.number:03}"

    @property
    def note(self) -> str:
        return f"zqxnote{self.number:03}"

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.said, self.said[5:], self.word, self.call_id, self.file_name[:-4], self.caller, self.agent,
                self.note)  # fmt: skip


def make_canaries(folder: Path, count: int) -> list[Canary]:
    """An inbox of so many calls, with a table of them."""
    canaries = [Canary(number) for number in range(1, count + 1)]
    add_canaries(folder, canaries, canaries)
    return canaries


def add_canaries(folder: Path, new: Sequence[Canary], known: Sequence[Canary]) -> None:
    """Put recordings of calls into an inbox, and a table of all that are `known`."""
    for canary in new:
        _write_sound(folder / canary.file_name, canary.number)
    rows = [
        f"{canary.file_name},{canary.call_id},2025-03-{2 + canary.number % 28:02} 09:30:00,{canary.caller},"
        f"{canary.agent},{canary.note}"
        for canary in known
    ]
    lines = ["file,call_id,started_at,customer_number,agent_name,note", *rows]
    (folder / "cdr.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_sound(path: Path, number: int) -> None:
    """12 s of noise on two channels, no two calls' alike."""
    noise = np.random.default_rng(number).normal(0, 2000, (12 * 8000, 2)).astype("<i2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(2)
        stream.setsampwidth(2)
        stream.setframerate(8000)
        stream.writeframes(noise.tobytes())


def canary_settings(settings: Settings, home: Home, inbox: Path, folder: Path) -> Settings:
    """Settings whose one rule every one of these calls breaks, with the canary in the sentence."""
    book = write_book(
        folder / "book", {"no-way": RULE % json.dumps(CASES)}, "no_way: [没办法]", HEAD.format(language="zh")
    )
    paths = settings.paths.model_copy(update={"home": home.root, "inbox": inbox, "rulebooks": {"zh": book}})
    return settings.model_copy(update={"paths": paths, "ingest": Ingest(settle_s=0.0)})


def heard_canary(sha256: str, canary: Canary) -> Transcript:
    heard = heard_call(
        [
            ("ch0", 0.5, 2.5, "您好，客服中心，请问有什么可以帮您？"),
            ("ch1", 3.0, 5.0, f"我要查 {canary.word} 的单子。"),
            ("ch0", 5.5, 8.5, canary.said + "。"),
            ("ch1", 9.0, 10.0, "那算了。"),
        ],
        duration_s=12.0,
        channels=2,
    )
    return replace(heard, sha256=sha256, fingerprint=FINGERPRINT)


def canary_of(path: Path) -> Canary:
    """The call whose recording has this name."""
    return Canary(int(path.stem.removeprefix("zqxfile")))


def canary_night(settings: Settings, options: Options = Options(), hearing: Callable[[str], None] = str) -> Night:  # noqa: B008
    """A night in which these calls' scripts are heard; `hearing` is told of each recording (SHA-256) before."""
    night = Night(settings, FINGERPRINT, options)

    def hear(sha256: str, path: Path, decoded: object = None, halves: object = ()) -> WorkerOutcome:
        hearing(sha256)
        heard = heard_canary(sha256, canary_of(path))
        artefacts.write(night.home.transcript(sha256, FINGERPRINT), heard)
        return WorkerOutcome(sha256, heard.duration_s, 0.1)

    night.pool.hear = hear  # type: ignore[method-assign]
    return night


def run_canary_night(
    settings: Settings, night: Night | None = None, stage: Callable[[str], None] = lambda name: None
) -> Night:
    """The steps of a night, one after the other; `stage` is told which one begins."""
    night = night or canary_night(settings)
    with run_lock(night.home):
        night.tally.not_erased = len(finish_erasing(settings))
        night.close_lost_runs()
        night.scan()
        stage("hearing")
        for shard in range(len(night.plan.shards if night.plan else ())):
            night.hear(shard)
        stage("judging")
        night.plan_judging()
        for shard in range(night.judge_shards):
            night.judge(shard)
        stage("publishing")
        if night.outdated():
            night.record.write("completed", night.tally)
            night.cut_clips()
            night.build_database()
            night.write_report()
            night.pending.clear()
        else:
            night.build_database()
    return night


def sha_of_canary(inbox: Path, canary: Canary) -> str:
    return file_sha256(inbox / canary.file_name)


def hits(folder: Path, texts: Iterable[str]) -> list[str]:
    """Where one of the texts stands below a folder: in a name, or in the bytes of a file, packed or not."""
    wanted = [(text, text.encode()) for text in texts]
    found = []
    for top, names, files in os.walk(folder):
        found += [f"{text} names {Path(top, name)}" for name in (*names, *files) for text, _ in wanted if text in name]
        for path in (Path(top, name) for name in files):
            for data in contents_of(path):
                found += [f"{text} in {path}" for text, raw in wanted if raw in data]
    return sorted(set(found))


def contents_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and whatever is packed in it."""
    data = path.read_bytes()
    yield data
    yield from _unpacked(data)
    if path.suffix in (".calls", ".outcomes"):
        try:
            columns = ColumnFile(path)
            yield from (columns[name].tobytes() for name in columns)
        except BadArtefact:
            pass
    if path.suffix == ".parquet":
        yield repr(duckdb.execute(f"FROM read_parquet('{path}')").fetchall()).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, table in tables:
                yield repr(connection.execute(f'FROM "{schema}"."{table}"').fetchall()).encode()


def _unpacked(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        yield zstd.decompress(data)
    elif data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in packed.namelist():
                inner = packed.read(name)
                yield inner
                yield from _unpacked(inner)
