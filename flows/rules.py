"""``callqa rules``: what rule authors do — test, lint, explain, replay a draft, publish it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from flows.language import LANGUAGE, say
from flows.options import Json, examples, read_settings, stored
from pipeline.errors import BadRule, BadSetting, CallQAError
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from pipeline.judging.replay import Replay
    from pipeline.judging.rulebook import Rulebook

rules_app = typer.Typer(
    no_args_is_help=True,
    help=say(
        "规则册：测试、检查、解释、试评草稿、发布。写法见 rules/README.md。",
        "Rulebooks: test, lint, explain, replay a draft, publish. rules/README.md tells how to write rules.",
    ),
)

Books = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[BOOK]...",
        help=say("规则册文件夹；默认为设置中的全部。", "Rulebook folders; default: all of the settings."),
    ),
]


def _books(books: list[Path] | None) -> list[Path]:
    return books or list(read_settings().paths.rulebooks.values())


@rules_app.command(
    "test",
    help=say("运行规则自带的用例。", "Run the cases that rules carry."),
    epilog=examples(("rules test", "全部", "all"), ("rules test rules/hotline-zh", "一册", "one rulebook")),
)
def rules_test(books: Books = None) -> None:
    from flows.console import OUTCOMES
    from pipeline.judging.rulebook import load_rulebook
    from pipeline.judging.verdicts import run_cases

    failed = 0
    for folder in _books(books):
        results = run_cases(load_rulebook(folder))
        bad = [result for result in results if not result.ok]
        failed += len(bad)
        for result in bad:
            note = f" ({result.note})" if result.note else ""
            names = {outcome: say(zh, en) for outcome, (zh, en, _) in OUTCOMES.items()}
            expected, found = names[result.expected], names[result.found]
            what = say(f"应为{expected}，实为{found}", f"{expected} expected, {found} found")
            why = say("：", ": ") + result.reason if result.reason else ""
            print(f"{result.file}:{result.line}: {result.rule_id}: {what}{note}{why}")
        print(
            say(
                f"{folder}：{len(results)} 个用例，{len(bad)} 个不符",
                f"{folder}: {len(results)} cases, {len(bad)} failed",
            )
        )
    if failed:
        raise typer.Exit(1)


@rules_app.command(
    "lint",
    help=say("检查规则册，一次列出全部问题。", "Check rulebooks; every fault is listed at once."),
    epilog=examples(("rules lint", "全部", "all")),
)
def rules_lint(books: Books = None) -> None:
    from pipeline.judging.rulebook import load_rulebook

    bad = False
    for folder in _books(books):
        try:
            book = load_rulebook(folder)
        except BadRule as error:
            bad = True
            print(error)
        else:
            print(say(f"{folder}：{len(book.rules)} 条规则，无问题", f"{folder}: {len(book.rules)} rules, no fault"))
    if bad:
        raise typer.Exit(1)


@rules_app.command(
    "explain",
    help=say(
        "解释一通已存的电话为何这样判：逐层列出条件、真假、证据与理由。",
        "Why a stored call was judged so: the rule's conditions as a tree, each with truth, evidence and reason.",
    ),
    epilog=examples(
        ("rules explain 20261116-0007 greeting", "现行规则册", "by the rulebook in force"),
        ("rules explain 20261116-0007 greeting --book draft", "按草稿", "by a draft"),
    ),
)
def rules_explain(
    call: Annotated[
        str, typer.Argument(metavar="CALL", help=say("通话编号或 SHA-256 的开头。", "Id of a stored call."))
    ],
    rule: Annotated[str, typer.Argument(metavar="RULE", help=say("规则标识。", "Id of a rule."))],
    book: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help=say("规则册文件夹，代替现行的。", "A rulebook, not the one in force.")),
    ] = None,
) -> None:
    from flows.console import explanation
    from flows.rulebooks import rulebooks_in_force
    from pipeline.call.build import build_call
    from pipeline.judging.rulebook import load_rulebook
    from pipeline.judging.token_index import read
    from pipeline.judging.verdicts import explain, judge_rule
    from pipeline.validation import did_you_mean

    settings = read_settings()
    transcript, cdr = stored(call, Home(settings.paths.home))
    judged = build_call(transcript, cdr)
    rulebook = load_rulebook(book) if book else rulebooks_in_force(settings).get(judged.language)
    if rulebook is None:
        raise CallQAError(say("这种语言没有规则册", f"there is no rulebook for {judged.language}"))
    if rule not in rulebook.ids:
        raise CallQAError(f"{rulebook.name} has no rule {rule}{did_you_mean(rule, rulebook.ids)}")
    chosen = rulebook.rule(rule)
    spoken = read(judged, rulebook.lexicon)
    explanation(judged, chosen, judge_rule(spoken, chosen, rulebook), explain(spoken, chosen, rulebook))


@rules_app.command(
    "replay",
    help=say(
        "用草稿重评所有已存的通话，列出判定的变化与分数的移动；不改动任何结果，也不听录音。",
        "Judge every stored call by a draft and list what would change: verdicts, sentences, scores. Nothing is "
        "changed, no audio is heard.",
    ),
    epilog=examples(
        ("rules replay rules/hotline-zh", "正在修改的规则册", "the rulebook that is being edited"),
        (
            "rules replay draft --since 2026-11-01 --html changes.html",
            "十一月以来，另存网页",
            "since a day, with a page",
        ),
    ),
)
def rules_replay(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help=say("规则册文件夹。", "Folder of the draft."))],
    since: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help=say("只看这一天起的通话。", "Only calls from this day on.")),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help=say("另存为网页。", "Write a page as well."))
    ] = None,
    show: Annotated[
        int, typer.Option(min=0, help=say("在终端列出多少条变化。", "Changes listed on the terminal."))
    ] = 40,
    json_output: Json = False,
) -> None:
    from flows.console import counting
    from pipeline.judging.replay import replay
    from pipeline.judging.rulebook import load_rulebook
    from pipeline.results.replay_page import replay_page

    settings = read_settings()
    book = load_rulebook(draft)
    began = _midnight(since, settings.ingest.timezone)
    with counting(say("试评", "judging")) as tell:
        found = replay(Home(settings.paths.home), book, began, tell)
    if html is not None:
        try:
            write_whole(html, replay_page(found, book, LANGUAGE, since).encode())
        except OSError as error:
            raise CallQAError(f"{html}: cannot be written: {error.strerror}") from error
    if json_output:
        print(json.dumps(_as_json(found), ensure_ascii=False, indent=2))
        return
    _show_replay(found, book, show)
    if html is not None:
        print(html)


def _midnight(text: str | None, zone: str) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise BadSetting(f"--since {text}: write the day as 2026-11-01") from error


def _as_json(found: Replay) -> dict[str, object]:
    from pipeline.judging.replay import achievement

    return {
        "calls": found.calls,
        "flipped": found.flipped,
        "skipped": found.skipped,
        "rules": {
            rule_id: {"flips": flips, "before": dict(before), "after": dict(after),
                      "achievement": [achievement(before), achievement(after)]}
            for rule_id, before, after, flips in found.rules()
        },
        "agents": {
            name: {"calls": m.calls, "before": round(m.before / m.calls, 2), "after": round(m.after / m.calls, 2)}
            for name, m in found.agents.items()
        },
        "flips": [asdict(flip) for flip in found.flips],
    }  # fmt: skip


def _show_replay(found: Replay, book: Rulebook, most: int) -> None:
    from flows.console import OUTCOMES, clock_tenths, out, table
    from pipeline.judging.replay import NEW, achievement
    from pipeline.results.display import percent
    from pipeline.results.quotes import mark

    titles = {rule.id: rule.title.in_language(LANGUAGE) for rule in book.rules}

    def verdict(outcome: str) -> str:
        return say(*OUTCOMES[outcome][:2]) if outcome in OUTCOMES else say("新", "new")

    rows = [
        (titles.get(rule_id, rule_id), flips, percent(achievement(before)) if not before[NEW] else None,
         percent(achievement(after)), _changes(found, rule_id, verdict))
        for rule_id, before, after, flips in found.rules()
    ]  # fmt: skip
    table(
        f"{book.title.in_language(LANGUAGE)} · "
        + say(f"{found.calls} 通，{found.flipped} 通有变化", f"{found.calls} calls, {found.flipped} change"),
        [(say("指标", "indicator"), "left"), (say("变化", "flips"), "right"), (say("实现率 前", "before"), "right"),
         (say("后", "after"), "right"), (say("判定", "verdicts"), "left")],
        rows,
    )  # fmt: skip
    moved = sorted(
        ((name, m.calls, m.before / m.calls, m.after / m.calls) for name, m in found.agents.items()),
        key=lambda row: (row[3] - row[2], row[0]),
    )
    shifted = [row for row in moved if abs(row[3] - row[2]) >= 0.05]
    if shifted:
        table(
            say("坐席平均分", "Mean score by agent"),
            [(say("坐席", "agent"), "left"), (say("通话", "calls"), "right"), (say("前", "before"), "right"),
             (say("后", "after"), "right"), (say("移动", "shift"), "right")],
            [(n or None, c, f"{b:.1f}", f"{a:.1f}", f"{a - b:+.1f}") for n, c, b, a in shifted],
        )  # fmt: skip
    for flip in found.flips[:most]:
        at = f" {clock_tenths(flip.at_s)}" if flip.at_s is not None else ""
        words = mark(flip.sentence, flip.matched).text
        quote = say(f"“{words}” ", f'"{words}" ') if words else ""
        out.print(
            f"{flip.call} {flip.agent} {titles.get(flip.rule_id, flip.rule_id)}: "
            f"{verdict(flip.before)} → {verdict(flip.after)}{at}  {quote}{flip.reason}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    hidden = sum(flips for _, _, _, flips in found.rules()) - min(most, len(found.flips))
    if hidden > 0:
        out.print(
            say(f"另有 {hidden} 条变化（--show、--html）", f"{hidden} more changes (--show, --html)"), style="dim"
        )
    if found.skipped:
        out.print(say(f"{found.skipped} 通读不出，已跳过", f"{found.skipped} could not be read and were left out"))


def _changes(found: Replay, rule_id: str, verdict: Callable[[str], str]) -> str:
    changes: Counter[tuple[str, str]] = Counter()
    for (rule, before, after), n in found.outcomes.items():
        if rule == rule_id and before != after:
            changes[(before, after)] += n
    return say("，", ", ").join(f"{n} × {verdict(b)} → {verdict(a)}" for (b, a), n in changes.most_common())


@rules_app.command(
    "publish",
    help=say(
        "把规则册定为一个版本，从此按它评分；有用例不符则拒绝。发布之前，改动不影响评分。",
        "Put a rulebook in force under a version; refused while a case fails. Once one was published, edits count only "
        "when they are published too.",
    ),
    epilog=examples(
        ("rules publish rules/hotline-zh", "下一个版本", "as the next version"),
        ("rules publish rules/hotline-zh --version 2026.2", "指定版本", "as a version of your own"),
    ),
)
def rules_publish(
    book: Annotated[Path, typer.Argument(metavar="BOOK", help=say("规则册文件夹。", "Folder of the rulebook."))],
    version: Annotated[str | None, typer.Option(help=say("版本号。", "The version."))] = None,
) -> None:
    from pipeline.judging.versions import in_force, publications, publish_rulebook

    home = Home(read_settings().paths.home)
    publication = publish_rulebook(home, book, version)
    if publication is None:
        now = publications(home, book)[-1].version
        print(say(f"{book}：没有改动，现行版本仍是 {now}", f"{book}: nothing changed; {now} stays in force"))
        return
    print(
        say(
            f"{book} 版本 {publication.version} 已生效（{in_force(home, book)}）。重评已存的通话：callqa rejudge",
            f"{book} is in force as version {publication.version} ({in_force(home, book)}). "
            "Stored calls are judged by it with: callqa rejudge",
        )
    )


@rules_app.command(
    "schema",
    help=say("打印规则文件的 JSON Schema，供编辑器补全和检查。", "Print the JSON schema of rule files, for editors."),
)
def rules_schema() -> None:
    from pipeline.judging.json_schema import schema

    print(json.dumps(schema(), ensure_ascii=False, indent=1))
