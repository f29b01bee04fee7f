"""``callqa doctor``: what could go wrong on this machine, item by item, with the remedy."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from flows.language import LANGUAGE, localised, say
from pipeline.errors import CallQAError
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage.home import Home
from pipeline.storage.lock import running
from pipeline.storage.permissions import OTHERS_AND_GROUP, open_to_all
from pipeline.storage.resealing import is_resealed
from pipeline.storage.sealing import sealing_in_force

DISK_GB = 2.0

Mark = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `remedy` says what to do, and is empty when all is well."""

    mark: Mark
    what: str
    remedy: str = ""


def examine(settings: Callable[[], Settings]) -> bool:
    """Print every check; true when nothing failed (warnings do not count)."""
    from rich.text import Text

    from flows.console import out

    marks = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
    if not (out.encoding or "").lower().startswith("utf"):
        marks = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}
    good = True
    for check in checks(settings):
        sign, style = marks[check.mark]
        line = Text(f"{sign} ", style=style)
        line.append(check.what)
        if check.remedy:
            line.append(f" → {check.remedy}", style="bold")
        out.print(line, soft_wrap=True)
        good = good and check.mark != "fail"
    return good


def checks(read: Callable[[], Settings]) -> Iterator[Check]:
    """Every check in turn."""
    yield _python()
    yield from _versions()
    yield from _shadows()
    try:
        settings = read()
    except CallQAError as error:
        yield Check("fail", error.in_language(LANGUAGE), say("correct the settings file"))
        return
    yield Check("ok", say("settings can be read"))
    yield _ffmpeg(settings)
    yield from _weights(settings)
    yield from _rulebooks(settings)
    yield from _home(settings)
    yield from metrics_file(settings)
    yield _memory(settings)
    yield from _processor(settings)
    yield from _diarization(settings)
    yield from _terminal()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.prefix == sys.base_prefix:
        return Check(
            "warn",
            say("Python {version}, outside a virtual environment", version=version),
            say("use .venv/bin/callqa, made by make venv"),
        )
    return Check("ok", f"Python {version}")


def _versions() -> Iterator[Check]:
    file = CHECKOUT / "constraints.txt"
    if not file.is_file():
        yield Check("warn", say("constraints.txt is missing"), "git checkout constraints.txt")
        return
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    needed = {
        re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")
        for line in metadata.requires("callqa") or []
        if "extra ==" not in line
    }
    missing, other = [], []
    for name, pin in pins.items():
        try:
            installed = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            if name.lower().replace("_", "-").replace(".", "-") in needed:
                missing.append(name)
            continue
        if installed != pin:
            other.append(f"{name} {installed} ({pin})")
    if missing:
        yield Check("fail", say("packages are missing: {names}", names=", ".join(missing)), "make venv")
    if other:
        yield Check("warn", say("other versions than the tested ones: {names}", names=", ".join(other)), "make venv")
    if not missing and not other:
        yield Check("ok", say("packages are the tested set"))


def _shadows() -> Iterator[Check]:
    """Another project's packages of our names; where they come first, `flows.import_guard` has stopped us already."""
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    others = [p for p in paths if any((Path(p) / n).exists() for n in ("pipeline", "models", "flows"))]
    if [p for p in others if Path(p).resolve() != CHECKOUT]:
        yield Check("warn", say("PYTHONPATH holds modules of the same names"), say("unset PYTHONPATH"))


def _ffmpeg(settings: Settings) -> Check:
    from pipeline.hearing.ffmpeg import ffmpeg_executable
    from pipeline.hearing.known_sound import check_ffmpeg

    remedy = say("apt-get install ffmpeg, or make venv")
    try:
        executable = ffmpeg_executable(settings.decode.ffmpeg)
        check_ffmpeg(settings.decode)
        version = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=20).stdout
    except CallQAError as error:
        return Check("fail", f"ffmpeg: {error.in_language(LANGUAGE)}", remedy)
    except (OSError, subprocess.TimeoutExpired):
        return Check("fail", "ffmpeg", remedy)
    return Check("ok", version.split("\n")[0].split(" Copyright")[0] or "ffmpeg")


def _weights(settings: Settings) -> Iterator[Check]:
    from models.weights import check

    faults = check(settings.paths.weights)
    if not faults:
        yield Check("ok", say("embedded models are complete and verified"))
    embedded = settings.hear.model == "embedded" or settings.hear.diarization in ("auto", "embedded")
    for fault in faults:
        what, _, remedy = localised(fault).replace("；", "; ").partition("; ")
        yield Check("fail" if embedded else "warn", what, remedy)
    model = settings.hear.model
    if ("/" in model or model.startswith(".")) and not Path(model).exists():
        yield Check("fail", f"hear.model = {model}", say("there is no such path"))


def _rulebooks(settings: Settings) -> Iterator[Check]:
    from pipeline.judging.loader import load_rulebook

    for language, folder in settings.paths.rulebooks.items():
        try:
            book = load_rulebook(folder)
        except CallQAError as error:
            faults = error.in_language(LANGUAGE).splitlines()
            yield Check("fail", faults[0] + (f" (+{len(faults) - 1})" if len(faults) > 1 else ""), "callqa rules lint")
        else:
            yield Check("ok", say("rulebook {language}: {rules} rules", language=language, rules=len(book.rules)))


def _home(settings: Settings) -> Iterator[Check]:
    home = settings.paths.home
    folder = next(p for p in (home, *home.parents) if p.exists())
    if not os.access(folder, os.W_OK):
        yield Check(
            "fail",
            say("{folder} cannot be written", folder=folder),
            say("change its permissions, or paths.home"),
        )
        return
    free_gb = shutil.disk_usage(folder).free / 1e9
    what = say("{free_gb:.1f} GB free on the disk of {folder}", free_gb=free_gb, folder=folder)
    yield Check("ok", what) if free_gb >= DISK_GB else Check("warn", what, say("make room"))
    yield from _readable_by_all(settings)
    yield from _encryption(settings)
    if running(Home(home)):
        yield Check("warn", say("a run is at work"), say("wait for it"))
    if settings.is_remote:
        yield _server(settings)
    elif not settings.inbox_folder.is_dir():
        yield Check(
            "warn",
            say("no recordings folder: {inbox}", inbox=settings.paths.inbox),
            say("create it, or set paths.inbox"),
        )


def metrics_file(settings: Settings) -> Iterator[Check]:
    """Whether nights can write their figures: they go on without, and tell nobody."""
    file = settings.metrics.file
    if file is None:
        return
    place = next(p for p in file.parents if p.exists())
    if place.is_dir() and os.access(place, os.W_OK):
        yield Check("ok", say("figures for Prometheus: {file}", file=file))
    else:
        yield Check(
            "fail", say("{folder} cannot be written", folder=place), say("change its permissions, or metrics.file")
        )


def _server(settings: Settings) -> Check:
    from pipeline.intake.servers.fetching import RemoteInbox

    try:
        RemoteInbox(settings, pauses_s=()).check()
    except CallQAError as error:
        return Check("fail", error.in_language(LANGUAGE), say("the recordings are there"))
    return Check("ok", say("{inbox} answers", inbox=settings.paths.inbox))


def _readable_by_all(settings: Settings) -> Iterator[Check]:
    home = settings.paths.home
    if home.exists() and open_to_all(home):
        yield Check(
            "warn",
            say("{folder} can be read by every account of this machine", folder=home),
            say("the next callqa nightly closes it; paths.group names a group that may read it"),
        )
    elif home.exists() and settings.paths.group is None and home.stat().st_mode & OTHERS_AND_GROUP:
        yield Check(
            "warn",
            say("{folder} can be read by its group, and paths.group names none", folder=home),
            say("the next callqa nightly closes it; paths.group names a group that may read it"),
        )
    for folder in {settings.inbox_folder, Path(os.environ.get("PREFECT_HOME", home))} - {home}:
        if folder.exists() and open_to_all(folder):
            yield Check(
                "warn",
                say("{folder} can be read by every account of this machine", folder=folder),
                f"chmod -R o= {shlex.quote(str(folder))}",
            )


def _encryption(settings: Settings) -> Iterator[Check]:
    if not settings.privacy.encrypt:
        return
    try:
        key = sealing_in_force().first
    except CallQAError as error:
        yield Check("fail", error.in_language(LANGUAGE), say("without it, nothing that is encrypted can be read"))
        return
    if key is None or is_resealed(Home(settings.paths.home)):
        yield Check("ok", say("files are encrypted; database, reports and workbooks are not"))
    else:
        yield Check("warn", say("new files are encrypted, those of before are not all"), "callqa keys encrypt")


def _memory(settings: Settings) -> Check:
    from flows.engines import MEMORY_GB, with_worker_count
    from models.machine import free_memory_gb

    free_gb = free_memory_gb()
    if free_gb is None:
        return Check("warn", say("free memory is not known"))
    workers = with_worker_count(settings).hear.workers
    needed_gb = MEMORY_GB * workers
    what = say("{free_gb:.1f} GB of memory available", free_gb=free_gb)
    if free_gb < needed_gb:
        return Check(
            "warn",
            what,
            say(
                "{workers} worker processes may need {needed_gb:.0f} GB; lower hear.workers, or free some",
                workers=workers,
                needed_gb=needed_gb,
            ),
        )
    return Check("ok", what)


def _processor(settings: Settings) -> Iterator[Check]:
    from flows.engines import threads, with_worker_count
    from models.machine import processors

    settings = with_worker_count(settings)
    usable, workers, each = processors(), settings.hear.workers, threads(settings)
    what = say(
        "processor cores: {usable}; worker processes: {workers}, threads in each: {each}",
        usable=usable,
        workers=workers,
        each=each,
    )
    if workers * each > usable:
        remedy = say("lower hear.workers or hear.threads")
        yield Check("warn", what, remedy)
    else:
        yield Check("ok", what)
    import torch

    if torch.cuda.is_available():
        yield Check("ok", f"GPU: {torch.cuda.get_device_name(0)}")
    elif settings.hear.device.startswith("cuda"):
        yield Check(
            "fail",
            say("hear.device asks for a GPU, and torch finds none"),
            say("install a CUDA build of torch, or hear.device = auto"),
        )
    else:
        yield Check("ok", say("no GPU: runs on the processor"))


def _diarization(settings: Settings) -> Iterator[Check]:
    hear = settings.hear
    if hear.diarization != "community-1":
        return
    if hear.diarization_model and not Path(hear.diarization_model).exists():
        yield Check("fail", f"hear.diarization_model = {hear.diarization_model}", say("there is no such path"))
    elif not hear.diarization_model and not os.environ.get(hear.token_env):
        yield Check(
            "fail",
            say("community-1 needs the variable {token_env}", token_env=hear.token_env),
            say(
                "set the token, or hear.diarization_model to a folder",
            ),
        )


def _terminal() -> Iterator[Check]:
    encoding = (sys.stdout.encoding or "").lower()
    if not encoding.startswith("utf"):
        yield Check(
            "warn",
            say("the terminal's encoding is {encoding}", encoding=encoding),
            "export LANG=C.UTF-8 PYTHONUTF8=1",
        )
    if shutil.which("fc-list"):
        fonts = subprocess.run(["fc-list", ":lang=zh"], capture_output=True, text=True).stdout
        if not fonts.strip():
            yield Check("warn", say("no Chinese font"), "apt-get install fonts-noto-cjk")
