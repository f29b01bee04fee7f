"""Figures of an evaluation as tables for people, in either language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table

from pipeline.evaluation.score import COLLAR_S
from pipeline.messages import Message, in_language

_HEADINGS: Mapping[str, Message] = {
    "file": Message("recording"),
    "roles": Message("roles"),
    "role_accuracy": Message("role time"),
    "hangup": Message("hang-up"),
    "fails": Message("found/missed/false/unsure"),
    "rule": Message("rule"),
    "precision": Message("precision"),
    "recall": Message("recall"),
    "unsure": Message("unsure"),
    "labelled": Message("labelled"),
    "found": Message("found"),
    "missed": Message("missed"),
    "false": Message("false"),
    "layout": Message("channels"),
    "codec": Message("codec"),
    "noise_db": Message("SNR"),
    "clip_db": Message("clipped"),
    "faint_db": Message("one side faint"),
    "note": Message("note"),
}
_VERDICTS: Mapping[str, Message] = {
    "right": Message("right"),
    "wrong": Message("wrong"),
    "unknown": Message("unknown"),
    "unsure": Message("unsure"),
}
_RATES = ("cer", "wer", "cpcer", "cpwer", "der", "der_collar")


def evaluation_tables(result: Mapping[str, Any], language: str) -> Group:
    """What `evaluate_all` returned as rich tables."""
    pooled = result["pooled"]
    shown: list[Table | str] = [_files_table(result, language)]
    if pooled["rules"]["per_rule"]:
        shown.append(_rules_table(pooled["rules"], language))
    if pooled["rtf"]["total"] is not None:
        stages = ", ".join(f"{stage} {share:.3f}" for stage, share in pooled["rtf"].items())
        shown.append(Message("real-time factor: {stages}", stages=stages).in_language(language))
    memory = Message("peak memory: {mb:.0f} MiB", mb=pooled["peak_memory_mb"])
    shown.append(memory.in_language(language))
    shown += [Message("not scored: {why}", why=why).in_language(language) for why in result["skipped"].values()]
    return Group(*shown)


def _files_table(result: Mapping[str, Any], language: str) -> Table:
    pooled = result["pooled"]
    everything = [*result["files"].values(), pooled]
    used = [name for name in (*_RATES, "role_accuracy") if any(f[name] is not None for f in everything)]
    tallies = [name for name in ("roles", "hangup") if sum(pooled[name].values())]
    judged = bool(pooled["rules"]["per_rule"])
    table = Table(title=None)
    table.add_column(_heading("file", language), overflow="fold")
    for name in (*used, *tallies, *(["fails"] if judged else [])):
        table.add_column(_heading(name, language), justify="right")

    def row(name: str, figures: Mapping[str, Any]) -> list[str]:
        cells = [name, *(_percent(figures[rate]) for rate in used)]
        cells += [_tally_cell(figures[tally], language) for tally in tallies]
        return [*cells, _fails_cell(figures["rules"])] if judged else cells

    for name, figures in result["files"].items():
        table.add_row(*row(name, figures))
    table.add_section()
    table.add_row(*row(Message("pooled").in_language(language), pooled))
    return table


def _rules_table(pooled: Mapping[str, Any], language: str) -> Table:
    table = Table(title=Message("the verdict “fail”, rule by rule").in_language(language))
    table.add_column(_heading("rule", language))
    for name in ("precision", "recall", "unsure", "found", "missed", "false", "labelled"):
        table.add_column(_heading(name, language), justify="right")

    def row(name: str, figures: Mapping[str, Any], counts: list[Mapping[str, Any]]) -> list[str]:
        summed = (("true_fails",), ("missed_fails", "unsure_fails"), ("false_fails",), ("labelled",))
        shares = (_percent(figures[share]) for share in ("precision", "recall", "unsure"))
        return [name, *shares, *(_total(counts, names) for names in summed)]

    for rule, figures in pooled["per_rule"].items():
        table.add_row(*row(rule, figures, [figures]))
    table.add_section()
    table.add_row(*row(Message("pooled").in_language(language), pooled, list(pooled["per_rule"].values())))
    return table


def matrix_table(result: Mapping[str, Any], language: str) -> Table:
    """What `matrix` returned as one rich table."""
    rows = result["cells"]
    scored = [row["pooled"] for row in rows if row["pooled"]]
    rates = [name for name in ("cer", "wer", "der") if any(pooled[name] is not None for pooled in scored)]
    notes = any(row["failed"] or row.get("skipped") for row in rows)
    table = Table()
    for name in ("layout", "codec"):
        table.add_column(_heading(name, language))
    for name in ("noise_db", "clip_db", "faint_db", *rates, "roles", "hangup", "precision", "recall", "unsure"):
        table.add_column(_heading(name, language), justify="right")
    if notes:
        table.add_column(_heading("note", language), overflow="fold")
    for row in rows:
        table.add_row(*_matrix_cells(row, rates, language, notes))
    return table


def _matrix_cells(row: Mapping[str, Any], rates: list[str], language: str, notes: bool) -> Iterator[str]:
    rendering, pooled = row["rendering"], row["pooled"]
    layout = Message("mono") if rendering["mono"] else Message("as recorded")
    yield layout.in_language(language)
    yield rendering["codec"] or "–"
    for name in ("noise_db", "clip_db", "faint_db"):
        yield "–" if rendering[name] is None else f"{rendering[name]:g} dB"
    if pooled is None:
        yield from ["–"] * (len(rates) + 5)
    else:
        yield from (_percent(pooled[name]) for name in rates)
        yield from (_tally_cell(pooled[name], language) for name in ("roles", "hangup"))
        yield from (_percent(pooled["rules"][name]) for name in ("precision", "recall", "unsure"))
    if notes:
        skipped = "; ".join(str(in_language(why, language)) for why in row.get("skipped", {}).values())
        if row["failed"]:
            yield str(in_language(row["failed"], language))
        else:
            yield Message("files not scored: {why}", why=skipped).in_language(language) if skipped else ""


def _heading(name: str, language: str) -> str:
    if name in _HEADINGS:
        return _HEADINGS[name].in_language(language)
    return name.upper().replace("_COLLAR", f" ±{COLLAR_S} s")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _tally_cell(tally: Mapping[str, int], language: str) -> str:
    """Counts by verdict; the verdict alone where there is one count."""
    if not any(tally.values()):
        return "–"
    names = {name: _VERDICTS[name].in_language(language) for name in tally}
    if sum(tally.values()) == 1:
        return next(names[name] for name, count in tally.items() if count)
    return " / ".join(f"{count} {names[name]}" for name, count in tally.items())


def _fails_cell(rules: Mapping[str, Any]) -> str:
    if not rules["per_rule"]:
        return "–"
    names = (("true_fails",), ("missed_fails",), ("false_fails",), ("unsure_fails", "unsure_others"))
    return " / ".join(_total(rules["per_rule"].values(), some) for some in names)


def _total(counts: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    return str(sum(count[name] for count in counts for name in names))
