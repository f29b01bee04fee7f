"""What the commands of `callqa` share: options, what was given before the command, the settings, stored calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from flows.language import say
from flows.log import log_as
from pipeline.errors import BadArtefact, BadSetting, CallQAError
from pipeline.messages import Message
from pipeline.numbers import mask_numbers
from pipeline.settings import CHECKOUT, Paths, Settings, load_settings
from pipeline.storage import artefacts, audit
from pipeline.storage.home import Home, JudgedFile, RecordingRecord
from pipeline.storage.masked_paths import masked_like
from pipeline.storage.permissions import only_ours
from pipeline.storage.sealing import seal_by
from pipeline.validation import told

if TYPE_CHECKING:
    from pipeline.corrections import Corrections
    from pipeline.datatypes import CDR, Transcript


def flag(name: str, text: str, **settings: Any) -> Any:
    """A switch without a value."""
    return typer.Option(name, metavar="", help=text, **settings)


Json = Annotated[bool, flag("--json", say("Print JSON."))]
Inbox = Annotated[
    str | None, typer.Option(metavar="DIR", help=say("Recordings folder or address, instead of paths.inbox."))
]
Unmasked = Annotated[
    bool, flag("--unmasked", say("Hide no numbers and addresses (recorded in the audit log); codes stay hidden."))
]
Engine = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=say("Speech recognition engine: faster-whisper or openai-whisper.")),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=say("Recognition model: embedded, a Whisper size, or a path.")),
]
SpokenLanguage = Annotated[
    str | None, typer.Option("--language", metavar="zh|en|auto", help=say("Language of the call."))
]
RecordingFile = Annotated[Path, typer.Argument(metavar="FILE", help=say("A recording."))]
RulebookFolder = Annotated[Path, typer.Argument(metavar="BOOK", help=say("Folder of the rulebook."))]
RulebookFolders = Annotated[
    list[Path] | None, typer.Argument(metavar="BOOK", help=say("Rulebook folders; otherwise all of the settings."))
]


class Given:
    """What was given before the command; the settings are read when a command asks for them.

    Not typer's `ctx.obj`: errors are told, and settings read, where no context is at hand.
    """

    file: Path | None = None
    home: Path | None = None


given = Given()


def read_settings(inbox: str | None = None, workers: int | None = None) -> Settings:
    settings = load_settings(settings_file())
    log_as(settings)
    paths: dict[str, Path | str] = {}
    if given.home is not None:
        paths["home"] = given.home.absolute()
    if inbox is not None:
        paths["inbox"] = inbox_at(inbox)
    only_ours(settings.paths.group)
    seal_by(settings.privacy)
    update: dict[str, Any] = {"paths": settings.paths.model_copy(update=paths)}
    if workers is not None:
        update["hear"] = settings.hear.model_copy(update={"workers": workers})
    return settings.model_copy(update=update)


def shown_with(settings: Settings, unmasked: bool, calls: Sequence[str] = ()) -> Settings:
    """The settings with masking off where that was asked for, which the home's audit log tells. Raises CallQAError."""
    if not unmasked or not settings.privacy.mask:
        return settings
    audit.record(Home(settings.paths.home), "unmask", calls=calls)
    return settings.model_copy(update={"privacy": settings.privacy.model_copy(update={"mask": False})})


def inbox_at(text: str) -> Path | str:
    """The folder or the server's address that a text names, as in `paths.inbox`. Raises BadSetting."""
    try:
        inbox = Paths.model_validate({"inbox": text}).inbox
    except ValidationError as error:
        raise BadSetting(told(error, Paths, before="--")) from error
    if isinstance(inbox, str):
        return inbox
    if not inbox.is_dir():
        raise BadSetting(Message("--inbox {folder}: no such folder", folder=inbox))
    return inbox.absolute()


def settings_file() -> Path | None:
    if given.file is not None:
        return given.file
    # `callqa settings > callqa.toml` finds the file that the shell has just emptied
    places = (Path("callqa.toml").absolute(), CHECKOUT / "callqa.toml")
    return next((file for file in places if file.is_file() and file.stat().st_size), None)


def stored_call(identity: str, home: Home) -> tuple[Transcript, CDR, Corrections]:
    """The transcript of a stored call, its CDR and what people corrected in it, by call id, file name or SHA-256, or
    the beginning of id or SHA-256.

    The audit log has it: whoever asks reads the call. Raises CallQAError.
    """
    from pipeline.datatypes import Transcript
    from pipeline.reviews.corrections import corrections_of
    from pipeline.reviews.store import Reviews

    matches = meant_records(home.recording_records(), identity)
    identity = mask_numbers(identity)
    if not matches:
        raise no_such_call(identity, home)
    if len(matches) > 1:
        raise several_match(identity, len(matches))
    path = _transcript(home, matches[0].sha256)
    if path is None and home.scores(matches[0].sha256).exists():
        raise CallQAError(
            Message(
                "{call}: only its scores are kept; the time for its words is over (privacy.keep_transcripts_days)",
                call=identity,
            )
        )
    if path is None:
        raise CallQAError(Message("{call}: not transcribed yet; run `callqa nightly`", call=identity))
    audit.record(home, "show", calls=[matches[0].sha256])
    said = corrections_of(Reviews(home), matches[0].sha256).in_force
    return artefacts.read(path, Transcript), matches[0].cdr, said


def meant_records(records: Iterable[RecordingRecord], identity: str) -> list[RecordingRecord]:
    """The recordings that a text may mean, by call id, file name or SHA-256, or the beginning of id or SHA-256."""
    stored = [record for record in records if _is_meant(record, identity)]
    matches = [record for record in stored if not _begins(record, identity)] or stored
    # an id or a hash may look like somebody else's file name
    matches = [record for record in matches if record.cdr.call_id == identity] or matches
    # a half copy has the whole recording's name and id
    return [record for record in matches if not record.superseded_by] or matches


def several_match(identity: str, count: int) -> CallQAError:
    """What to say of a text that may mean several calls."""
    return CallQAError(
        Message(
            "{call}: {count} stored calls match; give more of the id or the SHA-256",
            call=mask_numbers(identity),
            count=count,
        )
    )


def no_such_call(identity: str, home: Home) -> CallQAError:
    """What to say of a text that means no stored call."""
    return CallQAError(
        Message(
            "{call}: no such file, and no stored call has this id, file name or SHA-256 (in {home})",
            call=mask_numbers(identity),
            home=home.root,
        )
    )


BEGINNING = 6
"""Characters of an id or a SHA-256 that may stand for the whole."""


def _begins(record: RecordingRecord, identity: str) -> bool:
    """Whether a text is the beginning of a call's id or SHA-256, and no more."""
    begun = (record.cdr.call_id or "").startswith(identity) or record.sha256.startswith(identity.lower())
    return len(identity) >= BEGINNING and begun and identity != record.cdr.call_id


def _is_meant(record: RecordingRecord, identity: str) -> bool:
    if _begins(record, identity) or record.cdr.call_id == identity:
        return True
    name = Path(identity).name
    return any(masked_like(name, path.name) or masked_like(name, path.stem) for path in record.named)


def _transcript(home: Home, sha256: str) -> Path | None:
    """The artefact that a call's verdicts rest on; of a call without verdicts, the newest."""
    with suppress(BadArtefact):
        hearing = artefacts.read(home.judged(sha256), JudgedFile).hearing
        if hearing and (path := home.transcript(sha256, hearing.fingerprint)).exists():
            return path
    return home.newest_transcript(sha256)


def hearing_with(
    settings: Settings, engine: str | None = None, model: str | None = None, language: str | None = None
) -> Settings:
    """The settings with what the command line chose for hearing. Raises BadSetting."""
    if model and ("/" in model or Path(model).exists()):
        model = str(Path(model).absolute())
    chosen = {"engine": engine, "model": model, "language": language}
    try:
        section = type(settings.hear).model_validate(
            settings.hear.model_dump() | {key: value for key, value in chosen.items() if value is not None}
        )
    except ValidationError as error:
        raise BadSetting(told(error, type(settings.hear), before="--")) from error
    return settings.model_copy(update={"hear": section})
