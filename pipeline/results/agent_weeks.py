"""What dashboards and coaching are made of, counted when a night is published: by week and agent, and by indicator too.

An agent who changes teams, or a team its company, has a row for each in that week. Calls without a date, a team or an
agent are counted where these are null. Outcomes are the system's, as they are in `verdicts`: corrected roles are in
them, answers of reviewers are not.
"""

from __future__ import annotations

SCORE_STEP, SCORE_BANDS = 5, tuple(range(0, 101, 5))
"""Scores are counted in bands of so many points, by where each begins; the last holds full marks alone."""

HARD_TO_HEAR = 0.6
"""A call with words for less of its speech than this is counted: its verdicts rest on little."""

_BY = "week, company, team, agent_id, agent"
_WHOSE = "week, company, team, agent_id, coalesce(agent_id, agent_name) AS agent"
_BANDS = ", ".join(
    f"count(*) FILTER (score >= {low} AND score < {low + SCORE_STEP}) AS from_{low}" for low in SCORE_BANDS
)

AGENT_WEEKS: dict[str, str] = {
    "agent_weeks": f"""SELECT {_WHOSE},
            any_value(agent_name ORDER BY started_at DESC) AS agent_name, max(started_at) AS last_call,
            count(*) AS calls, count(score) AS scored, sum(score) AS score_sum, {_BANDS},
            count(*) FILTER (passed) AS passed_calls, count(*) FILTER (fatal) AS fatal_calls,
            count(complaint) AS complaints, sum(duration_s) AS audio_s, sum(voiced_s) AS voiced_s,
            sum(coverage * voiced_s) AS transcribed_s, count(*) FILTER (coverage < {HARD_TO_HEAR}) AS hard_to_hear
        FROM calls LEFT JOIN (SELECT DISTINCT sha256, true AS complaint FROM complaints) USING (sha256)
        GROUP BY {_BY}""",
    "agent_rules": f"""SELECT {_WHOSE}, rule_id,
            count(*) FILTER (outcome = 'pass') AS passes, count(*) FILTER (outcome = 'fail') AS fails,
            count(*) FILTER (outcome = 'unsure') AS unsure,
            count(*) FILTER (outcome = 'not_applicable') AS not_applicable, sum(deducted) AS deducted
        FROM verdicts JOIN calls USING (sha256) GROUP BY {_BY}, rule_id""",
}
"""As `views.WEEKLY`."""

_COUNTS = (
    "calls", "scored", *(f"from_{low}" for low in SCORE_BANDS), "passed_calls", "fatal_calls", "complaints",
    "hard_to_hear",
)  # fmt: skip
_SUMS = ("score_sum", "audio_s", "voiced_s", "transcribed_s")

AGENT_WEEKS_TOTALS: dict[str, str] = {
    "agent_weeks": f"""SELECT {_BY},
            any_value(agent_name ORDER BY last_call DESC) AS agent_name, max(last_call) AS last_call,
            {", ".join(f"sum({name})::BIGINT AS {name}" for name in _COUNTS)},
            {", ".join(f"sum({name}) AS {name}" for name in _SUMS)}
        FROM weekly.agent_weeks GROUP BY {_BY} ORDER BY week, team, agent""",
    "agent_rules": f"""SELECT {_BY}, rule_id,
            sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails, sum(unsure)::BIGINT AS unsure,
            sum(not_applicable)::BIGINT AS not_applicable, sum(deducted) AS deducted
        FROM weekly.agent_rules GROUP BY {_BY}, rule_id ORDER BY week, team, agent""",
}
"""As `views.TOTALS`."""

_WHOSE_COLUMNS = (
    ("week", "周一日期，空为没有日期的通话 / Monday of the week; null: calls without a date"),
    ("company", "公司 / company"),
    ("team", "班组 / team"),
    ("agent_id", "工号 / agent's number"),
    ("agent", "工号，没有工号时为姓名 / the agent's number, or the name where there is none"),
    ("agent_name", "该周最后一次通话中的姓名 / the agent's name, as in the last call of the week"),
)

WEEKS_VIEWS: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "agent_weeks": (
        "每周每位坐席一行：通话、得分、投诉、转写情况；看板由此而来 / one row a week and agent: calls, scores, "
        "complaints, hearing; what the dashboards are made of",
        (
            *_WHOSE_COLUMNS,
            ("calls", "通话数 / calls"),
            ("scored", "有得分的通话数 / calls with a score"),
            ("mean_score", "平均得分 / mean score"),
            ("passed_calls", "及格通话数 / calls that pass"),
            ("fatal_calls", "触犯一票否决项的通话数 / calls with a fatal fault"),
            ("complaints", "投诉通话数 / calls with a complaint"),
            ("audio_minutes", "录音分钟数 / minutes of recordings"),
            ("voiced_minutes", "有人说话的分钟数 / minutes with speech"),
            ("coverage", "转写覆盖率，0–1 / share of the speech that has words, 0–1"),
            (
                "hard_to_hear",
                f"转写覆盖率低于 {HARD_TO_HEAR} 的通话数 / calls with words for less than {HARD_TO_HEAR} of the speech",
            ),
            *(
                (
                    f"from_{low}",
                    f"得分 {low} 起、不足 {low + SCORE_STEP} 的通话数 / calls scored {low} to below {low + SCORE_STEP}",
                )
                for low in SCORE_BANDS
            ),
            ("last_call", "该周最后一次通话的时间 / when the last call began"),
        ),
        """SELECT *, round(score_sum / nullif(scored, 0), 2) AS mean_score, round(audio_s / 60, 1) AS audio_minutes,
            round(voiced_s / 60, 1) AS voiced_minutes, round(transcribed_s / nullif(voiced_s, 0), 4) AS coverage
        FROM totals.agent_weeks""",
    ),
    "agent_rules": (
        "每周每位坐席每项指标一行：达成与未达成 / one row a week, agent and indicator: passes and fails",
        (
            *_WHOSE_COLUMNS,
            ("rule_id", "指标标识 / the indicator"),
            ("title_zh", "指标中文名 / the indicator in Chinese"),
            ("title_en", "指标英文名 / the indicator in English"),
            ("passes", "达成数 / passes"),
            ("fails", "未达成数 / fails"),
            ("decided", "判定数：达成 + 未达成 / passes plus fails"),
            ("achievement", "实现率：达成 ÷ 判定数，0–1 / achievement rate: passes ÷ decided, 0–1"),
            ("unsure", "不可判数 / could not be told"),
            ("not_applicable", "不适用数 / does not apply"),
            ("deducted", "扣分合计 / points deducted in all"),
        ),
        """SELECT r.*, agent_name, title_zh, title_en, passes + fails AS decided,
            round(passes / nullif(passes + fails, 0), 4) AS achievement
        FROM totals.agent_rules AS r
        LEFT JOIN (SELECT week, company, team, agent_id, agent, agent_name FROM totals.agent_weeks) AS w
            ON w.week IS NOT DISTINCT FROM r.week AND w.company IS NOT DISTINCT FROM r.company
            AND w.team IS NOT DISTINCT FROM r.team AND w.agent_id IS NOT DISTINCT FROM r.agent_id
            AND w.agent IS NOT DISTINCT FROM r.agent
        LEFT JOIN (
            SELECT rule_id, any_value(title_zh) AS title_zh, any_value(title_en) AS title_en
            FROM totals.group_counts WHERE grouped_by = 'all' GROUP BY rule_id
        ) AS t USING (rule_id)""",
    ),
}
"""As `views.VIEWS`."""
