"""Whose voice each stretch of speech is: weighted spherical k-means over voice embeddings, begun from a Ward tree.

An embedding is a vector of length one; two of them are as alike as their cosine says.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

Embeddings = npt.NDArray[np.float64]
"""One a row, each of length one."""

Durations = npt.NDArray[np.float64]
"""Of the stretches that the embeddings are of, in seconds."""

Labels = npt.NDArray[np.intp]
"""The cluster that each stretch is in."""

SpeakerCount = int | Literal["auto"]
"""Voices expected, or left open."""

UNIT_S = 3.0
"""Longest stretch that gets an embedding of its own."""

UNIT_SURE_S = 0.6
"""Stretches under this vote for no centroid."""

UNIT_LONG_S = 1.0
"""Stretches from this on say where the search for voices begins."""

SAME_VOICE = 0.6
"""Two clusters are one voice, split by force, when the cosine of their centroids reaches this, plus
`SAME_VOICE_PER_S` for every second of the one that is heard less, up to `SAME_VOICE_UP_TO_S`: a voice heard briefly
resembles even itself less. Measured with CAM++ at 8 kHz: one voice cut in two 0.66-0.73 with 1 s in the smaller part
and 0.75-0.95 with 3 s; two voices 0.02-0.65."""

SAME_VOICE_PER_S = 0.05
SAME_VOICE_UP_TO_S = 3.0

FURTHER_S = 3.0
"""A voice beyond the number expected (a recorded prompt, a colleague after a transfer, a bystander) is believed when
it is heard that long and is less like any other than `FURTHER_LIKENESS`."""

FURTHER_LIKENESS = 0.56
"""Measured: the third of three voices 0.41-0.54; one of two voices cut in two 0.58 and up, mostly 0.83 and up where
the smaller part lasts three seconds."""

AUTO_S = 1.5
"""As `FURTHER_S`, when the number of speakers is left open: with the likeness of `SAME_VOICE`."""

MOST_VOICES = 6


def cluster(embeddings: Embeddings, durations_s: Durations, speakers: SpeakerCount) -> Labels:
    """Which voice each stretch has: the number expected, one fewer where they are alike, more where that is sure."""
    least_s, likeness = (AUTO_S, SAME_VOICE) if speakers == "auto" else (FURTHER_S, FURTHER_LIKENESS)
    labels, centroids = spherical_k_means(embeddings, durations_s, 2 if speakers == "auto" else speakers)
    while len(centroids) < MOST_VOICES:
        finer, means = spherical_k_means(embeddings, durations_s, len(centroids) + 1)
        lasting_s = [float(durations_s[(finer == k) & (durations_s >= UNIT_SURE_S)].sum()) for k in range(len(means))]
        shortest = int(np.argmin(lasting_s))
        alike = max((float(means[k] @ means[shortest]) for k in range(len(means)) if k != shortest), default=1.0)
        apart = len(set(merge_similar(finer, durations_s, means))) == len(means)
        if len(means) <= len(centroids) or min(lasting_s) < least_s or alike >= likeness or not apart:
            break
        labels, centroids = finer, means
    return np.asarray(merge_similar(labels, durations_s, centroids))[labels]


def spherical_k_means(embeddings: Embeddings, durations_s: Durations, count: int) -> tuple[Labels, Embeddings]:
    """Labels and centroids of `count` clusters or fewer, weighted by duration; begun from a Ward tree of the long."""
    from scipy.cluster.hierarchy import fcluster, linkage  # type: ignore[import-untyped]

    long = np.flatnonzero(durations_s >= UNIT_LONG_S)
    if long.size <= count:
        long = np.argsort(-durations_s)[: 4 * count]
    tree = fcluster(linkage(embeddings[long], "ward"), count, "maxclust") - 1
    means = np.stack([embeddings[long][tree == k].sum(axis=0) for k in range(tree.max() + 1)])
    return _refined(embeddings, np.minimum(durations_s, UNIT_S) * (durations_s >= UNIT_SURE_S) + 1e-3, means)


def _refined(embeddings: Embeddings, weights: Durations, means: Embeddings) -> tuple[Labels, Embeddings]:
    """Lloyd's iterations on the sphere, from the given means."""
    centroids = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    labels = np.asarray((embeddings @ centroids.T).argmax(axis=1))
    for _ in range(25):
        for k in range(len(centroids)):
            total = (embeddings * (weights * (labels == k))[:, None]).sum(axis=0)
            # a cluster that lost all its members stays where it was
            if np.linalg.norm(total) > 0:
                centroids[k] = total / np.linalg.norm(total)
        new = np.asarray((embeddings @ centroids.T).argmax(axis=1))
        if np.array_equal(new, labels):
            break
        labels = new
    return labels, centroids


def merge_similar(labels: Labels, durations_s: Durations, centroids: Embeddings) -> list[int]:
    """For each cluster the cluster that stands for its voice: clusters too much alike are one voice."""
    stands_for = list(range(len(centroids)))
    lasting_s = [float(durations_s[labels == k].sum()) for k in range(len(centroids))]
    for one, other in combinations(range(len(centroids)), 2):
        less_s = min(lasting_s[one], lasting_s[other], SAME_VOICE_UP_TO_S)
        enough = SAME_VOICE + SAME_VOICE_PER_S * less_s
        if stands_for[other] == other and float(centroids[one] @ centroids[other]) >= enough:
            stands_for[other] = stands_for[one]
    return stands_for
