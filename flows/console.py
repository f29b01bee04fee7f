"""What the command line prints: progress, tables, turns, verdicts. Rich on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from flows.language import LANGUAGE, localised, say
from flows.log import log_event, logs_json
from pipeline.messages import shown_json, shown_lines, shown_text
from pipeline.results.display import NOTHING_FOUND, OUTCOME_LABELS, ROLE_LABELS, label_in, percent
from pipeline.results.quotes import marked_quote

if TYPE_CHECKING:
    from flows.night import Night
    from flows.tally import Tally
    from pipeline.datatypes import Call, Judged, Role, Verdict
    from pipeline.intake.servers.fetching import FetchedSoFar
    from pipeline.judging.rulebook import Rule
    from pipeline.judging.verdicts import Explained


class _SteadyConsole(Console):
    """A console that nothing printed on it can steer: names and words come from strangers, styles from us."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(shown_lines(segment.text), segment.style)


# a file or a pipe has no width to fit into; a bracket in a name is no markup
out = _SteadyConsole(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)
err = _SteadyConsole(stderr=True, highlight=False, markup=False, soft_wrap=True)

Told = TypeVar("Told")

PLAIN_EVERY_S = 10.0
"""How often progress is told where there is no terminal."""


def clock_tenths(seconds: float) -> str:
    """Minutes and seconds in a recording, as in 1:05.3."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:04.1f}"


@contextmanager
def step(text: str) -> Iterator[None]:
    """Something that takes a while: a spinner on a terminal, a line elsewhere."""
    if err.is_terminal and not logs_json():
        with err.status(text):
            yield
        return
    if not logs_json():
        err.print(text)
    yield


@contextmanager
def scanning(night: Night) -> Iterator[None]:
    """A night's scan: how much was fetched, where the inbox is on a server."""
    text = say("scanning the inbox…")
    if logs_json():
        night.on_fetch = _now_and_then(_log_fetched)
        yield
    elif err.is_terminal:
        with err.status(text) as status:
            night.on_fetch = lambda progress: status.update(_fetched(progress))
            yield
    else:
        err.print(text)
        night.on_fetch = _now_and_then(_print_fetched)
        yield


def _log_fetched(progress: FetchedSoFar) -> None:
    log_event(
        "run.fetched", files=progress.files, of_files=progress.of_files, size_mb=round(progress.size_bytes / 1e6, 1)
    )


def _print_fetched(progress: FetchedSoFar) -> None:
    print(_fetched(progress), file=sys.stderr, flush=True)


def _fetched(progress: FetchedSoFar) -> str:
    return say(
        "fetched {files}/{of_files} files, {done_mb:.0f} of {of_mb:.0f} MB",
        files=progress.files,
        of_files=progress.of_files,
        done_mb=progress.size_bytes / 1e6,
        of_mb=progress.of_bytes / 1e6,
    )


def _published(done: tuple[int, int]) -> str:
    return say("database: {calls}/{of} calls", calls=done[0], of=done[1])


def _now_and_then(tell: Callable[[Told], None]) -> Callable[[Told], None]:
    """Tells where there is no terminal, but not at every change."""
    lock, told = threading.Lock(), [0.0]

    def change(value: Told) -> None:
        with lock:
            if time.monotonic() - told[0] < PLAIN_EVERY_S:
                return
            told[0] = time.monotonic()
        tell(value)

    return change


def _counts(tally: Tally) -> str:
    return say(
        "transcribed {heard}/{to_hear}, scored {judged}, failed {failed}",
        heard=tally.heard,
        to_hear=tally.to_hear,
        judged=tally.judged,
        failed=tally.failed,
    )


@contextmanager
def progress(night: Night) -> Iterator[None]:
    """Show a night's progress while the block runs, with the time that is left by what was heard so far."""
    tally = night.tally
    if logs_json():
        night.on_fetch = _now_and_then(_log_fetched)
        yield from _plain_progress(tally, _log_counts)
        return
    if not err.is_terminal:
        night.on_fetch = _now_and_then(_print_fetched)
        night.on_publish = _now_and_then(lambda done: print(_published(done), file=sys.stderr, flush=True))
        yield from _plain_progress(tally, lambda tally: print(_counts(tally), file=sys.stderr, flush=True))
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=err, transient=True) as bar:
        task = bar.add_task(_counts(tally), total=max(tally.expected_s, 1e-9), left="")
        start = time.monotonic()

        def change() -> None:
            left = ""
            if tally.done_s and tally.done_s < tally.expected_s:
                rest_s = (time.monotonic() - start) * (tally.expected_s - tally.done_s) / tally.done_s
                left = say("about {time} left", time=timedelta(seconds=round(rest_s)))
            bar.update(
                task, completed=tally.done_s, total=max(tally.expected_s, 1e-9), description=_counts(tally), left=left
            )

        tally.on_change = change
        night.on_fetch = lambda progress: bar.update(task, description=_fetched(progress))
        night.on_publish = lambda done: bar.update(task, description=_published(done))
        try:
            yield
        finally:
            tally.on_change = lambda: None


def _log_counts(tally: Tally) -> None:
    log_event(
        "run.progress",
        heard=tally.heard,
        to_hear=tally.to_hear,
        judged=tally.judged,
        failed=tally.failed,
        audio_s=round(tally.audio_s, 1),
    )


def _plain_progress(tally: Tally, tell: Callable[[Tally], None]) -> Iterator[None]:
    change = _now_and_then(tell)
    tally.on_change = lambda: change(tally)
    try:
        yield
    finally:
        tally.on_change = lambda: None


@contextmanager
def counting(text: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of something counted: a bar on a terminal, a line now and then elsewhere."""
    from rich.progress import Progress

    if err.is_terminal and not logs_json():
        with Progress(console=err, transient=True) as bar:
            task = bar.add_task(text, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    told = [time.monotonic()]

    def tell(done: int, total: int) -> None:
        if time.monotonic() - told[0] >= PLAIN_EVERY_S or done == total:
            told[0] = time.monotonic()
            print(f"{text} {done}/{total}", file=sys.stderr, flush=True)

    yield tell


def table(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; a column is (heading, "left" or "right")."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, justify in columns:
        shown.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("–" if cell is None else Text(shown_text(str(cell))) for cell in row))
    out.print(shown)


def print_json(text: str) -> None:
    """Print JSON for other programs, or for somebody who looks at it on a terminal."""
    print(shown_json(text))


def role_name(role: Role) -> str:
    return label_in(ROLE_LABELS, role, LANGUAGE)


def outcome_name(outcome: str) -> str:
    """An outcome of a verdict, or "new" for a rule that a call was not judged by."""
    from pipeline.judging.replayed import NEW  # with all that judges: most commands print without it

    return say("new") if outcome == NEW else label_in(OUTCOME_LABELS, outcome, LANGUAGE)


def print_turns(call: Call) -> None:
    """A call's turns, one a line: when, who, what."""
    styles = {"agent": "cyan", "customer": "green", "unknown": "dim"}
    for turn in call.turns:
        role = call.role(turn)
        line = Text(f"{clock_tenths(turn.span.start_s):>7}  ")
        line.append(f"{role_name(role)}  ", style=styles[role])
        line.append(turn.text)
        out.print(line, soft_wrap=not out.is_terminal)


OUTCOME_STYLES = {"pass": "green", "fail": "red", "not_applicable": "dim", "unsure": "yellow"}


def _outcome(verdict: Verdict) -> Text:
    """The outcome of a verdict in its colour; a pass of a rule that finds little is none."""
    if verdict.nothing_found:
        return Text(localised(NOTHING_FOUND), style="dim")
    return Text(outcome_name(verdict.outcome), style=OUTCOME_STYLES[verdict.outcome])


def print_verdicts(judged: Judged, title: Callable[[str], str]) -> None:
    """A call's verdicts with their evidence; `title` turns a rule id into its name."""
    card = judged.scorecard
    if card is None:
        out.print(say("No rulebook for this language; not scored."))
        return
    score = say("nothing could be scored") if card.score is None else f"{card.score:.1f}"
    decided = say("{share} of the weight decided", share=percent(card.coverage))
    fatal = [say("a fatal rule was broken")] if card.fatal else []
    out.print(say("Score {score} ({notes})", score=score, notes=say(", ").join([decided, *fatal])))
    for verdict in card.verdicts:
        line = Text("  ").append_text(_outcome(verdict)).append("  ")
        line.append(title(verdict.rule_id), style="bold")
        if verdict.reason:
            line.append(f"  {localised(verdict.reason)}", style="dim")
        out.print(line, soft_wrap=not out.is_terminal)
        for evidence in _evidence(verdict, judged.call):
            out.print(Text(f"      {evidence}"), soft_wrap=not out.is_terminal)


def _evidence(verdict: Verdict, call: Call) -> Iterator[str]:
    if verdict.outcome not in ("fail", "unsure"):
        return
    for item in verdict.evidence:
        at = f"{clock_tenths(item.span.start_s)}  " if item.span else ""
        parts = [part for part in (marked_quote(item, call).text, localised(item.reason)) if part]
        if parts:
            yield at + "  ".join(parts)


def print_explanation(call: Call, rule: Rule, verdict: Verdict, rows: Sequence[Explained]) -> None:
    """A rule's conditions on a call as a tree: truth, reason, evidence; the verdict on top."""
    head = Text(rule.title.in_language(LANGUAGE), style="bold")
    head.append("  ").append_text(_outcome(verdict))
    head.append(f"  {localised(verdict.reason)}", style="dim")
    top = Tree(head)
    branches = [top]
    for row in rows:
        del branches[row.depth + 1 :]
        branches.append(branches[row.depth].add(_condition_line(row)))
        if row.node.children:
            continue  # the evidence stands under the conditions that found it
        for item in row.evidence:
            at = f"{clock_tenths(item.span.start_s)} " if item.span else ""
            who = f"{role_name(call.role(call.turns[item.turn]))} " if item.turn is not None else ""
            words = marked_quote(item, call).text
            quote = f"{words} " if words else ""
            reason = "" if item.reason == row.reason or item.matched in item.reason else localised(item.reason)
            branches[-1].add(Text(f"{at}{who}{quote}{reason}", style="dim"))
    out.print(top, soft_wrap=not out.is_terminal)


def _condition_line(row: Explained) -> Text:
    gates = {"applies": say("applies"), "require": say("require"), "forbid": say("forbid")}
    sign, colour = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}[row.truth]
    line = Text(f"{gates[row.gate]}  " if row.gate else "", style="bold")
    line.append(f"{sign} ", style=colour)
    line.append(row.node.kind, style="cyan")
    if row.node.name:
        line.append(f" {row.node.name}", style="bold")
    line.append(f"  {localised(row.reason)}" if row.reason else "")
    return line
