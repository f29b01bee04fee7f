"""A CTranslate2 Whisper as a checkpoint of openai-whisper: the same numbers under other names."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy.typing as npt

from models.files import written_whole
from models.weights import REMEDY
from pipeline.errors import BadModel
from pipeline.messages import Message

_Array = npt.NDArray[Any]


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
        arrays = read_ctranslate2(file)
        config = json.loads((ct2_folder / "config.json").read_text(encoding="utf-8"))
        state = _openai_names(arrays)
        heads = int(arrays["encoder/num_heads"]), int(arrays["decoder/num_heads"])
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise BadModel(
            Message("{file}: not a CTranslate2 Whisper of float16 or float32; {remedy}", file=file, remedy=REMEDY)
        ) from error
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
        with written_whole(target) as stream:
            torch.save(checkpoint, stream)
    except (OSError, RuntimeError) as error:
        raise BadModel(Message("{file}: cannot be written; free space, or set paths.weights", file=target)) from error


def _layers(state: dict[str, _Array], side: str) -> int:
    return len({name.split(".")[2] for name in state if name.startswith(f"{side}.blocks.")})


def read_ctranslate2(file: Path) -> dict[str, _Array]:
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
