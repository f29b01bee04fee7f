"""Encryption at rest: what is written cannot be read without the key, and a wrong key loses nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import CDR
from pipeline.errors import BadArtefact, BadSetting
from pipeline.settings.privacy import Privacy
from pipeline.storage import artefacts
from pipeline.storage.column_files import ColumnFile, write_columns
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock
from pipeline.storage.resealing import begin_sealed, is_resealed, reseal
from pipeline.storage.sealing import MissingKey, is_sealed, seal_by, sealed, unsealed, without_key
from tests.support.nights import callqa, environment

KEY, OTHER = "ab" * 32, "cd" * 32
SECRET = CDR(agent_name="Quetzalcoatl")


@pytest.fixture(autouse=True)
def nothing_is_sealed() -> Iterator[None]:
    """Leaves the process as it was."""
    before = os.environ.get("CALLQA_SEALING")
    yield
    os.environ.pop("CALLQA_SEALING", None)
    if before is not None:
        os.environ["CALLQA_SEALING"] = before


@pytest.fixture
def seal(tmp_path: Path) -> Privacy:
    """Encryption is on, by the key in a file."""
    settings = keyed(tmp_path, KEY)
    seal_by(settings)
    return settings


def keyed(folder: Path, *keys: str, encrypt: bool = True) -> Privacy:
    file = folder / f"key-{'-'.join(key[:2] for key in keys)}"
    file.write_text("\n".join(keys))
    return Privacy(encrypt=encrypt, key_file=file)  # type: ignore[call-arg]


def fill(home: Home) -> list[Path]:
    """An artefact, and a clip."""
    record, clip = home.recording("a" * 64), home.excerpts / "aa" / ("a" * 64) / "clip.mp3"
    artefacts.write(record, SECRET)
    clip.parent.mkdir(parents=True)
    clip.write_bytes(sealed(b"the sound"))
    return [record, clip]


def test_what_is_written_reads_back_and_cannot_be_read_without_the_key(tmp_home: Home, seal: Privacy) -> None:
    record, clip = fill(tmp_home)
    assert artefacts.read(record, CDR) == SECRET
    assert unsealed(clip.read_bytes(), clip) == b"the sound"
    write_columns(tmp_home.columns / "c", {"a": np.arange(5), "b": np.ones(3)})
    assert ColumnFile(tmp_home.columns / "c")["a"].tolist() == [0, 1, 2, 3, 4]
    seal_by(Privacy())  # type: ignore[call-arg]
    assert all(is_sealed(path.read_bytes()) for path in (record, clip))
    for read in (lambda: artefacts.read(record, CDR), lambda: ColumnFile(tmp_home.columns / "c")):
        with pytest.raises(MissingKey, match="nothing is lost"):
            read()


def test_files_of_before_are_read_as_they_are_and_two_writings_differ(tmp_home: Home, tmp_path: Path) -> None:
    (record, _) = fill(tmp_home)
    plain = record.read_bytes()
    seal_by(keyed(tmp_path, KEY))
    assert artefacts.read(record, CDR) == SECRET
    artefacts.write(record, SECRET)
    first = record.read_bytes()
    artefacts.write(record, SECRET)
    assert len({plain, first, record.read_bytes()}) == 3


def test_another_process_reads_it_too(tmp_home: Home, seal: Privacy) -> None:
    record, _ = fill(tmp_home)
    code = (
        "import sys; from pathlib import Path; from pipeline.datatypes import CDR; "
        "from pipeline.storage import artefacts; "
        "print(artefacts.read(Path(sys.argv[1]), CDR).agent_name)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(record)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == SECRET.agent_name


def test_a_wrong_key_is_no_damage_and_damage_is_told_as_such(tmp_home: Home, tmp_path: Path, seal: Privacy) -> None:
    record, _ = fill(tmp_home)
    whole = record.read_bytes()
    seal_by(keyed(tmp_path, OTHER))
    with pytest.raises(MissingKey) as missing:
        artefacts.read(record, CDR)
    assert not isinstance(missing.value, BadArtefact)
    seal_by(seal)
    for at in range(len(whole)):
        for harmed in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            record.write_bytes(harmed)
            with pytest.raises(BadArtefact):
                artefacts.read(record, CDR)


def test_a_home_is_encrypted_goes_on_after_a_kill_changes_its_key_and_is_plain_again(
    tmp_home: Home, tmp_path: Path
) -> None:
    files = fill(tmp_home)
    plain = [path.read_bytes() for path in files]
    (tmp_home.columns / "key").mkdir(parents=True)
    seal_by(keyed(tmp_path, KEY))
    assert not is_resealed(tmp_home)

    def killed(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reseal(tmp_home, killed)
    assert not is_resealed(tmp_home)
    assert (reseal(tmp_home).changed, is_resealed(tmp_home), tmp_home.columns.exists()) == (1, True, False)
    seal_by(keyed(tmp_path, OTHER, KEY))
    assert (reseal(tmp_home).changed, reseal(tmp_home).changed) == (2, 0)
    seal_by(keyed(tmp_path, OTHER, encrypt=False))
    reseal(tmp_home)
    assert [path.read_bytes() for path in files] == plain


def test_a_new_home_is_encrypted_from_its_first_run_on_and_an_older_one_is_not(
    tmp_home: Home, tmp_path: Path, seal: Privacy
) -> None:
    begin_sealed(tmp_home)
    assert is_resealed(tmp_home)
    older = Home(tmp_path / "older")
    fill(older)
    begin_sealed(older)
    assert not is_resealed(older)


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "ab" * 16])
def test_a_key_that_is_none_is_told_before_a_run(tmp_home: Home, tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    seal_by(Privacy(encrypt=True, key_file=tmp_path / "key"))  # type: ignore[call-arg]
    with pytest.raises(BadSetting, match="key"), run_lock(tmp_home):
        pass


def test_the_key_may_stand_in_the_environment(tmp_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLQA_KEY", KEY)
    seal_by(Privacy(encrypt=True))  # type: ignore[call-arg]
    record, _ = fill(tmp_home)
    assert is_sealed(record.read_bytes())
    assert artefacts.read(record, CDR) == SECRET
    assert "CALLQA_KEY" not in without_key(os.environ), "Prefect's server has nothing to read"


def test_a_run_with_a_missing_key_is_one_line_and_changes_nothing(tmp_home: Home, tmp_path: Path) -> None:
    env = environment(tmp_path / "prefect", CALLQA_HOME=str(tmp_home.root))
    made = callqa("keys", "new", tmp_path / "key", env=env)
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    fill(tmp_home)
    settings = tmp_path / "callqa.toml"
    settings.write_text('[privacy]\nencrypt = true\nkey_file = "key"\n')
    done = callqa("--settings", settings, "keys", "encrypt", env=env)
    assert "2 files written anew" in done.stdout, done.stderr
    before = {path: path.read_bytes() for path in tmp_home.root.rglob("*.zst")}
    (tmp_path / "key").rename(tmp_path / "moved")
    failed = callqa("--settings", settings, "rejudge", env=env)
    assert (failed.returncode, len(failed.stderr.splitlines())) == (1, 1), failed.stderr
    assert "key" in failed.stderr
    assert {path: path.read_bytes() for path in tmp_home.root.rglob("*.zst")} == before
