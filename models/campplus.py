"""CAM++, a small network that tells voices apart, as a model that pyannote.audio accepts.

Source: Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking"
(Interspeech 2023); weights and layer names of 3D-Speaker's zh-en "common advanced" model (Apache-2.0). Input is
an 80-bin Kaldi filter bank of 16 kHz sound, its mean taken off; output is a vector of 192 numbers.

This module imports torch and pyannote.audio as it loads, because its classes inherit from theirs: import it
inside functions only, after `models.torchaudio_stub.load_torchaudio()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F  # noqa: N812
from pyannote.audio import Model
from torch import Tensor, nn
from torchaudio.compliance.kaldi import fbank

from pipeline.errors import BadModel

Item = TypeVar("Item")
Result = TypeVar("Result")

RATE_HZ = 16_000
BINS = 80
DIMENSION = 192
SHORTEST_S = 0.5
"""Sound shorter than this gives no vector worth having; shorter pieces are repeated up to it."""

_FRAMES_PER_S = 100
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


class CampPlus(Model):
    """CAM++ behind pyannote.audio's interface for embeddings."""

    def __init__(self, network: CampPlusNetwork, threads: int = 1) -> None:
        super().__init__(sample_rate=RATE_HZ, num_channels=1)
        self.network = network.eval()
        self.threads = threads

    @property
    def dimension(self) -> int:
        return DIMENSION

    def forward(self, waveforms: Tensor, weights: Tensor | None = None, **_: Any) -> Tensor:
        """Waveforms (batch, 1, samples) to vectors (batch, 192), from the frames that `weights` marks.

        `weights` is (batch, frames) of 0 and 1, at any frame rate; a sound with no marked frame gets NaN and
        costs nothing. Raises ValueError for waveforms under `SHORTEST_S`.
        """
        if waveforms.shape[-1] < SHORTEST_S * RATE_HZ:
            raise ValueError(f"{waveforms.shape[-1]} samples are too few")
        chosen: list[Tensor] = []
        banked: Tensor | None = None
        bank = waveforms.new_zeros(0, BINS)
        for index, waveform in enumerate(waveforms):
            if weights is not None and not bool((weights[index] > 0.5).any()):
                chosen.append(bank[:0])
                continue
            # pyannote asks for every speaker of a window in turn: the same sound with other weights
            if banked is None or not torch.equal(waveform, banked):
                bank = fbank(waveform * 32768.0, num_mel_bins=BINS, sample_frequency=RATE_HZ, dither=0.0)
                banked = waveform
            if weights is None:
                chosen.append(bank)
            else:
                marks = F.interpolate(weights[index][None, None].float(), size=bank.shape[0], mode="nearest")[0, 0]
                chosen.append(bank[marks > 0.5])
        return torch.stack(in_parallel(self._vector, chosen, self.threads))

    def _vector(self, frames: Tensor) -> Tensor:
        if frames.shape[0] == 0:
            return frames.new_full((DIMENSION,), torch.nan)
        fewest = int(SHORTEST_S * _FRAMES_PER_S)
        if frames.shape[0] < fewest:
            frames = frames.repeat(-(-fewest // frames.shape[0]), 1)
        with torch.inference_mode():  # it holds for one thread only
            return cast(Tensor, self.network((frames - frames.mean(0))[None])[0])


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item], threads: int) -> list[Result]:
    """Results in order, from `threads` threads.

    The network has hundreds of tiny steps. Torch's own threads meet after each, and wait there whenever the
    machine is busy: measured 5 s with one thread, 180 s with two. Whole sounds side by side wait for nothing.
    """
    if threads <= 1 or len(items) <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def load_campplus(path: Path, threads: int = 1) -> CampPlus:
    """Read the weights (a state dict). Raises BadModel when they are of another network."""
    network = CampPlusNetwork()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    except Exception as error:  # torch raises many kinds on a damaged or foreign file
        raise BadModel(
            f"{path}: not the weights of CAM++ ({type(error).__name__}); run `callqa models fetch`"
        ) from error
    return CampPlus(network, threads)
