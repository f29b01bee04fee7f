"""CAM++, a small network that tells voices apart.

Source: Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking"
(Interspeech 2023); weights and layer names of 3D-Speaker's zh-en "common advanced" model (Apache-2.0). Input is
an 80-bin Kaldi filter bank of 16 kHz sound, its mean taken off; output is an embedding of 192 numbers.

This module imports torch as it loads, because its classes inherit from torch's: import it inside functions only,
after `models.torchaudio_stub.load_torchaudio()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torchaudio.compliance.kaldi import fbank

from models.clustering import Embeddings
from pipeline.datatypes import RATE_HZ, Samples
from pipeline.errors import BadModel
from pipeline.messages import Message
from pipeline.timeline import Span

Item = TypeVar("Item")
Answer = TypeVar("Answer")

BINS = 80
DIMENSION = 192

FEWEST = 50
"""Frames of 10 ms: what is shorter gives no vector worth having, and is repeated up to it."""

LENGTH_STEP = 10
"""Lengths are cut to a multiple of so many frames, so that stretches of one length can go through together."""

_FRAME = 400
_HOP = 160
"""Samples of a frame of the filter bank, and from one to the next."""

_BATCH = 8
_GROWTH = 32
_BOTTLENECK = 128
_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each dense block; kernels are 3 wide."""


class _Residual(nn.Module):
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class _Head(nn.Module):
    """Two-dimensional convolutions over frequency and time, which shrink frequency by eight."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.layer2 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.out_channels = channels * (BINS // 8)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x.unsqueeze(1))))
        out = F.relu(self.bn2(self.conv2(self.layer2(self.layer1(out)))))
        return out.flatten(1, 2)


def _normalised(channels: int, affine: bool = True, relu: bool = True) -> nn.Sequential:
    layers = nn.Sequential()
    layers.add_module("batchnorm", nn.BatchNorm1d(channels, affine=affine))
    if relu:
        layers.add_module("relu", nn.ReLU(inplace=True))
    return layers


class _Tdnn(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inputs, outputs, 5, stride=2, padding=2, bias=False)
        self.nonlinear = _normalised(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.nonlinear(self.linear(x)))


class _ContextMask(nn.Module):
    """A convolution, each channel weighted by what the second around it and the whole sound are like."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(_BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = F.avg_pool1d(x, kernel_size=100, stride=100, ceil_mode=True)
        near = near.repeat_interleave(100, dim=-1)[..., : x.shape[-1]]
        mask = torch.sigmoid(self.linear2(F.relu(self.linear1(x.mean(-1, keepdim=True) + near))))
        return cast(Tensor, self.linear_local(x) * mask)


class _DenseLayer(nn.Module):
    def __init__(self, inputs: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _normalised(inputs)
        self.linear1 = nn.Conv1d(inputs, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _normalised(_BOTTLENECK)
        self.cam_layer = _ContextMask(dilation)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))], dim=1)


class _Transit(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.nonlinear = _normalised(inputs)
        self.linear = nn.Conv1d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.linear(self.nonlinear(x)))


class _MeanAndDeviation(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean(dim=-1), x.std(dim=-1, unbiased=True)], dim=-1)


class _Vector(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inputs, DIMENSION, 1, bias=False)
        self.nonlinear = _normalised(DIMENSION, affine=False, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.nonlinear(self.linear(x.unsqueeze(-1)).squeeze(-1)))


class CampPlusNetwork(nn.Module):
    """Filter bank, shape (batch, frames, 80), to vectors, shape (batch, 192)."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()
        channels = 128
        self.xvector = nn.Sequential()
        self.xvector.add_module("tdnn", _Tdnn(self.head.out_channels, channels))
        for number, (layers, dilation) in enumerate(_BLOCKS, start=1):
            block = nn.Sequential()
            for layer in range(layers):
                block.add_module(f"tdnnd{layer + 1}", _DenseLayer(channels + layer * _GROWTH, dilation))
            self.xvector.add_module(f"block{number}", block)
            channels += layers * _GROWTH
            self.xvector.add_module(f"transit{number}", _Transit(channels, channels // 2))
            channels //= 2
        self.xvector.add_module("out_nonlinear", _normalised(channels))
        self.xvector.add_module("stats", _MeanAndDeviation())
        self.xvector.add_module("dense", _Vector(channels * 2))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.xvector(self.head(x.transpose(1, 2))))


class CampPlus:
    """CAM++ over stretches of a sound. `threads` is how many batches are looked at side by side."""

    def __init__(self, network: CampPlusNetwork, threads: int = 1, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = network.eval().to(self._device)
        self._threads = threads

    def embed(self, samples: Samples, spans: Sequence[Span]) -> Embeddings:
        """The voice in each span of a channel (shape (n,), 16 kHz): embeddings of length one, shape (spans, 192).

        Spans may be of any length; they are not cut, so keep them to a few seconds.
        """
        batches: dict[int, list[list[int]]] = {}
        for index, span in enumerate(spans):
            same = batches.setdefault(_frames(span), [[]])
            if len(same[-1]) == _BATCH:
                same.append([])
            same[-1].append(index)
        work = [batch for same in batches.values() for batch in same]
        done = in_parallel(lambda batch: self._embedded(samples, [spans[i] for i in batch]), work, self._threads)
        result = np.zeros((len(spans), DIMENSION))
        for batch, embeddings in zip(work, done, strict=True):
            result[batch] = embeddings
        return result

    def _embedded(self, samples: Samples, spans: Sequence[Span]) -> Embeddings:
        banks = torch.stack([_bank(samples, span) for span in spans]).to(self._device)
        with torch.inference_mode():  # it holds for one thread only
            vectors = np.nan_to_num(self._network(banks).cpu().numpy().astype(np.float64))
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _frames(span: Span) -> int:
    """Frames that are looked at of a span."""
    frames = (round(span.duration_s * RATE_HZ) - _FRAME) // _HOP
    return max(FEWEST, frames // LENGTH_STEP * LENGTH_STEP)


def _bank(samples: Samples, span: Span) -> Tensor:
    """The middle of a span as a filter bank, shape (frames, 80), its mean taken off; repeated when it is too short."""
    frames = _frames(span)
    size = _FRAME + (frames - 1) * _HOP
    first = max(0, round(span.middle_s * RATE_HZ) - size // 2)
    if span.duration_s * RATE_HZ < size:
        sound = np.resize(samples[round(span.start_s * RATE_HZ) : round(span.end_s * RATE_HZ)], size)
    else:
        sound = samples[first : first + size]
    bank = fbank(
        torch.from_numpy(np.ascontiguousarray(np.resize(sound, size)))[None] * 32768.0,
        num_mel_bins=BINS, sample_frequency=RATE_HZ, dither=0.0,
    )  # fmt: skip
    return cast(Tensor, bank - bank.mean(0))


def in_parallel(function: Callable[[Item], Answer], items: Sequence[Item], threads: int) -> list[Answer]:
    """Results in order, from `threads` threads.

    The network has hundreds of tiny steps. Torch's own threads meet after each, and wait there whenever the
    machine is busy: measured 5 s with one thread, 180 s with two. Whole sounds side by side wait for nothing.
    """
    if threads <= 1 or len(items) <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def load_campplus(path: Path, threads: int = 1, device: str = "cpu") -> CampPlus:
    """Read the weights (a state dict). Raises BadModel when they are of another network."""
    network = CampPlusNetwork()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    except Exception as error:  # torch raises many kinds on a damaged or foreign file
        raise BadModel(
            Message(
                "{file}: not the weights of CAM++ ({error}); run `callqa models fetch`",
                file=path,
                error=type(error).__name__,
            )
        ) from error
    return CampPlus(network, threads, device)
