"""The conversion of the embedded Whisper: every number in its place, nothing else taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.openai_checkpoint import convert_to_openai, read_ctranslate2
from pipeline.errors import BadModel


def test_a_file_that_is_no_whisper_is_not_converted(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    with pytest.raises(BadModel):
        convert_to_openai(source, tmp_path / "out.pt")
    for data in (b"", b"\x06\0\0\0\x0c\0WhisperSpec\0\x03\0\0\0\xff\0\0\0", b"\x05\0\0\0" + b"x" * 99):
        (source / "model.bin").write_bytes(data)
        (source / "config.json").write_text("{}")
        with pytest.raises(BadModel, match="not a CTranslate2 Whisper"):
            convert_to_openai(source, tmp_path / "out.pt")
    assert not (tmp_path / "out.pt").exists()


@pytest.mark.models
def test_every_number_of_the_conversion_has_its_place(tmp_path: Path, weights: Path) -> None:
    import torch
    from whisper.model import ModelDimensions, Whisper

    source = weights / "whisper-base"
    target = tmp_path / "base.pt"
    convert_to_openai(source, target)
    checkpoint = torch.load(target, weights_only=True)
    network = Whisper(ModelDimensions(**checkpoint["dims"]))
    network.load_state_dict(checkpoint["model_state_dict"], strict=True)
    ours = read_ctranslate2(source / "model.bin")
    theirs = sum(array.numel() for array in checkpoint["model_state_dict"].values())
    width = checkpoint["dims"]["n_text_state"]
    layers = checkpoint["dims"]["n_audio_layer"] + 2 * checkpoint["dims"]["n_text_layer"]
    # CTranslate2 stores a key bias of zeros in every attention; openai-whisper has none
    assert theirs == sum(a.size for a in ours.values() if a.dtype == np.float16) - layers * width
    assert len(checkpoint["alignment_heads"]) == 8
