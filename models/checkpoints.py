"""pyannote's models and pipelines, loaded so that nothing in their files is run.

pyannote.audio unpickles its checkpoints, and a pipeline's config.yaml may name any class to be called with any
parameters. So torch is told to load weights only, of a checkpoint only pyannote's own networks are taken, and of a
config only what speaker diarization by three local parts needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import BadModel
from pipeline.messages import Message

CONFIG_FILE = "config.yaml"
_CHECKPOINT_FILE = "pytorch_model.bin"

_KEYS = {"version", "dependencies", "pipeline", "params"}
_PIPELINES = {
    "pyannote.audio.pipelines.SpeakerDiarization",
    "pyannote.audio.pipelines.speaker_diarization.SpeakerDiarization",
}
_PARTS = {"segmentation": "$model/segmentation", "embedding": "$model/embedding", "plda": "$model/plda"}
_PARAMS = {
    *_PARTS, "clustering", "legacy", "segmentation_step", "segmentation_batch_size", "embedding_batch_size",
    "embedding_exclude_overlap",
}  # fmt: skip
_NETWORKS = "pyannote.audio.models."

HUB_FILES = (CONFIG_FILE, f"segmentation/{_CHECKPOINT_FILE}", f"embedding/{_CHECKPOINT_FILE}", "plda/*.npz")
"""Of a model on the hub, what is downloaded."""


@contextmanager
def weights_only() -> Iterator[None]:
    """Whatever torch loads meanwhile is weights, whoever asks: tensors, plain values, and how pyannote tells its task.

    The environment keeps it so for the process; nothing here needs it otherwise.
    """
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from torch.serialization import safe_globals
    from torch.torch_version import TorchVersion

    with safe_globals([Problem, Resolution, Specifications, TorchVersion]):
        yield


def check_pipeline(folder: Path) -> None:
    """Refuse a folder of community-1 that asks for more than its own three parts. Raises BadModel.

    Call it within `weights_only`; raises whatever torch raises for a checkpoint with more than weights in it.
    """
    config = _config(folder / CONFIG_FILE)
    pipeline = _mapping(config.get("pipeline"))
    params = _mapping(pipeline.get("params"))
    if (
        not config.keys() <= _KEYS
        or not pipeline.keys() <= {"name", "params"}
        or str(pipeline.get("name")) not in _PIPELINES
        or not params.keys() <= _PARAMS
        or any(params.get(name) != place for name, place in _PARTS.items())
    ):
        raise BadModel(
            Message(
                "{file}: asks for more than speaker diarization by the folder's own segmentation, embedding and plda; "
                "take the config.yaml of community-1 as it was published",
                file=folder / CONFIG_FILE,
            )
        )
    for name in ("segmentation", "embedding"):
        _check_network(folder / name / _CHECKPOINT_FILE)


def _config(file: Path) -> dict[str, Any]:
    try:
        return _mapping(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _check_network(file: Path) -> None:
    import torch

    checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    if not str(checkpoint["pyannote.audio"]["architecture"]["module"]).startswith(_NETWORKS):
        raise BadModel(
            Message("{file}: not a network of pyannote.audio; take community-1 as it was published", file=file)
        )
