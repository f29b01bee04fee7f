"""What the commands of `callqa` share: what was given before the command, the settings, examples, stored calls."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.language import say
from pipeline.errors import BadArtefact, BadSetting, CallQAError
from pipeline.settings import CHECKOUT, Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile, RecordingRecord

if TYPE_CHECKING:
    from pipeline.datatypes import CDR, Transcript

Json = Annotated[bool, typer.Option("--json", metavar="", help=say("以 JSON 输出。", "Print JSON."))]


def examples(*lines: tuple[str, str, str]) -> str:
    """Examples under a command's help: (command, Chinese, English)."""
    head = say("例：", "Examples:")
    return head + "\n\n" + "\n\n".join(f"callqa {command}  —  {say(zh, en)}" for command, zh, en in lines)


class Given:
    """What was given before the command; the settings are read when a command asks for them."""

    file: Path | None = None
    home: Path | None = None


given = Given()


def read_settings(inbox: Path | None = None, workers: int | None = None) -> Settings:
    settings = load_settings(settings_file())
    paths: dict[str, Path] = {}
    if given.home is not None:
        paths["home"] = given.home.absolute()
    if inbox is not None:
        if not inbox.is_dir():
            raise BadSetting(f"--inbox {inbox}: no such folder")
        paths["inbox"] = inbox.absolute()
    update: dict[str, Any] = {"paths": settings.paths.model_copy(update=paths)}
    if workers is not None:
        update["hear"] = settings.hear.model_copy(update={"workers": workers})
    return settings.model_copy(update=update)


def settings_file() -> Path | None:
    if given.file is not None:
        return given.file
    return next((f for f in (Path("callqa.toml").absolute(), CHECKOUT / "callqa.toml") if f.is_file()), None)


def stored(identity: str, home: Home) -> tuple[Transcript, CDR]:
    """What was heard of a stored call, and its CDR, by call id or how its SHA-256 begins. Raises CallQAError."""
    from pipeline.datatypes import Transcript

    found: list[RecordingRecord] = [
        record
        for record in home.recording_records()
        if record.cdr.call_id == identity or (len(identity) >= 6 and record.sha256.startswith(identity.lower()))
    ]
    if not found:
        raise CallQAError(f"{identity}: no such file, and no stored call has this id (in {home.root})")
    if len(found) > 1:
        raise CallQAError(f"{identity}: {len(found)} stored calls match; give more of the SHA-256")
    path = _heard(home, found[0].sha256)
    if path is None:
        raise CallQAError(f"{identity}: this recording has not been heard; run `callqa nightly`")
    return artefacts.read(path, Transcript), found[0].cdr


def _heard(home: Home, sha256: str) -> Path | None:
    """The artefact that a call's verdicts rest on; of a call without verdicts, the newest."""
    with suppress(BadArtefact):
        hearing = artefacts.read(home.judged(sha256), JudgedFile).hearing
        if hearing and (path := home.transcript(sha256, hearing.fingerprint)).exists():
            return path
    files = home.transcript(sha256, "").parent.glob(f"{sha256}.*.json.gz")
    return max(files, key=lambda path: path.stat().st_mtime, default=None)
