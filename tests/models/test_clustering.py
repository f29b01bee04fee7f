"""Which stretches are one voice: on embeddings made here, of known likeness."""

from __future__ import annotations

import numpy as np
import pytest

from models.clustering import cluster, merge_similar, spherical_k_means


def voices(similarity: float, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of two voices whose means have that cosine, and which voice each is."""
    random = np.random.default_rng(3)
    one, side = np.eye(64)[0], np.eye(64)[1]
    two = similarity * one + np.sqrt(1 - similarity**2) * side
    who = np.arange(count) % 2
    embeddings = np.where(who[:, None] == 0, one, two) + 0.03 * random.standard_normal((count, 64))
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), who


def test_stretches_of_one_voice_are_one_cluster() -> None:
    embeddings, who = voices(0.5)
    labels, centroids = spherical_k_means(embeddings, np.full(len(who), 2.0), 2)
    assert len(set(labels[who == 0].tolist())) == len(set(labels[who == 1].tolist())) == 1
    assert labels[0] != labels[1]
    assert float(centroids[0] @ centroids[1]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("stretches", "heard"), [(1, 2), (3, 3)])
def test_a_further_voice_must_be_heard_for_long(stretches: int, heard: int) -> None:
    two, _ = voices(0.4)
    third = np.tile(np.eye(64)[2] * 0.9 + 0.1 * two[0], (stretches, 1))
    embeddings = np.concatenate([two, third / np.linalg.norm(third, axis=1, keepdims=True)])
    assert len(set(cluster(embeddings, np.full(len(embeddings), 1.5), 2).tolist())) == heard


def test_one_voice_is_one_whatever_is_expected() -> None:
    embeddings, _ = voices(0.95)
    for speakers in (2, 3, "auto"):
        assert len(set(cluster(embeddings, np.full(len(embeddings), 2.0), speakers).tolist())) == 1


@pytest.mark.parametrize(
    ("similarity", "least_s", "same"), [(0.5, 8.0, False), (0.65, 8.0, False), (0.9, 8.0, True), (0.68, 1.0, True)]
)
def test_clusters_that_sound_alike_are_one_voice(similarity: float, least_s: float, same: bool) -> None:
    centroids = np.array([[1.0, 0.0], [similarity, np.sqrt(1 - similarity**2)]])
    alike = merge_similar(np.array([0, 1]), np.array([8.0, least_s]), centroids)
    assert (alike == [0, 0]) is same
