"""``callqa doctor``: what could go wrong on this machine, item by item, with the remedy."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from flows.language import say
from pipeline.errors import CallQAError
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage.home import Home
from pipeline.storage.lock import running

DISK_GB = 2.0

Mark = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `remedy` says what to do, and is empty when all is well."""

    mark: Mark
    what: str
    remedy: str = ""


def examine(settings: Callable[[], Settings]) -> bool:
    """Print every finding; true when nothing failed (warnings do not count)."""
    from rich.text import Text

    from flows.console import out

    marks = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
    if not (out.encoding or "").lower().startswith("utf"):
        marks = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}
    good = True
    for finding in findings(settings):
        sign, style = marks[finding.mark]
        line = Text(f"{sign} ", style=style)
        line.append(finding.what)
        if finding.remedy:
            line.append(f" → {finding.remedy}", style="bold")
        out.print(line, soft_wrap=True)
        good = good and finding.mark != "fail"
    return good


def findings(read: Callable[[], Settings]) -> Iterator[Check]:
    """Every check in turn."""
    yield _python()
    yield from _versions()
    yield from _shadows()
    try:
        settings = read()
    except CallQAError as error:
        yield Check("fail", str(error), say("改正设置文件", "correct the settings file"))
        return
    yield Check("ok", say("设置可读", "settings can be read"))
    yield _ffmpeg(settings)
    yield from _weights(settings)
    yield from _rulebooks(settings)
    yield from _home(settings)
    yield _memory(settings)
    yield from _processor(settings)
    yield from _diarization(settings)
    yield from _terminal()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.prefix == sys.base_prefix:
        return Check(
            "warn",
            say(f"Python {version}，不在虚拟环境中", f"Python {version}, in no virtual environment"),
            say("用 make venv 建立的 .venv/bin/callqa", "use .venv/bin/callqa, which make venv makes"),
        )
    return Check("ok", f"Python {version}")


def _versions() -> Iterator[Check]:
    file = CHECKOUT / "constraints.txt"
    if not file.is_file():
        yield Check("warn", say("找不到 constraints.txt", "constraints.txt is missing"), "git checkout constraints.txt")
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
        yield Check("fail", say("缺少软件包：", "packages are missing: ") + ", ".join(missing), "make venv")
    if other:
        yield Check(
            "warn", say("版本与测试过的不同：", "versions other than the tested ones: ") + ", ".join(other), "make venv"
        )
    if not missing and not other:
        yield Check("ok", say("软件包即测试过的一组", "packages are the tested set"))


def _shadows() -> Iterator[Check]:
    """Another project's `pipeline`, `models` or `flows` that Python would find before ours."""
    for name in ("pipeline", "models", "flows"):
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parent.parent != CHECKOUT:
            yield Check(
                "fail",
                say(f"模块 {name} 来自 {origin}", f"module {name} comes from {origin}"),
                say("清除 PYTHONPATH 后重试", "unset PYTHONPATH"),
            )
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    others = [p for p in paths if any((Path(p) / n).exists() for n in ("pipeline", "models", "flows"))]
    if [p for p in others if Path(p).resolve() != CHECKOUT]:
        yield Check(
            "warn", say("PYTHONPATH 中另有同名模块", "PYTHONPATH holds modules of the same names"), "unset PYTHONPATH"
        )


def _ffmpeg(settings: Settings) -> Check:
    from pipeline.hearing.ffmpeg import ffmpeg_executable

    try:
        executable = ffmpeg_executable(settings.decode.ffmpeg)
        first = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=20).stdout.split("\n")[
            0
        ]
    except (CallQAError, OSError, subprocess.TimeoutExpired) as error:
        remedy = say("apt-get install ffmpeg，或 make venv", "apt-get install ffmpeg, or make venv")
        return Check("fail", f"ffmpeg: {error}" if isinstance(error, CallQAError) else "ffmpeg", remedy)
    return Check("ok", first.split(" Copyright")[0] or "ffmpeg")


def _weights(settings: Settings) -> Iterator[Check]:
    from models.weights import check

    faults = check(settings.paths.weights)
    if not faults:
        yield Check("ok", say("内置模型齐全、校验正确", "embedded models are there and right"))
    embedded = settings.hear.model == "embedded" or settings.hear.diarization in ("auto", "embedded")
    for fault in faults:
        yield Check("fail" if embedded else "warn", fault.split("; ")[0], "callqa models fetch")
    model = settings.hear.model
    if ("/" in model or model.startswith(".")) and not Path(model).exists():
        yield Check("fail", f"hear.model = {model}", say("该路径不存在", "there is no such path"))


def _rulebooks(settings: Settings) -> Iterator[Check]:
    from pipeline.judging.rulebook import load_rulebook

    for language, folder in settings.paths.rulebooks.items():
        try:
            book = load_rulebook(folder)
        except CallQAError as error:
            faults = str(error).splitlines()
            yield Check("fail", faults[0] + (f" (+{len(faults) - 1})" if len(faults) > 1 else ""), "callqa rules lint")
        else:
            yield Check(
                "ok", say(f"规则册 {language}：{len(book.rules)} 条", f"rulebook {language}: {len(book.rules)} rules")
            )


def _home(settings: Settings) -> Iterator[Check]:
    home = settings.paths.home
    folder = next(p for p in (home, *home.parents) if p.exists())
    if not os.access(folder, os.W_OK):
        yield Check(
            "fail",
            say(f"不能写入 {folder}", f"{folder} cannot be written"),
            say("修改权限，或设置 paths.home", "change its permissions, or paths.home"),
        )
        return
    free_gb = shutil.disk_usage(folder).free / 1e9
    what = say(f"磁盘空闲 {free_gb:.1f} GB（{folder}）", f"{free_gb:.1f} GB free on the disk of {folder}")
    yield Check("ok", what) if free_gb >= DISK_GB else Check("warn", what, say("腾出空间", "make room"))
    if running(Home(home)):
        yield Check("warn", say("有一次运行正在进行", "a run is at work"), say("等它结束", "wait for it"))
    if not settings.paths.inbox.is_dir():
        yield Check(
            "warn",
            say(f"没有收件文件夹 {settings.paths.inbox}", f"no inbox: {settings.paths.inbox}"),
            say("建立它，或设置 paths.inbox", "make it, or set paths.inbox"),
        )


def _memory(settings: Settings) -> Check:
    from flows.engines import MEMORY_GB, with_worker_count
    from models.machine import free_memory_gb

    free_gb = free_memory_gb()
    if free_gb is None:
        return Check("warn", say("不知可用内存", "free memory is not known"))
    workers = with_worker_count(settings).hear.workers
    needed_gb = MEMORY_GB * workers
    what = say(f"可用内存 {free_gb:.1f} GB", f"{free_gb:.1f} GB of memory available")
    if free_gb < needed_gb:
        return Check(
            "warn",
            what,
            say(
                f"{workers} 个进程约需 {needed_gb:.0f} GB；减少 hear.workers，或腾出内存",
                f"hearing with hear.workers = {workers} may need {needed_gb:.0f} GB; lower it, or free some",
            ),
        )
    return Check("ok", what)


def _processor(settings: Settings) -> Iterator[Check]:
    from flows.engines import threads, with_worker_count
    from models.machine import processors

    with_worker_count_settings = with_worker_count(settings)
    usable, workers, each = processors(), with_worker_count_settings.hear.workers, threads(with_worker_count_settings)
    what = say(
        f"{usable} 个处理器核心：{workers} 个进程听录音，每个 {each} 个线程",
        f"processor cores: {usable}; processes that hear: {workers}, threads in each: {each}",
    )
    if workers * each > usable:
        remedy = say("减少 hear.workers 或 hear.threads", "lower hear.workers or hear.threads")
        yield Check("warn", what, remedy)
    else:
        yield Check("ok", what)
    import torch

    if torch.cuda.is_available():
        yield Check("ok", f"GPU: {torch.cuda.get_device_name(0)}")
    elif settings.hear.device.startswith("cuda"):
        yield Check(
            "fail",
            say("设置了 GPU，但 torch 找不到", "hear.device asks for a GPU, and torch finds none"),
            say("安装 CUDA 版 torch，或 hear.device = auto", "install a CUDA build of torch, or hear.device = auto"),
        )
    else:
        yield Check("ok", say("没有 GPU：在处理器上运行", "no GPU: runs on the processor"))


def _diarization(settings: Settings) -> Iterator[Check]:
    hear = settings.hear
    if hear.diarization != "community-1":
        return
    if hear.diarization_model and not Path(hear.diarization_model).exists():
        yield Check(
            "fail", f"hear.diarization_model = {hear.diarization_model}", say("该路径不存在", "there is no such path")
        )
    elif not hear.diarization_model and not os.environ.get(hear.token_env):
        yield Check(
            "fail",
            say(f"community-1 需要环境变量 {hear.token_env}", f"community-1 needs the variable {hear.token_env}"),
            say(
                "设置令牌，或用本地文件夹 hear.diarization_model",
                "set the token, or hear.diarization_model to a folder",
            ),
        )


def _terminal() -> Iterator[Check]:
    encoding = (sys.stdout.encoding or "").lower()
    if not encoding.startswith("utf"):
        yield Check(
            "warn",
            say(f"终端编码 {encoding}", f"the terminal's encoding is {encoding}"),
            "export LANG=C.UTF-8 PYTHONUTF8=1",
        )
    if shutil.which("fc-list"):
        fonts = subprocess.run(["fc-list", ":lang=zh"], capture_output=True, text=True).stdout
        if not fonts.strip():
            yield Check("warn", say("没有中文字体", "no Chinese font"), "apt-get install fonts-noto-cjk")
