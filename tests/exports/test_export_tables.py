"""Tables of turns and verdicts, read back by pandas and by polars."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings

from pipeline.datatypes import CDR
from pipeline.exports.export_tables import EXPORT_TABLES
from pipeline.exports.exported import ExportedCall
from pipeline.exports.table_files import TABLE_FILES
from pipeline.results.csv_cells import guarded
from pipeline.results.tables import table_columns
from pipeline.settings import CHECKOUT
from tests.support.leaving import HOSTILE, Line, began, judged_call, leaving, lines_said

TURNS, VERDICTS = EXPORT_TABLES["turns"], EXPORT_TABLES["verdicts"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def written(what: str, kind: str, call: ExportedCall, folder: Path) -> bytes:
    stream = io.BytesIO()
    table = EXPORT_TABLES[what]
    TABLE_FILES[kind](table.columns, table.rows(call), stream, folder)
    assert list(folder.iterdir()) == []
    return stream.getvalue()


def from_parquet(data: bytes) -> list[dict[str, Any]]:
    return pl.read_parquet(io.BytesIO(data)).to_dicts()


@settings(max_examples=20)
@given(lines_said())
def test_turns_read_back_are_the_turns(folder: Path, lines: list[Line]) -> None:
    call = leaving(lines)
    said = [(who, start_s, end_s, text) for who, start_s, end_s, text in lines]
    as_lines = [json.loads(line) for line in written("turns", "jsonl", call, folder).decode().split("\n") if line]
    assert [(row["speaker"], row["start_s"], row["end_s"], row["text"]) for row in as_lines] == said
    table = from_parquet(written("turns", "parquet", call, folder))
    assert [(row["speaker"], row["start_s"], row["end_s"], row["text"]) for row in table] == said
    assert all((row["sha256"], row["started_at"]) == (call.call.sha256, began(call)) for row in table)


def test_csv_has_every_turn_and_no_formula(folder: Path) -> None:
    call = leaving([("ch0", float(n), n + 0.5, text) for n, text in enumerate(HOSTILE)], {})
    data = written("turns", "csv", call, folder)
    frame = pd.read_csv(
        io.BytesIO(data), keep_default_na=False, dtype={"text": str}, engine="python", lineterminator=None
    )
    assert list(frame.columns) == [column.name for column in TURNS.columns]
    assert [text.replace("\r\n", "\n") for text in frame["text"]] == [
        str(guarded(text)).replace("\r\n", "\n") for text in HOSTILE
    ]
    assert not [text for text in frame["text"] if text.startswith(("=", "+", "-", "@", "＝"))]
    assert list(frame["start_s"]) == [float(n) for n in range(len(HOSTILE))]
    assert set(frame["role"]) == {"unknown"}


def test_verdicts_keep_their_evidence_as_lists(folder: Path) -> None:
    call = judged_call()
    sentence = HOSTILE[3]
    rows = from_parquet(written("verdicts", "parquet", call, folder))
    assert [(row["rule_id"], row["outcome"], row["score"], row["version"]) for row in rows] == [
        ("forbidden-phrases", "fail", 87.5, "2026.1"), ("closing", "pass", 87.5, "2026.1"),
        ("dead-air", "unsure", 87.5, "2026.1"),
    ]  # fmt: skip
    first, _ = rows[0]["evidence"]
    assert (first["turn"], first["role"], first["start_s"], first["sentence"], first["reason"]) == (
        1, "customer", 2.5, sentence, "because\nof it",
    )  # fmt: skip
    assert rows[1]["suspect"]["matched"] == sentence[:4]
    assert rows[2]["evidence"][0]["turn"] is None
    lines = [json.loads(line) for line in written("verdicts", "jsonl", call, folder).decode().split("\n") if line]
    assert [row["evidence"] for row in lines] == [row["evidence"] for row in rows]
    frame = pd.read_csv(io.BytesIO(written("verdicts", "csv", call, folder)), keep_default_na=False)
    assert [json.loads(cell) for cell in frame["evidence"]] == [row["evidence"] for row in rows]
    assert frame["reason"][0] == "'=1+1"


def test_types_are_those_of_the_database(folder: Path) -> None:
    schema = pl.read_parquet_schema(io.BytesIO(written("verdicts", "parquet", judged_call(), folder)))
    assert {name: schema[name] for name in ("started_at", "day", "deducted", "tags", "score")} == {
        "started_at": pl.Datetime("us", "UTC"), "day": pl.Date(), "deducted": pl.Float64(),
        "tags": pl.List(pl.String()), "score": pl.Float64(),
    }  # fmt: skip
    evidence = schema["evidence"]
    assert isinstance(evidence, pl.List)
    assert isinstance(evidence.inner, pl.Struct)
    assert {each.name: each.dtype for each in evidence.inner.fields} == {
        "turn": pl.Int32(), "role": pl.String(), "start_s": pl.Float64(), "end_s": pl.Float64(), "quote": pl.String(),
        "reason": pl.String(), "sentence": pl.String(), "matched": pl.String(),
    }  # fmt: skip
    known = {each.name: each.sql_type for table in ("calls", "turns", "verdicts") for each in table_columns(table)}
    assert all(known[column.name] == column.sql_type for table in (TURNS, VERDICTS) for column in table.columns)


@pytest.mark.parametrize("page", ["docs/export.md", "docs/export.zh-CN.md"])
def test_every_column_is_told_of(page: str) -> None:
    told = {
        name
        for line in (CHECKOUT / page).read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert {column.name for table in (TURNS, VERDICTS) for column in table.columns} <= told


def test_a_call_that_nobody_spoke_in_or_that_nothing_is_known_of_has_a_table(folder: Path) -> None:
    silent = leaving([], cdr=CDR())
    assert from_parquet(written("turns", "parquet", silent, folder)) == []
    assert written("turns", "jsonl", silent, folder) == b""
    assert len(pd.read_csv(io.BytesIO(written("turns", "csv", silent, folder)))) == 0
    unknown = replace(leaving([("S1", 0.0, 0.0, "喂")], {}, CDR(), layout="mono"))
    (row,) = from_parquet(written("turns", "parquet", unknown, folder))
    assert (row["call_id"], row["started_at"], row["role"], row["end_s"]) == (None, None, "unknown", 0.0)
