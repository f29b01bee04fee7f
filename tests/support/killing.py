"""Kills what works over a home at a moment that it does not choose, ends it, and looks at what there is then.

What works is a process of its own, forked from one that has imported everything: a kill costs a second. What is heard
is scripted (`tests.support.canaries`); judging, publishing, forgetting, backing up and restoring are real.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb

from flows.erasing import erase, finish_erasing
from flows.forgetting import Wanted, calls_wanted
from flows.night import Options
from flows.rulebooks import rulebooks_in_force
from pipeline.datatypes import Transcript
from pipeline.errors import CallQAError
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database
from pipeline.settings import Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.backup import take_backup, verify_backup
from pipeline.storage.home import Home, JudgedFile, RecordingRecord
from pipeline.storage.lock import run_lock
from pipeline.storage.restore import end_restore, restore_files
from tests.support.canaries import (
    FINGERPRINT,
    Canary,
    add_canaries,
    canary_night,
    canary_settings,
    hits,
    run_canary_night,
    sha_of_canary,
)
from tests.support.nights import CONTENT

STAGES = ("hearing", "judging", "publishing", "forgetting", "backing up", "restoring")

NIGHT = STAGES[:3]

CALLS = "SELECT * EXCLUDE (first_seen, built_from, paths) FROM calls ORDER BY sha256"


@dataclass
class Field:
    """Where it happens: an inbox, a home that is worked over, a backup of it, and a home that is restored from that."""

    folder: Path
    settings: Settings
    alive: list[Canary] = field(default_factory=list)
    forgotten: list[Canary] = field(default_factory=list)
    made: int = 0
    quick: bool = False
    """Whether nights make no report and cut no clips."""

    @classmethod
    def at(cls, folder: Path) -> Field:
        home = Home(folder / "home")
        return cls(folder, canary_settings(load_settings(), home, folder / "inbox", folder))

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def target(self) -> Path:
        return self.folder / "target"

    @property
    def restored(self) -> Home:
        return Home(self.folder / "restored")

    @property
    def log(self) -> Path:
        """Every hearing that was begun, by SHA-256, and whether its artefact was there already."""
        return self.folder / "hearings.log"

    def add_calls(self, count: int) -> None:
        new = [Canary(self.made + number + 1) for number in range(count)]
        self.made += count
        self.alive += new
        add_canaries(self.inbox, new, [*self.alive, *self.forgotten])

    def change_rules(self, word: str) -> None:
        """All calls are judged again, and come to the same."""
        phrases = self.settings.paths.rulebooks["zh"] / "phrases.yaml"
        phrases.write_text(f"no_way: [没办法, {word}]", encoding="utf-8")


def act(stage: str, ground: Field, call: str, told: Connection) -> None:
    """Do what the stage is part of, and tell when it begins and when all is over."""

    def begins(name: str) -> None:
        if name == stage:
            told.send(name)

    settings, home = ground.settings, ground.home
    if stage in NIGHT:
        _night(ground, begins)
    elif stage == "forgetting":
        with run_lock(home):
            begins(stage)
            finish_erasing(settings)
            try:
                wanted = calls_wanted(home, settings, Wanted((call,)))
            except CallQAError:
                wanted = None  # all of it is gone already
            if wanted:
                erase(settings, replace(wanted, recordings=()))
    elif stage == "backing up":
        begins(stage)
        take_backup(home, ground.target)
    else:
        begins(stage)
        restore(ground)
    with suppress(BrokenPipeError):  # nobody waits for what was to be killed
        told.send("over")


def _night(ground: Field, begins: Callable[[str], None]) -> None:
    def hearing(sha256: str) -> None:
        there = ground.home.transcript(sha256, FINGERPRINT).exists()
        with ground.log.open("a", encoding="utf-8") as stream:
            stream.write(f"{sha256} {there}\n")

    options = Options(report=not ground.quick)
    night = canary_night(ground.settings, options, hearing)
    if ground.quick:
        night.cut_clips = lambda *given: None  # type: ignore[method-assign, misc]
    run_canary_night(ground.settings, night, begins)


def restore(ground: Field) -> None:
    """As `callqa restore` does it."""
    home = ground.restored
    here = ground.settings.model_copy(update={"paths": ground.settings.paths.model_copy(update={"home": home.root})})
    with run_lock(home, restoring=True):
        assert restore_files(home, ground.target) == []
        build_database(home, here, [rulebook_info(book) for book in rulebooks_in_force(here).values()])
        end_restore(home)


class Killer:
    """Starts, kills and ends what works over a field. `lasted_s` is what each stage took when it was left alone."""

    def __init__(self, ground: Field, seed: int) -> None:
        self.ground, self.draw = ground, random.Random(seed)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.support.killing"])
        self.lasted_s: dict[str, float] = {}
        self.early = 0

    def kill(self, stage: str, call: str = "") -> None:
        """Begin a stage and kill it within what it usually takes."""
        process, told = self._start(stage, call)
        handle = os.pidfd_open(process.pid or 0)
        self._await(told, stage)
        time.sleep(self.draw.uniform(0, self.lasted_s.get(stage, 0.3)))
        self.early += not told.poll()
        with suppress(ProcessLookupError):  # it was over
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
        process.join()

    def end(self, stage: str, call: str = "") -> None:
        """Do a stage and leave it alone. Raises RuntimeError where it fails."""
        process, told = self._start(stage, call)
        self._await(told, stage)
        began = time.monotonic()
        try:
            self._await(told, "over")
        except EOFError:
            process.join()
            raise RuntimeError(f"{stage} ended with {process.exitcode}") from None
        self.lasted_s[stage] = time.monotonic() - began
        process.join()

    def _forget_restored(self) -> None:
        """A restore that was over when it was to be killed is no restore to go on with."""
        home = self.ground.restored
        if home.database.exists() and not home.restoring.exists():
            shutil.rmtree(home.root)

    def restore_anew(self) -> None:
        """Restore once more, into nothing."""
        shutil.rmtree(self.ground.restored.root, ignore_errors=True)
        self.end("restoring")

    def _start(self, stage: str, call: str) -> tuple[multiprocessing.process.BaseProcess, Connection]:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=act, args=(stage, self.ground, call, theirs))
        process.start()
        theirs.close()
        return process, ours

    @staticmethod
    def _await(told: Connection, name: str) -> None:
        while told.recv() != name:
            pass

    def strike(self, stage: str) -> list[str]:
        """Make work for a stage, kill it, look, end it, and look again. What is wrong then, a line each."""
        ground = self.ground
        call, gone = "", None
        if stage == "hearing":
            ground.add_calls(2)
        elif stage in NIGHT:
            ground.change_rules(f"不存在{self.draw.getrandbits(40)}")
        elif stage == "forgetting":
            gone = self.draw.choice(ground.alive)
            call = gone.call_id
        elif stage == "restoring" and self.draw.random() < 0.7:
            shutil.rmtree(ground.restored.root, ignore_errors=True)
        elif stage == "restoring":
            shutil.rmtree(ground.restored.root, ignore_errors=True)
            self.kill(stage)  # twice in a row
            self._forget_restored()
        self.kill(stage, call)
        self._forget_restored()
        faults = [f"killed {stage}: {fault}" for fault in sound(ground)]
        if gone is not None:
            ground.alive.remove(gone)
            ground.forgotten.append(gone)
            # the next night ends it as well as the command does
            self.end("hearing" if self.draw.random() < 0.5 else stage, call)
            if sound_count(ground) != len(ground.alive):
                self.end(stage, call)  # killed before it had put down what is to go
        else:
            self.end(stage, call)
        return faults + [f"ended {stage}: {fault}" for fault in (*sound(ground), *whole(ground, stage, gone))]


def sound_count(ground: Field) -> int:
    """How many calls the database shows; -1 where there is none."""
    if not ground.home.database.exists():
        return -1
    with duckdb.connect(str(ground.home.database), read_only=True) as connection:
        return int(connection.execute("SELECT count(*) FROM calls").fetchall()[0][0])


def sound(ground: Field) -> list[str]:
    """What must hold at any moment: what is there can be read, nothing is there twice, a backup is whole."""
    faults = []
    for home in (ground.home, ground.restored):
        if home.database.exists():
            with duckdb.connect(str(home.database), read_only=True) as connection:
                query = "SELECT count(*), count(DISTINCT sha256), (SELECT count(*) FROM turns) FROM calls"
                calls, distinct, turns = connection.execute(query).fetchall()[0]
            if calls != distinct or turns != 4 * calls:
                faults.append(f"{calls} calls, {distinct} of them different, {turns} turns")
    kinds: tuple[tuple[str, type], ...] = (
        ("heard", Transcript), ("judged", JudgedFile), ("recordings", RecordingRecord),
    )  # fmt: skip
    for kind, shape in kinds:
        for path in ground.home.files(kind):  # type: ignore[arg-type]
            try:
                artefacts.read(path, shape)
            except CallQAError as error:
                faults.append(str(error))
    if (ground.target / "manifest.json.zst").exists():
        faults += [f"backup: {fault.path} {fault.fault}" for fault in verify_backup(ground.target)]
    return faults


def whole(ground: Field, stage: str, gone: Canary | None) -> list[str]:
    """What must hold once all is done: every call once, no other, nothing of the forgotten."""
    faults = []
    home = ground.restored if stage == "restoring" else ground.home
    if stage not in ("backing up", "restoring"):
        calls = {sha_of_canary(ground.inbox, canary) for canary in ground.alive}
        with duckdb.connect(str(home.database), read_only=True) as connection:
            shown = {row[0] for row in connection.execute("SELECT sha256 FROM calls").fetchall()}
        if shown != calls:
            faults.append(f"{len(shown - calls)} calls too many, {len(calls - shown)} too few")
        heard = [path.name for path in home.files("heard")]
        if len(heard) != len(calls):
            faults.append(f"{len(heard)} transcripts of {len(calls)} calls")
    if gone is not None:
        faults += hits(home.root, (gone.said, gone.word, gone.file_name[:-4], gone.caller, gone.note))
    if ground.log.exists():
        faults += [f"heard again: {line}" for line in ground.log.read_text().splitlines() if line.endswith("True")]
    return faults


def same_content(one: Home, other: Home) -> list[str]:
    """The tables that differ between two homes' databases, wherever their inboxes lie."""
    differing = []
    for table, query in (CONTENT | {"calls": CALLS}).items():
        rows = []
        for home in (one, other):
            with duckdb.connect(str(home.database), read_only=True) as connection:
                rows.append(connection.execute(query).fetchall())
        if rows[0] != rows[1]:
            differing.append(table)
    return differing


def undisturbed(ground: Field, folder: Path, alive: Sequence[Canary]) -> Home:
    """A home in which one night went over the same calls and was left alone."""
    shutil.copytree(ground.inbox, folder / "inbox")
    for canary in ground.forgotten:
        (folder / "inbox" / canary.file_name).unlink(missing_ok=True)
    home = Home(folder / "home")
    paths = ground.settings.paths.model_copy(update={"home": home.root, "inbox": folder / "inbox"})
    home.root.mkdir(parents=True)
    shutil.copyfile(ground.home.salt, home.salt)
    run_canary_night(ground.settings.model_copy(update={"paths": paths}))
    return home
