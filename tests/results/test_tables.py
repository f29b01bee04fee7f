"""Tables are made of their row classes: names, SQL types and comments."""

from __future__ import annotations

from dataclasses import fields

from pipeline.datatypes import Facts
from pipeline.results.tables import TABLES, CallRow, column_comments, table_columns, table_comment


def test_sql_types_follow_the_fields() -> None:
    types = {column.name: column.sql_type for column in table_columns("calls")}
    assert types["sha256"] == "VARCHAR"
    assert types["paths"] == "VARCHAR[]"
    assert types["size_bytes"] == "BIGINT"
    assert types["started_at"] == "TIMESTAMPTZ"
    assert types["day"] == "DATE"
    assert types["turns"] == "INTEGER"
    assert types["score"] == "DOUBLE"
    assert types["fatal"] == "BOOLEAN"
    assert types["heard_with"] == "MAP(VARCHAR, VARCHAR)"


def test_evidence_is_a_list_of_structs() -> None:
    (evidence,) = (column for column in table_columns("verdicts") if column.name == "evidence")
    assert evidence.sql_type == (
        "STRUCT(turn INTEGER, role VARCHAR, start_s DOUBLE, end_s DOUBLE, quote VARCHAR, reason VARCHAR, "
        "sentence VARCHAR, matched VARCHAR)[]"
    )


def test_every_fact_is_a_column_of_calls() -> None:
    assert {field.name for field in fields(Facts)} <= set(CallRow.__struct_fields__)


def test_comments_are_chinese_and_english() -> None:
    for table in TABLES:
        for comment in (table_comment(table), *(column.comment for column in table_columns(table))):
            chinese, _, english = comment.partition(" / ")
            assert chinese
            assert english
    assert column_comments("turns", "text") == (("text", "转写文字 / the words"),)
