"""``callqa keys``: the key under which callers' numbers are hashed, and that of encrypted files."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.root import app, command, group
from flows.exit_status import FAILED
from flows.language import say
from flows.options import read_settings
from pipeline.errors import BadSetting, CallQAError, shown
from pipeline.messages import Message
from pipeline.storage import audit
from pipeline.storage.home import Home
from pipeline.storage.keys import Rekeyed, former_chains, import_key, read_chain, rotate_key
from pipeline.storage.lock import run_lock
from pipeline.storage.resealing import reseal
from pipeline.storage.sealing import SEALING_KEY_BYTES, sealing_id

NewFile = Annotated[Path, typer.Argument(metavar="FILE", help=say("A file that is not there yet."))]

keys_app = group(
    say(
        "The key under which callers' numbers are hashed: whoever has it can find a number by trying them all, so it "
        "is for its owner alone and belongs into no backup of the rest.\n\nAnd the key of encrypted files "
        "(privacy.encrypt)."
    ),
    ("keys show", say("which key is in force")),
    ("keys rotate", say("add a new key")),
    ("keys export key.txt", say("for another machine")),
)
app.add_typer(keys_app, name="keys")


@command(keys_app, "show", say("Tell which key is in force, by its id. The key itself is never shown."))
def keys_show() -> None:
    home = Home(read_settings().paths.home)
    try:
        chain = read_chain(home.salt)
    except FileNotFoundError:
        print(say("{file}: no key yet; the first night makes it", file=shown(home.salt)))
        return
    info = home.salt.stat()
    print(
        say(
            "{file}: key {id}, since {since:%Y-%m-%d}, rotated {times} times",
            file=shown(home.salt),
            id=chain.id,
            since=datetime.fromtimestamp(info.st_mtime),
            times=len(chain.keys) - 1,
        )
    )
    for former in former_chains(home):
        if former != chain:
            print(say("former key {id}: older calls that left the inbox keep its hashes", id=former.id))
    if info.st_mode & 0o077:
        print(say("warning: others may read it; chmod 600 {file}", file=shown(home.salt)))


@command(
    keys_app,
    "rotate",
    say(
        "Add a new key. Stored calls are hashed on under it, so a caller stays the same caller, and copies made before "
        "cannot be joined with what comes. Verdicts, database and report follow with `callqa rejudge`; other machines "
        "need the new key (`callqa keys export`)."
    ),
    ("keys rotate", say("then callqa rejudge")),
)
def keys_rotate() -> None:
    from flows.console import counting

    settings = read_settings()
    home = Home(settings.paths.home)
    with run_lock(home, settings.paths.group):
        audit.record(home, "keys.rotated")
        with counting(say("hashing stored callers on")) as progress:
            rekeyed = rotate_key(home, progress)
    _tell(home, rekeyed)


@command(
    keys_app,
    "export",
    say(
        "Write the key to a new file, so that another machine hashes callers alike. Carry it apart from everything "
        "else, and remove the file afterwards."
    ),
    ("keys export key.txt", say("on the first machine")),
)
def keys_export(file: NewFile) -> None:
    home = Home(read_settings().paths.home)
    try:
        chain = read_chain(home.salt)
    except FileNotFoundError as error:
        raise CallQAError(Message("{file}: no key yet; the first night makes it", file=shown(home.salt))) from error
    audit.record(home, "keys.exported", key=chain.id)
    _write_new(file, chain.written())
    print(say("{file}: key {id}; on the other machine: callqa keys import", file=shown(file), id=chain.id))


@command(
    keys_app,
    "import",
    say(
        "Put a key from another machine in force. If it goes on from the key here, stored calls are hashed on under "
        "it; if it is another, calls in the inbox are hashed anew by the next night, and older ones keep their hashes."
    ),
    ("keys import key.txt", say("on the other machine")),
)
def keys_import(file: Annotated[Path, typer.Argument(metavar="FILE", help=say("What keys export wrote."))]) -> None:
    from flows.console import counting

    settings = read_settings()
    home = Home(settings.paths.home)
    try:
        chain = read_chain(file)
    except FileNotFoundError as error:
        raise CallQAError(Message("{file}: no such file", file=shown(file))) from error
    with run_lock(home, settings.paths.group):
        audit.record(home, "keys.imported", key=chain.id)
        with counting(say("hashing stored callers on")) as progress:
            rekeyed = import_key(home, chain, progress)
    _tell(home, rekeyed)


@command(
    keys_app,
    "new",
    say(
        "Write a new key for encrypted files (privacy.encrypt) to a new file. Keep a copy elsewhere: without it, what "
        "is encrypted is lost."
    ),
    ("keys new /etc/callqa/files.key", say("then privacy.encrypt and privacy.key_file in the settings")),
)
def keys_new(file: NewFile) -> None:
    key = os.urandom(SEALING_KEY_BYTES)
    _write_new(file, key.hex().encode() + b"\n")
    print(say("{file}: key {id} for encrypted files", file=shown(file), id=sealing_id(key)))


@command(
    keys_app,
    "encrypt",
    say(
        "Encrypt what lies in the home already, by the key of the settings; new files are encrypted anyway. Safe to "
        "interrupt. A second line in the key file is an older key that is only read: so keys are changed."
    ),
    ("keys encrypt", say("after privacy.encrypt was switched on, or the key changed")),
)
def keys_encrypt() -> None:
    if not read_settings().privacy.encrypt:
        raise BadSetting(Message("privacy.encrypt is off; switch it on in the settings first"))
    _reseal("encrypt")


@command(
    keys_app,
    "decrypt",
    say("Make the files of the home plain again, after privacy.encrypt was switched off. Safe to interrupt."),
    ("keys decrypt", say("while the key is still in the settings")),
)
def keys_decrypt() -> None:
    if read_settings().privacy.encrypt:
        raise BadSetting(Message("privacy.encrypt is on; switch it off in the settings first"))
    _reseal("decrypt")


def _reseal(what: str) -> None:
    from flows.console import counting

    settings = read_settings()
    home = Home(settings.paths.home)
    with run_lock(home, settings.paths.group):
        audit.record(home, "encrypted", what=what)
        with counting(say("rewriting files")) as progress:
            done = reseal(home, progress)
    print(say("{changed} files written anew, {kept} were so already.", changed=done.changed, kept=done.kept))
    for path in done.damaged:
        print(say("{file}: damaged, left as it is", file=shown(path)))
    if done.changed:
        print(say("The next night publishes all weeks again. Database, reports and workbooks are not encrypted."))
    if done.damaged:
        raise typer.Exit(FAILED)


def _write_new(file: Path, data: bytes) -> None:
    """Write a secret to a file that is not there yet."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(handle)
    except OSError as error:
        raise CallQAError(
            Message("{file}: cannot be written ({error})", file=shown(file), error=error.strerror or "")
        ) from error


def _tell(home: Home, rekeyed: Rekeyed) -> None:
    key_id = ""
    with suppress(FileNotFoundError):
        key_id = read_chain(home.salt).id
    print(say("Key {id} is in force; {calls} stored calls are hashed by it.", id=key_id, calls=rekeyed.changed))
    if rekeyed.changed:
        print(say("Database, report and verdicts still have the hashes of before: callqa rejudge"))
    if rekeyed.kept:
        print(
            say(
                "{calls} calls keep the hash of another key: those in the inbox until the next night, the others for "
                "good. Their callers are not joined with those of new calls.",
                calls=rekeyed.kept,
            )
        )
