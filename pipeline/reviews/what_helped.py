"""What helped: the effects of several coaching sessions taken together, rule by rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student  # type: ignore[import-untyped]

from pipeline.reviews.coaching_effects import CoachingEffect

LEAST_SESSIONS = 3
"""Fewer sessions tell nothing of a rule."""


@dataclass(frozen=True, slots=True)
class PooledEffect:
    """The mean effect of `sessions` on a rule with its 95 % interval, in shares of 1; `improved` and `worse` of them by
    themselves; `waiting` sessions tell nothing yet. `value` is None where there are too few."""

    rule_id: str
    sessions: int
    improved: int
    worse: int
    waiting: int
    value: float | None = None
    low: float = -1.0
    high: float = 1.0


def what_helped(effects: Iterable[Mapping[str, CoachingEffect]]) -> list[PooledEffect]:
    """Of each rule what its sessions did together; `effects` are each session's, by rule. The best proven come first,
    those with too few sessions last."""
    by_rule: dict[str, list[CoachingEffect]] = {}
    for session in effects:
        for rule_id, effect in session.items():
            by_rule.setdefault(rule_id, []).append(effect)
    found = [pooled_effect(rule_id, of_rule) for rule_id, of_rule in by_rule.items()]
    return sorted(found, key=lambda pooled: (pooled.value is None, -pooled.low, pooled.rule_id))


def pooled_effect(rule_id: str, effects: Iterable[CoachingEffect]) -> PooledEffect:
    """The sessions of a rule together: they may differ beyond chance (DerSimonian and Laird 1986); the interval is that
    of Hartung and Knapp (2001), which holds for few sessions too."""
    given = list(effects)
    told = [effect for effect in given if effect.told]
    counted = PooledEffect(
        rule_id, len(told), sum(effect.verdict == "improved" for effect in told),
        sum(effect.verdict == "worse" for effect in told), sum(effect.verdict == "early" for effect in given),
    )  # fmt: skip
    if len(told) < LEAST_SESSIONS:
        return counted
    values = np.array([effect.value for effect in told])
    chance = np.array([effect.error**2 for effect in told])
    weights = 1 / chance
    mean = weights @ values / weights.sum()
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    between = max(0.0, float((weights @ (values - mean) ** 2 - (len(told) - 1)) / scale))
    weights = 1 / (chance + between)
    mean = float(weights @ values / weights.sum())
    # no narrower than chance alone makes it
    excess = max(1.0, float(weights @ (values - mean) ** 2) / (len(told) - 1))
    half = float(student.ppf(0.975, len(told) - 1)) * math.sqrt(excess / float(weights.sum()))
    return PooledEffect(
        rule_id, counted.sessions, counted.improved, counted.worse, counted.waiting, mean, max(mean - half, -1.0),
        min(mean + half, 1.0),
    )  # fmt: skip
