"""A folder of community-1 is weights and a config: whatever else somebody put into it is not run."""

from __future__ import annotations

import os
import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from models import weights as catalogue
from models.checkpoints import weights_only
from models.diarization import CommunityDiarizer
from pipeline.datatypes import RATE_HZ, SpeakerSpan
from pipeline.errors import BadModel
from pipeline.timeline import Span

# one process loads the models
pytestmark = [pytest.mark.models, pytest.mark.xdist_group("diarization")]

CONFIG = """
dependencies: {pyannote.audio: 4.0.0}
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 8
    embedding: $model/embedding
    embedding_batch_size: 8
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering: {threshold: 0.6, Fa: 0.07, Fb: 0.8}
  segmentation: {min_duration_off: 0.0}
"""


class Written:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


@pytest.fixture(scope="session")
def community(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A folder as community-1's, with the segmentation at hand and an embedding that has learnt nothing."""
    from models.torchaudio_stub import load_torchaudio

    load_torchaudio()
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyannote.audio.core.task import Problem, Resolution, Specifications
        from pyannote.audio.models.embedding import WeSpeakerResNet34

    folder = tmp_path_factory.mktemp("community")
    (folder / "config.yaml").write_text(CONFIG)
    for part in ("segmentation", "embedding", "plda"):
        (folder / part).mkdir()
    segmentation = catalogue.require(weights, catalogue.SEGMENTATION) / "pytorch_model.bin"
    (folder / "segmentation" / "pytorch_model.bin").symlink_to(segmentation)
    torch.manual_seed(1)
    network = WeSpeakerResNet34()
    network.specifications = Specifications(Problem.REPRESENTATION, Resolution.CHUNK, duration=5.0)
    checkpoint: dict[str, Any] = {"state_dict": network.state_dict(), "pytorch-lightning_version": "2.4.0"}
    network.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / "embedding" / "pytorch_model.bin")
    random = np.random.default_rng(1)
    lda, mean = random.standard_normal((256, 128)), np.zeros(128)
    np.savez(folder / "plda" / "xvec_transform.npz", mean1=np.zeros(256), mean2=mean, lda=lda)
    np.savez(folder / "plda" / "plda.npz", mu=mean, tr=np.eye(128), psi=np.linspace(2.0, 1.0, 128))
    return folder


@pytest.fixture
def folder(community: Path, tmp_path: Path) -> Path:
    return shutil.copytree(community, tmp_path / "community", symlinks=True)


def heard(folder: Path) -> list[SpeakerSpan]:
    samples = (0.1 * np.random.default_rng(1).standard_normal(4 * RATE_HZ)).astype(np.float32)
    return CommunityDiarizer(folder).diarize(samples, (Span(0.0, 4.0),))


def test_a_folder_of_weights_is_loaded(community: Path) -> None:
    assert all(0.0 <= item.span.start_s < item.span.end_s <= 4.0 for item in heard(community))


def as_pickle(file: Path, trap: Written) -> None:
    file.write_bytes(pickle.dumps(trap))


def as_checkpoint(file: Path, trap: Written) -> None:
    """The real weights, with the trap beside them."""
    import torch

    with weights_only():
        checkpoint = torch.load(file)
    file.unlink()
    torch.save({**checkpoint, "callbacks": [trap]}, file)


@pytest.mark.parametrize("part", ["segmentation", "embedding"])
@pytest.mark.parametrize("write", [as_pickle, as_checkpoint])
def test_what_is_no_weight_is_not_unpickled(folder: Path, part: str, write: Callable[[Path, Written], None]) -> None:
    trap = folder / "trap"
    file = folder / part / "pytorch_model.bin"
    if write is as_pickle:
        file.unlink()
    write(file, Written(trap))
    with pytest.raises(BadModel, match="more than weights") as caught:
        heard(folder)
    assert not trap.exists()
    assert "\n" not in str(caught.value)


def test_an_array_that_is_a_pickle_is_not_unpickled(folder: Path) -> None:
    trap = folder / "trap"
    as_pickle(folder / "plda" / "plda.npz", Written(trap))
    with pytest.raises(BadModel, match="cannot be loaded"):
        heard(folder)
    assert not trap.exists()


def preprocessor(config: Any, trap: Path) -> None:
    config["preprocessors"] = {"audio": {"name": "os.mkdir", "params": {"path": str(trap)}}}


def other_class(config: Any, trap: Path) -> None:
    config["pipeline"] = {"name": "os.mkdir", "params": {"path": str(trap)}}


def part_from_elsewhere(config: Any, _: Path) -> None:
    config["pipeline"]["params"]["embedding"] = "speechbrain/of-somebody"


def part_of_the_hub(config: Any, _: Path) -> None:
    del config["pipeline"]["params"]["plda"]


@pytest.mark.parametrize("change", [preprocessor, other_class, part_from_elsewhere, part_of_the_hub])
def test_a_config_names_no_code(folder: Path, change: Callable[[Any, Path], None]) -> None:
    config = yaml.safe_load(CONFIG)
    change(config, folder / "trap")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(BadModel, match="asks for more"):
        heard(folder)
    assert not (folder / "trap").exists()


def test_a_network_is_one_of_pyannote(folder: Path) -> None:
    import torch

    file = folder / "embedding" / "pytorch_model.bin"
    torch.save({"pyannote.audio": {"architecture": {"module": "antigravity", "class": "fly"}}}, file)
    with pytest.raises(BadModel, match="not a network"):
        heard(folder)


def test_what_the_hub_gives_is_looked_at_in_the_same_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = folder / "trap"
    as_pickle(folder / "embedding" / "pytorch_model.bin", Written(trap))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(folder))
    with pytest.raises(BadModel, match="more than weights"):
        CommunityDiarizer(token="hub").diarize(np.zeros(3 * RATE_HZ, np.float32), (Span(0.0, 3.0),))
    assert not trap.exists()
