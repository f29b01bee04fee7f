"""How far a run is from the truth: error rates, roles, hang-up, verdicts.

Every figure is kept as counts until the end, so that a pooled figure is (all errors) / (all reference),
never the mean of per-file rates. A figure without any truth to compare is None.
"""

from __future__ import annotations

import operator
import resource
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Literal, get_args

import numpy as np
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from pipeline.datatypes import Outcome, Role
from pipeline.timeline import Span, Timeline

Label = Literal["pass", "fail", "na"]
"""What a person says of one rule on one call."""


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """`errors` made over a reference of `length`: tokens for CER and WER, seconds for DER."""

    errors: float = 0
    length: float = 0

    @property
    def rate(self) -> float | None:
        """Errors per unit of reference; may exceed 1. None without a reference."""
        return self.errors / self.length if self.length else None

    def __add__(self, other: ErrorCount) -> ErrorCount:
        return ErrorCount(self.errors + other.errors, self.length + other.length)


def characters(text: str) -> list[str]:
    """Tokens of CER: every letter, digit and Han character of a normalised text, nothing else."""
    return [character for character in text if character.isalnum()]


def edit_distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Least number of substitutions, deletions and insertions that turn one sequence into the other.

    Levenshtein 1966, row by row (Wagner and Fischer 1974), each row one vector operation.
    """
    if not reference or not hypothesis:
        return len(reference) + len(hypothesis)
    codes: dict[str, int] = {}
    rows, columns = (
        np.array([codes.setdefault(token, len(codes)) for token in tokens]) for tokens in (reference, hypothesis)
    )
    offsets = np.arange(len(columns) + 1)
    previous = offsets
    for number, token in enumerate(rows, start=1):
        current = np.empty_like(previous)
        current[0] = number
        np.minimum(previous[:-1] + (columns != token), previous[1:] + 1, out=current[1:])
        # an insertion costs one per step to the right: a running minimum once that slope is taken off
        previous = np.minimum.accumulate(current - offsets) + offsets
    return int(previous[-1])


def error_count(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorCount:
    """Token errors: CER over characters, WER over words."""
    return ErrorCount(edit_distance(reference, hypothesis), len(reference))


def permuted_error_count(reference: Mapping[str, Sequence[str]], hypothesis: Mapping[str, Sequence[str]]) -> ErrorCount:
    """Concatenated minimum-permutation errors (cpWER, cpCER; Watanabe et al., CHiME-6, 2020).

    Each value is all that one speaker says, in order. Speakers are matched one to one so that the errors are
    fewest; what a speaker without a partner says is all deleted or all inserted.
    """
    left, right = list(reference.values()), list(hypothesis.values())
    speakers = max(len(left), len(right))
    left += [()] * (speakers - len(left))
    right += [()] * (speakers - len(right))
    if not speakers:
        return ErrorCount()
    cost = np.array([[edit_distance(said, transcribed) for transcribed in right] for said in left])
    errors = int(cost[linear_sum_assignment(cost)].sum())
    return ErrorCount(errors, sum(len(said) for said in left))


@dataclass(frozen=True, slots=True)
class RoleTime:
    """Reference speech of agent and customer in seconds, and how much of it was given to the right role."""

    right_s: float = 0
    reference_s: float = 0

    @property
    def accuracy(self) -> float | None:
        """Share of reference speech time that was attributed to the right role, 0–1."""
        return self.right_s / self.reference_s if self.reference_s else None

    def __add__(self, other: RoleTime) -> RoleTime:
        return RoleTime(self.right_s + other.right_s, self.reference_s + other.reference_s)


def role_time(reference: Iterable[tuple[Role, Span]], found: Iterable[tuple[Role, Span]]) -> RoleTime:
    """Compare who speaks when, by role. Reference spans of an unknown role are left out."""
    reference, found = list(reference), list(found)
    total = RoleTime()
    for role in ("agent", "customer"):
        said = _of(role, reference)
        total += RoleTime((said & _of(role, found)).total_s, said.total_s)
    return total


def _of(role: Role, spans: Iterable[tuple[Role, Span]]) -> Timeline:
    return Timeline(span for by, span in spans if by == role)


def roles_verdict(
    reference: Iterable[tuple[Role, Span]], found: Iterable[tuple[Role, Span]]
) -> Literal["right", "wrong", "unknown"] | None:
    """Whether a call's roles were found: each party's speech went mostly to its own role.

    "wrong" when most of a party's speech went to the other role, "unknown" when neither happened: the speaker
    was left unknown, or was not heard. None when the truth has no roles.
    """
    reference, found = list(reference), list(found)
    verdicts = set()
    for role in ("agent", "customer"):
        if not any(by == role for by, _ in reference):
            continue
        said = _of(role, reference)
        shared_s = {other: (said & _of(other, found)).total_s for other in get_args(Role)}
        most = max(shared_s, key=lambda other: (shared_s[other], other == role))
        verdicts.add("unknown" if most == "unknown" or not shared_s[most] else "right" if most == role else "wrong")
    if not verdicts:
        return None
    return "wrong" if "wrong" in verdicts else "unknown" if "unknown" in verdicts else "right"


def hang_up_verdict(truth: str | None, found: str | None) -> Literal["right", "wrong", "unsure"] | None:
    """Who released the line first, compared. None without truth; "unsure" when nobody was named."""
    if truth is None:
        return None
    if found is None:
        return "unsure"
    return "right" if found == truth else "wrong"


@dataclass(frozen=True, slots=True)
class RuleCount:
    """One rule's verdicts against labels, `fail` being what is looked for.

    `unsure_fails` and `unsure_others` were not decided: they cost no precision, and are counted apart.
    A labelled fail that is unsure has not been found, so it does cost recall. `others_wrong` are
    labels pass and na that were taken for each other.
    """

    true_fails: int = 0
    false_fails: int = 0
    missed_fails: int = 0
    unsure_fails: int = 0
    unsure_others: int = 0
    others_right: int = 0
    others_wrong: int = 0

    def __add__(self, other: RuleCount) -> RuleCount:
        return RuleCount(*map(operator.add, astuple(self), astuple(other)))

    @property
    def labelled(self) -> int:
        """How many labelled verdicts were compared."""
        return sum(astuple(self))

    @property
    def precision(self) -> float | None:
        """Of the verdicts `fail`, how many the labels confirm. None when there was none."""
        return _share(self.true_fails, self.true_fails + self.false_fails)

    @property
    def recall(self) -> float | None:
        """Of the labelled fails, how many were found; an unsure one was not. None when none is labelled."""
        return _share(self.true_fails, self.true_fails + self.missed_fails + self.unsure_fails)

    @property
    def unsure(self) -> float | None:
        """Share of the labelled verdicts that are unsure."""
        return _share(self.unsure_fails + self.unsure_others, self.labelled)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def rule_count(label: Label, outcome: Outcome) -> RuleCount:
    """One labelled verdict as counts."""
    if outcome == "unsure":
        return RuleCount(unsure_fails=1) if label == "fail" else RuleCount(unsure_others=1)
    if outcome == "fail":
        return RuleCount(true_fails=1) if label == "fail" else RuleCount(false_fails=1)
    if label == "fail":
        return RuleCount(missed_fails=1)
    right = outcome == ("not_applicable" if label == "na" else "pass")
    return RuleCount(others_right=1) if right else RuleCount(others_wrong=1)


def peak_memory_mb() -> float:
    """Most memory that this process has held, in MiB.

    Decoders are left out: a child counts its parent's memory as its own until it starts its program.
    """
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
