"""What people say of hand-made calls."""

from __future__ import annotations

from pipeline.datatypes import Judged, Outcome
from pipeline.reviews.events import Authority
from pipeline.reviews.releases import CallResult, ReleasedVerdict
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import VerdictKey, verdict_keys
from pipeline.reviews.verdict_reviews import VerdictReview, add_review
from pipeline.storage.home import Hearing, JudgedFile


def stored(judged: Judged) -> JudgedFile:
    return JudgedFile("key", judged, Hearing("f" * 64, "stereo", 0.98))


def say(
    reviews: Reviews, by: str, key: VerdictKey, right_outcome: Outcome | None = None, *, authority: Authority = 1,
    token: str = "", comment: str = "",
) -> None:  # fmt: skip
    """Somebody finds a verdict right, or says what is right."""
    review = VerdictReview(key, "wrong" if right_outcome else "right", right_outcome, comment=comment)
    with reviews.file.writing() as rows:
        add_review(rows, by, authority, token or f"{by} {key} {right_outcome}", review)


def result_of(judged: Judged, score: float | None = 80.0) -> CallResult:
    keys = verdict_keys(stored(judged)).values()
    verdicts = tuple(ReleasedVerdict(key.rule_id, key.rule_hash, key.outcome, key.evidence, 0.0) for key in keys)
    call = judged.call
    return CallResult(call.sha256, call.cdr.agent_id, score, None, 0.0, "hotline-zh", "b" * 64, "1", "f" * 64, verdicts)
