"""Figures of a home for Prometheus, as ``callqa metrics`` prints and `metrics.file` keeps them.

Names and units follow Prometheus' conventions. Labels are stages, reasons, outcomes and states: no person, no number,
no file, nothing that was said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from flows.night_state import NightState, NightStatus, last_night
from pipeline.errors import CallQAError
from pipeline.settings import Settings
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure that goes up and down: its samples by the values of its labels, none being ()."""

    name: str
    meaning: str
    samples: dict[tuple[str, ...], float]
    labels: tuple[str, ...] = ()


COUNTED = {
    "found": "Recordings that the night found in the inbox.",
    "heard": "Recordings that the night heard.",
    "failed": "Recordings of the inbox that could not be read, heard or judged, this night or before.",
    "lost": "Recordings that went away or changed while the night was at work.",
    "queued": "Recordings that the night has still to hear.",
    "unsettled": "Recordings that were still being written, left for the next night.",
    "left": "Recordings that the night leaves to the next one, by --limit or ingest.cache_gb.",
    "damaged": "Damaged files of the home that the database was built without.",
}
"""Counts of a night (`counts_of`) that are recordings or files, and what each says."""

EXPIRED = {
    "calls_expired": "Calls that the night forgot, having been kept for privacy.keep_scores_days.",
    "transcripts_expired": "Transcripts that the night deleted, having been kept for privacy.keep_transcripts_days.",
    "clips_expired": "Calls whose clips the night deleted, having been kept for privacy.keep_audio_days.",
    "not_erased": "Files that were to be deleted and could not be.",
}
"""Counts of a night of what it deleted because its time was over."""


def write_metrics(settings: Settings, night: NightState | None, stored: Iterable[Gauge] | None = None) -> None:
    """Write the metrics file, if the settings name one; `stored` as `stored_gauges` gave it. Raises OSError."""
    if settings.metrics.file is not None:
        # node_exporter runs under an account of its own
        write_whole(settings.metrics.file, metrics_text(settings, night, stored).encode(), public=True)


def metrics_of(settings: Settings) -> str:
    """All figures of a home as they are now."""
    return metrics_text(settings, last_night(Home(settings.paths.home)))


def metrics_text(settings: Settings, night: NightState | None, stored: Iterable[Gauge] | None = None) -> str:
    """Prometheus' text format, version 0.0.4."""
    home = Home(settings.paths.home)
    gauges = [*_installation(), *_night_gauges(night), *(stored_gauges(home, settings) if stored is None else stored)]
    return "".join(map(_exposed, [*gauges, *_disks(settings)]))


def _exposed(gauge: Gauge) -> str:
    lines = [f"# HELP {gauge.name} {gauge.meaning}", f"# TYPE {gauge.name} gauge"]
    for values, value in gauge.samples.items():
        pairs = ",".join(f'{label}="{_escaped(each)}"' for label, each in zip(gauge.labels, values, strict=True))
        lines.append(f"{gauge.name}{{{pairs}}} {value:.10g}" if pairs else f"{gauge.name} {value:.10g}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _one(name: str, meaning: str, value: float | datetime | None) -> Iterator[Gauge]:
    """A gauge without labels; none where there is no value."""
    if isinstance(value, datetime):
        value = value.timestamp()
    if value is not None:
        yield Gauge(name, meaning, {(): value})


def _installation() -> Iterator[Gauge]:
    from importlib.metadata import version

    yield Gauge("callqa_build_info", "The version of callqa; always 1.", {(version("callqa"),): 1}, ("version",))


def _night_gauges(night: NightState | None) -> Iterator[Gauge]:
    if night is None:
        return
    yield Gauge(
        "callqa_night_status",
        "1 for what the last night is: at work, at its end, stopped by an error, interrupted, or killed.",
        {(status,): float(status == night.status) for status in get_args(NightStatus)},
        ("status",),
    )
    yield from _one("callqa_night_start_timestamp_seconds", "When the last night began.", night.started_at)
    yield from _one("callqa_night_end_timestamp_seconds", "When the last night ended.", night.ended_at)
    yield from _one("callqa_night_success_timestamp_seconds", "When a night last came to its end.", night.succeeded_at)
    yield from _one("callqa_night_exit_status", "Exit status of the last night: 0, 1, 3 or 130.", night.exit_status)
    for name, meaning in COUNTED.items():
        what = "files" if name == "damaged" else "recordings"
        yield from _one(f"callqa_night_{what}_{name}", meaning, night.counts.get(name))
    for name, meaning in EXPIRED.items():
        yield from _one(f"callqa_night_{name}", meaning, night.counts.get(name))
    yield from _one("callqa_night_calls_judged", "Calls that the night judged.", night.counts.get("judged"))
    yield from _one("callqa_night_audio_seconds", "Length of the recordings that the night heard.", night.heard_s)
    if night.stage_s and night.heard_s:
        yield Gauge(
            "callqa_night_real_time_factor_ratio",
            "Seconds that a worker took for a second of audio, by stage of hearing.",
            {(stage.replace(" ", "_"),): took_s / night.heard_s for stage, took_s in sorted(night.stage_s.items())},
            ("stage",),
        )


def stored_gauges(home: Home, settings: Settings) -> tuple[Gauge, ...]:
    """Figures of the home's database; only that it cannot be read where it cannot."""
    from pipeline.results.store import open_database, records

    readable = Gauge(
        "callqa_database_readable", "Whether the database is there and sound: 1, or 0 (callqa rebuild).", {(): 0}
    )
    try:
        with open_database(home.database, settings.ingest.timezone) as connection:
            (calls,) = records(connection, "SELECT count(*) AS calls, count(rulebook) AS judged FROM calls")
            (verdicts,) = records(
                connection,
                """SELECT sum(passes) AS pass, sum(fails) AS fail, sum(unsure) AS unsure,
                sum(not_applicable) AS not_applicable FROM achievement""",
            )
            failures = records(connection, "SELECT stage, reason, count(*) AS files FROM failures GROUP BY ALL")
        age = home.database.stat()
    except (CallQAError, OSError):
        return (readable,)
    counts = {outcome: float(number or 0) for outcome, number in verdicts.items()}
    told = counts["pass"] + counts["fail"] + counts["unsure"]
    return (
        Gauge(readable.name, readable.meaning, {(): 1}),
        *_one(
            "callqa_database_timestamp_seconds",
            "When the database was last written; a night that finds nothing new leaves it.",
            age.st_mtime,
        ),
        *_one("callqa_database_bytes", "Size of the database's main file.", age.st_size),
        *_one("callqa_calls", "Calls in the database.", calls["calls"]),
        *_one("callqa_calls_judged", "Calls that have verdicts.", calls["judged"]),
        Gauge(
            "callqa_verdicts",
            "Verdicts of the rules that score, by outcome.",
            {(outcome,): number for outcome, number in counts.items()},
            ("outcome",),
        ),
        *_one(
            "callqa_unsure_ratio",
            "Share of the verdicts that could not be told, of those that apply.",
            counts["unsure"] / told if told else None,
        ),
        Gauge(
            "callqa_failures",
            "Recordings that could not be read, heard or judged, or clips not be cut, by stage and reason.",
            {(row["stage"], row["reason"]): float(row["files"]) for row in sorted(failures, key=str)},
            ("stage", "reason"),
        ),
    )


def _disks(settings: Settings) -> Iterator[Gauge]:
    places = {"home": settings.paths.home, "inbox": settings.inbox_folder}
    free: dict[tuple[str, ...], float] = {}
    size: dict[tuple[str, ...], float] = {}
    for name, folder in places.items():
        there = next((place for place in (folder, *folder.parents) if place.is_dir()), None)
        if there is None or (name == "inbox" and (settings.is_remote or there != folder)):
            continue
        disk = os.statvfs(there)
        free[(name,)], size[(name,)] = float(disk.f_bavail * disk.f_frsize), float(disk.f_blocks * disk.f_frsize)
    yield Gauge("callqa_disk_free_bytes", "Room that is left on the disk of a folder.", free, ("folder",))
    yield Gauge("callqa_disk_size_bytes", "Size of the disk of a folder.", size, ("folder",))
