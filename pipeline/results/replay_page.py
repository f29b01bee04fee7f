"""What a replay of a draft rulebook found, as one HTML page."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.judging.replay import NEW, Replay, achievement
from pipeline.judging.rulebook import Rulebook
from pipeline.results.report import TEMPLATES, environment, policy_of

_WORDS = {
    "title": ("规则册试评", "Replay of a draft rulebook"),
    "since": ("自", "since"),
    "calls": ("通话", "Calls"),
    "flipped": ("有变化的通话", "Calls that change"),
    "flips": ("变化", "Flips"),
    "rules": ("各指标的变化", "What changes, by indicator"),
    "rule": ("指标", "Indicator"),
    "before": ("原先", "Before"),
    "after": ("草稿", "Draft"),
    "verdicts": ("判定", "Verdicts"),
    "nothing": ("没有变化", "nothing changes"),
    "agents": ("坐席平均分", "Mean score by agent"),
    "agent": ("坐席", "Agent"),
    "shift": ("移动", "Shift"),
    "list": ("逐条变化", "Every change"),
    "call": ("通话", "Call"),
    "at": ("时刻", "At"),
    "sentence": ("原话与理由", "Words and reason"),
    "footer": (
        "由 callqa 生成。含通话内容，请按个人信息保护要求保管。",
        "Made by callqa. Holds what callers said: keep it as personal data.",
    ),
}
_OUTCOMES = {
    "pass": ("达成", "pass"),
    "fail": ("未达成", "fail"),
    "not_applicable": ("不适用", "n/a"),
    "unsure": ("不可判", "unsure"),
    NEW: ("新", "new"),
}


def replay_page(found: Replay, book: Rulebook, language: str, since: str | None = None) -> str:
    """The replay as one HTML page without script; all that people said is escaped."""
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    side = 0 if language == "zh" else 1
    rules = []
    for rule_id, before, after, flips in found.rules():
        changes = [((b, a), n) for (rule, b, a), n in found.outcomes.most_common() if rule == rule_id and b != a]
        rules.append({"id": rule_id, "flips": flips, "changes": changes,
                      "before": None if before[NEW] else achievement(before), "after": achievement(after)})  # fmt: skip
    agents = [
        {"name": name, "calls": m.calls, "before": m.before / m.calls, "after": m.after / m.calls,
         "shift": (m.after - m.before) / m.calls}
        for name, m in sorted(found.agents.items(), key=lambda item: (item[1].after - item[1].before) / item[1].calls)
    ]  # fmt: skip
    html: str = environment().get_template("replay.html").render(
        found=found, rules=rules, agents=agents, since=since, book=book.title.in_(language), style=Markup(style),
        policy=policy_of(style), language="zh-CN" if language == "zh" else "en",
        flips_total=sum(rule["flips"] for rule in rules),
        titles={rule.id: rule.title.in_(language) for rule in book.rules},
        words={name: pair[side] for name, pair in _WORDS.items()},
        outcomes={name: pair[side] for name, pair in _OUTCOMES.items()},
    )  # fmt: skip
    return html
