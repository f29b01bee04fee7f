"""``callqa sql`` and ``report``: what is read from the database."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.cli.root import app, command
from flows.language import LANGUAGE, say
from flows.options import Json, read_settings
from pipeline.errors import BadSetting, CallQAError
from pipeline.messages import Message
from pipeline.storage import audit
from pipeline.storage.erasure import erasing_state
from pipeline.storage.home import Home


@command(
    app,
    "sql",
    say("Query the database, read-only; without a query, opens a prompt. Safe while nightly runs."),
    ('sql "FROM achievement"', say("achievement rate of every indicator")),
    ('sql "FROM achievement_by(team)"', say("by team")),
    ('sql "FROM failed_checks" --format csv > failed.csv', say("failed checks, as CSV")),
    ("sql", say("a prompt; .tables lists the tables")),
)
def sql_command(
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help=say("A query in SQL."))] = None,
    form: Annotated[str, typer.Option("--format", metavar="table|csv|json", help=say("Output format."))] = "table",
    json_output: Json = False,
) -> None:
    from flows.asked import record_query
    from pipeline.results.sql_output import answer
    from pipeline.results.sql_prompt import shell

    settings = read_settings()
    home = Home(settings.paths.home)
    database = home.database
    match "json" if json_output else form:
        case "table" | "csv" | "json" as chosen if query is not None:
            record_query(home, query)
            answer(database, query, settings.sql, chosen, sys.stdout, settings.ingest.timezone, LANGUAGE)
        case "table" | "csv" | "json":
            shell(
                database,
                settings.sql,
                settings.ingest.timezone,
                sys.stdout,
                language=LANGUAGE,
                on_query=lambda sql: record_query(home, sql),
            )
        case _:
            raise BadSetting(Message("--format {form}: choose table, csv or json", form=form))


MOST_TRIES = 5
"""So often a report is made again because calls were forgotten while it was."""


@command(
    app,
    "report",
    say("Rebuild the report and print its path."),
    ("report", say("of what is stored")),
)
def report_command() -> None:
    from pipeline.results.report import report_folder, write_report
    from pipeline.results.workbook import write_workbook

    settings = read_settings()
    home = Home(settings.paths.home)
    if not home.database.exists():
        raise CallQAError(Message("{path}: no database yet; run `callqa nightly` to create it", path=home.database))
    audit.record(home, "export", what="report, workbook")
    for _ in range(MOST_TRIES):
        before = erasing_state(home)
        page = write_report(home, settings)
        write_workbook(home, settings, report_folder(home, settings))
        if erasing_state(home) == before:
            break  # else calls were forgotten meanwhile, and may stand in it
    print(page)
