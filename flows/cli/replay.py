"""What a replay of a draft found, on the terminal and as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from flows.console import clock_tenths, out, outcome_name, table
from flows.language import LANGUAGE, localised, say
from pipeline.judging.measured import Share
from pipeline.judging.replayed import NEW, Flip, Replay, achievement
from pipeline.judging.replayed_reviews import ReplayedReviews
from pipeline.judging.rulebook import Rulebook
from pipeline.results.display import percent
from pipeline.results.quotes import mark

SHIFT = 0.05
"""Least shift of an agent's mean score that is shown, in points."""


def as_json(replayed: Replay, reviewed: ReplayedReviews, sample: Replay | None = None) -> dict[str, object]:
    """All figures of a replay, the flips that it kept, what it makes of answered verdicts, and what a sample had told
    of each rule before."""
    first = {} if sample is None else {"sample": _sample_json(sample)}
    return first | {
        "calls": replayed.calls,
        "flipped": replayed.flipped,
        "skipped": replayed.skipped,
        "rules": {
            rule_id: {
                "flips": flips,
                "before": dict(before),
                "after": dict(after),
                "achievement": [achievement(before), achievement(after)],
            }
            for rule_id, before, after, flips in replayed.rules()
        },
        "agents": {
            name: {
                "calls": mean.calls,
                "before": round(mean.before / mean.calls, 2),
                "after": round(mean.after / mean.calls, 2),
            }
            for name, mean in replayed.agents.items()
        },
        "flips": [asdict(flip) for flip in replayed.flips],
        "reviews": {
            "rules": [asdict(rule) for rule in reviewed.rules()],
            "overturned": [asdict(each) for each in reviewed.all if each.overturned],
            "earlier": reviewed.earlier,
        },
    }


def _sample_json(sample: Replay) -> dict[str, object]:
    def bounds(share: Share) -> dict[str, object]:
        return {"share": share.value, "interval": share.interval}

    return {
        "calls": sample.calls,
        "rules": {
            rule_id: {
                "flips": bounds(Share(flips, sample.calls)),
                "achieved_before": bounds(_achieved(before)),
                "achieved_after": bounds(_achieved(after)),
            }
            for rule_id, before, after, flips in sample.rules()
        },
    }


def print_replay(replayed: Replay, book: Rulebook, most: int) -> None:
    """Tables of what changes by indicator and by agent, then up to `most` single changes."""
    titles = {rule.id: rule.title.in_language(LANGUAGE) for rule in book.rules}
    _print_rules(replayed, book, titles)
    _print_agents(replayed)
    for flip in replayed.flips[:most]:
        out.print(_line(flip, titles), soft_wrap=True)
    hidden = sum(flips for _, _, _, flips in replayed.rules()) - min(most, len(replayed.flips))
    if hidden > 0:
        out.print(say("{hidden} more changes (--show, --html)", hidden=hidden), style="dim")
    if replayed.skipped:
        out.print(say("{skipped} calls could not be read and were left out", skipped=replayed.skipped))


def print_reviews(reviewed: ReplayedReviews, book: Rulebook, most: int) -> None:
    """What the draft makes of the verdicts that people answered, by rule, then up to `most` overturned ones."""
    rules = [rule for rule in reviewed.rules() if rule.overturned or rule.broken]
    if not rules:
        return
    titles = {rule.id: rule.title.in_language(LANGUAGE) for rule in book.rules}
    table(
        say("Reviewed verdicts: what the draft makes of them"),
        [
            (say("indicator"), "left"),
            (say("overturned"), "right"),
            (say("now right"), "right"),
            (say("confirmed"), "right"),
            (say("would break"), "right"),
        ],
        [(titles.get(r.rule_id, r.rule_id), r.overturned, r.mended, r.confirmed, r.broken) for r in rules],
    )
    overturned = [each for each in reviewed.all if each.overturned]
    for each in overturned[:most]:
        draft = say("no such rule") if each.draft is None else outcome_name(each.draft)
        change = f"{outcome_name(each.machine)} → {outcome_name(each.right)}"
        sign = "✓" if each.right_now else "✗"
        told = say("draft: {outcome}", outcome=draft)
        out.print(f"{sign} {each.call} {titles.get(each.rule_id, each.rule_id)}: {change}; {told}", soft_wrap=True)


def _print_rules(replayed: Replay, book: Rulebook, titles: dict[str, str]) -> None:
    rows = [
        (
            titles.get(rule_id, rule_id),
            flips,
            None if before[NEW] else percent(achievement(before)),
            percent(achievement(after)),
            _changes(replayed, rule_id),
        )
        for rule_id, before, after, flips in replayed.rules()
    ]
    counts = say("{calls} calls, {changed} change", calls=replayed.calls, changed=replayed.flipped)
    table(
        f"{book.title.in_language(LANGUAGE)} · {counts}",
        [
            (say("indicator"), "left"),
            (say("changes"), "right"),
            (say("achieved before"), "right"),
            (say("after"), "right"),
            (say("verdicts"), "left"),
        ],
        rows,
    )


def print_sample(sample: Replay, total: int, book: Rulebook) -> None:
    """What a draft changes in some of the calls, and between which bounds that lies in all."""
    titles = {rule.id: rule.title.in_language(LANGUAGE) for rule in book.rules}
    rows = [
        (
            titles.get(rule_id, rule_id),
            _bounded(Share(flips, sample.calls)),
            None if before[NEW] else _bounded(_achieved(before)),
            _bounded(_achieved(after)),
        )
        for rule_id, before, after, flips in sample.rules()
    ]
    told = say(
        "{calls} of {total} calls, chosen by chance; in brackets 95 % intervals", calls=sample.calls, total=total
    )
    headings = (say("indicator"), say("changes"), say("achieved before"), say("after"))
    table(told, [(heading, "right" if number else "left") for number, heading in enumerate(headings)], rows)


def _achieved(outcomes: Counter[str]) -> Share:
    return Share(outcomes["pass"], outcomes["pass"] + outcomes["fail"])


def _bounded(share: Share) -> str | None:
    if share.interval is None:
        return None
    return f"{percent(share.value)} ({percent(share.interval[0])}–{percent(share.interval[1])})"


def _print_agents(replayed: Replay) -> None:
    means = [
        (name or None, mean.calls, mean.before / mean.calls, mean.after / mean.calls)
        for name, mean in replayed.agents.items()
    ]
    shifted = [row for row in means if abs(row[3] - row[2]) >= SHIFT]
    if shifted:
        shifted.sort(key=lambda row: (row[3] - row[2], row[0] or ""))
        table(
            say("Mean score by agent"),
            [
                (say("agent"), "left"),
                (say("calls"), "right"),
                (say("before"), "right"),
                (say("after"), "right"),
                (say("shift"), "right"),
            ],
            [(name, calls, f"{before:.1f}", f"{after:.1f}", f"{after - before:+.1f}")
             for name, calls, before, after in shifted],
        )  # fmt: skip


def _line(flip: Flip, titles: dict[str, str]) -> str:
    at = f" {clock_tenths(flip.at_s)}" if flip.at_s is not None else ""
    words = mark(flip.sentence, flip.matched).text
    quote = f"{words} " if words else ""
    change = f"{outcome_name(flip.before)} → {outcome_name(flip.after)}"
    title = titles.get(flip.rule_id, flip.rule_id)
    return f"{flip.call} {flip.agent} {title}: {change}{at}  {quote}{localised(flip.reason)}"


def _changes(replayed: Replay, rule_id: str) -> str:
    changes: Counter[tuple[str, str]] = Counter()
    for (rule, before, after), count in replayed.outcomes.items():
        if rule == rule_id and before != after:
            changes[(before, after)] += count
    return say(", ").join(
        f"{count} × {outcome_name(before)} → {outcome_name(after)}" for (before, after), count in changes.most_common()
    )
