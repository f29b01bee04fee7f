"""Statements that somebody types into `callqa sql` who should not: tests/data/hostile_sql.txt, ready to be run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb

from pipeline.storage.home import parts_folder

STATEMENTS = Path(__file__).resolve().parent.parent / "data" / "hostile_sql.txt"
TREASURE = "treasure"
"""What stands in the files that no statement may read."""

_CHARACTERS = {"esc": "\x1b", "bel": "\x07", "csi": "\x9b", "rlo": "\u202e", "nul": "\x00", "nl": "\n"}
_LARGE = {
    "wide": "SELECT " + ", ".join(f"repeat('x', 300) AS c{column}" for column in range(20_000)) + " FROM range(300)",
    "deep": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
}


def hostile_statements(places: Mapping[str, str]) -> dict[str, list[str]]:
    """Lists of statements by what must become of them; `places` are the paths of `hostile_places`."""
    values = {**_CHARACTERS, **_LARGE, **places}
    statements: dict[str, list[str]] = {}
    for line in STATEMENTS.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"\[(\w+)\]", line):
            statements[heading[1]] = []
        elif line and not line.startswith("#"):
            filled = re.sub(r"<(\w+)>", lambda found: values.get(found[1], found[0]), line)
            statements[list(statements)[-1]].append(filled)
    return statements


def hostile_places(folder: Path, database: Path) -> dict[str, str]:
    """Make the files that statements try to read; the paths that they name."""
    secret, other = folder / "secret.csv", folder / "other.duckdb"
    secret.write_text(f"hidden\n{TREASURE}\n")
    with duckdb.connect(str(other)) as connection:
        connection.execute(f"CREATE TABLE hidden AS SELECT '{TREASURE}' AS a")
    return {
        "secret": str(secret),
        "other": str(other),
        "target": str(folder / "target"),
        "folder": str(folder),
        "database": str(database),
        "parts": str(parts_folder(database)),
    }
