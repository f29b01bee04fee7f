"""What the command line prints: progress, tables, turns, verdicts. Rich on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from flows.language import LANGUAGE, say
from pipeline.results.display import percent

if TYPE_CHECKING:
    from flows.night import Night, Tally
    from pipeline.datatypes import Call, Judged, Role, Verdict
    from pipeline.judging.conditions.base import Node, Result
    from pipeline.judging.rulebook import Rule

# a file or a pipe has no width to fit into
out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False, soft_wrap=True)

PLAIN_EVERY_S = 10.0
"""How often progress is told where there is no terminal."""


def clock_tenths(seconds: float) -> str:
    """Minutes and seconds in a recording, as in 1:05.3."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:04.1f}"


@contextmanager
def step(text: str) -> Iterator[None]:
    """Something that takes a while: a spinner on a terminal, a line elsewhere."""
    if err.is_terminal:
        with err.status(text):
            yield
    else:
        err.print(text)
        yield


def _counts(tally: Tally) -> str:
    return say(
        f"已转写 {tally.heard}/{tally.to_hear}，已评分 {tally.judged}，失败 {tally.failed}",
        f"heard {tally.heard}/{tally.to_hear}, judged {tally.judged}, failed {tally.failed}",
    )


@contextmanager
def progress(night: Night) -> Iterator[None]:
    """Show a night's progress while the block runs, with the time that is left by what was heard so far."""
    tally = night.tally
    if not err.is_terminal:
        yield from _plain_progress(night)
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
                left = say("约剩 ", "about ") + str(timedelta(seconds=round(rest_s))) + say("", " left")
            bar.update(
                task, completed=tally.done_s, total=max(tally.expected_s, 1e-9), description=_counts(tally), left=left
            )

        night.on_change = change
        try:
            yield
        finally:
            night.on_change = lambda: None


def _plain_progress(night: Night) -> Iterator[None]:
    lock, told = threading.Lock(), [0.0]

    def change() -> None:
        with lock:
            if time.monotonic() - told[0] < PLAIN_EVERY_S:
                return
            told[0] = time.monotonic()
        print(_counts(night.tally), file=sys.stderr, flush=True)

    night.on_change = change
    try:
        yield
    finally:
        night.on_change = lambda: None


@contextmanager
def counting(text: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of something counted: a bar on a terminal, a line now and then elsewhere."""
    from rich.progress import Progress

    if err.is_terminal:
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
        shown.add_row(*("–" if cell is None else Text(str(cell)) for cell in row))
    out.print(shown)


def role_name(role: Role) -> str:
    names = {"agent": say("坐席", "agent"), "customer": say("客户", "customer"), "unknown": say("未知", "unknown")}
    return names[role]


def turns(call: Call) -> None:
    """A call's turns, one a line: when, who, what."""
    styles = {"agent": "cyan", "customer": "green", "unknown": "dim"}
    for turn in call.turns:
        role = call.role(turn)
        line = Text(f"{clock_tenths(turn.span.start_s):>7}  ")
        line.append(f"{role_name(role)}  ", style=styles[role])
        line.append(turn.text)
        out.print(line, soft_wrap=not out.is_terminal)


OUTCOMES = {
    "pass": ("达成", "pass", "green"),
    "fail": ("未达成", "fail", "red"),
    "not_applicable": ("不适用", "n/a", "dim"),
    "unsure": ("不可判", "unsure", "yellow"),
}


def verdicts(judged: Judged, title: Callable[[str], str]) -> None:
    """A call's verdicts with their evidence; `title` turns a rule id into its name."""
    card = judged.scorecard
    if card is None:
        out.print(say("这种语言没有规则册，未评分。", "No rulebook for this language; not judged."))
        return
    score = say("无可评分项", "nothing could be scored") if card.score is None else f"{card.score:.1f}"
    fatal = say("，触犯一票否决项", ", a fatal rule was broken") if card.fatal else ""
    out.print(
        say(
            f"得分 {score}（已判定 {percent(card.coverage)}{fatal}）",
            f"Score {score} ({percent(card.coverage)} of the weight decided{fatal})",
        )
    )
    for verdict in card.verdicts:
        zh, en, style = OUTCOMES[verdict.outcome]
        line = Text(f"  {say(zh, en)}  ", style=style)
        line.append(title(verdict.rule_id), style="bold")
        if verdict.reason:
            line.append(f"  {verdict.reason}", style="dim")
        out.print(line, soft_wrap=not out.is_terminal)
        for hit in _evidence(verdict):
            out.print(Text(f"      {hit}"), soft_wrap=not out.is_terminal)


def _evidence(verdict: Verdict) -> Iterator[str]:
    if verdict.outcome not in ("fail", "unsure"):
        return
    for hit in verdict.evidence:
        at = f"{clock_tenths(hit.span.start_s)}  " if hit.span else ""
        quote = (f"“{hit.matched}”" if LANGUAGE == "zh" else f'"{hit.matched}"') if hit.matched else ""
        parts = [part for part in (quote, hit.reason) if part]
        if parts:
            yield at + "  ".join(parts)


def explanation(call: Call, rule: Rule, verdict: Verdict, rows: Sequence[tuple[int, str, Node, Result]]) -> None:
    """A rule's conditions on a call as a tree: truth, reason, evidence; the verdict on top."""
    zh, en, style = OUTCOMES[verdict.outcome]
    head = Text(rule.title.in_language(LANGUAGE), style="bold")
    head.append(f"  {say(zh, en)}", style=style)
    head.append(f"  {verdict.reason}", style="dim")
    top = Tree(head)
    branches = [top]
    gates = {
        "applies": say("适用条件", "applies"),
        "require": say("要求", "require"),
        "forbid": say("禁止", "forbid"),
    }
    for depth, gate, node, finding in rows:
        mark, colour = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}[finding.truth]
        line = Text(f"{gates[gate]}  " if gate else "", style="bold")
        line.append(f"{mark} ", style=colour)
        line.append(node.kind, style="cyan")
        if node.name:
            line.append(f" {node.name}", style="bold")
        line.append(f"  {finding.reason}" if finding.reason else "")
        del branches[depth + 1 :]
        branches.append(branches[depth].add(line))
        if node.children:
            continue  # the evidence stands under the conditions that found it
        for hit in finding.evidence:
            at = f"{clock_tenths(hit.span.start_s)} " if hit.span else ""
            who = f"{role_name(call.role(call.turns[hit.turn]))} " if hit.turn is not None else ""
            quote = (f"“{hit.matched}” " if LANGUAGE == "zh" else f'"{hit.matched}" ') if hit.matched else ""
            reason = "" if hit.reason == finding.reason or hit.matched in hit.reason else hit.reason
            branches[-1].add(Text(f"{at}{who}{quote}{reason}", style="dim"))
    out.print(top, soft_wrap=not out.is_terminal)
