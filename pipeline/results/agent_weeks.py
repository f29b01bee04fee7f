"""What dashboards and coaching are made of, counted when a night is published: by week and agent, and by indicator too.

An agent who changes teams, or a team its company, has a row for each in that week.
"""

from __future__ import annotations

SCORE_STEP, SCORE_BANDS = 5, tuple(range(0, 101, 5))
"""Scores are counted in bands of so many points, by where each begins; the last holds full marks alone."""

HARD_TO_HEAR = 0.6
"""A call with words for less of its speech than this is counted: its verdicts rest on little."""

_BANDS = ", ".join(
    f"count(*) FILTER (score >= {low} AND score < {low + SCORE_STEP}) AS from_{low}" for low in SCORE_BANDS
)

AGENT_WEEKS: dict[str, str] = {
    "agent_weeks": f"""SELECT week, company, team, agent_id,
            any_value(agent_name ORDER BY started_at DESC) AS agent_name, max(started_at) AS last_call,
            count(*) AS calls, count(score) AS scored, sum(score) AS score_sum, {_BANDS},
            count(*) FILTER (passed) AS passed_calls, count(*) FILTER (fatal) AS fatal_calls,
            count(complaint) AS complaints, sum(duration_s) AS audio_s, sum(voiced_s) AS voiced_s,
            sum(coverage * voiced_s) AS transcribed_s, count(*) FILTER (coverage < {HARD_TO_HEAR}) AS hard_to_hear
        FROM calls LEFT JOIN (SELECT DISTINCT sha256, true AS complaint FROM complaints) USING (sha256)
        GROUP BY week, company, team, agent_id""",
    "agent_rules": """SELECT week, company, team, agent_id, rule_id,
            count(*) FILTER (outcome = 'pass') AS passes, count(*) FILTER (outcome = 'fail') AS fails,
            count(*) FILTER (outcome = 'unsure') AS unsure,
            count(*) FILTER (outcome = 'not_applicable') AS not_applicable, sum(deducted) AS deducted
        FROM verdicts JOIN calls USING (sha256) GROUP BY week, company, team, agent_id, rule_id""",
}
"""As `views.WEEKLY`."""

_COUNTS = (
    "calls", "scored", *(f"from_{low}" for low in SCORE_BANDS), "passed_calls", "fatal_calls", "complaints",
    "hard_to_hear",
)  # fmt: skip
_SUMS = ("score_sum", "audio_s", "voiced_s", "transcribed_s")

AGENT_WEEKS_TOTALS: dict[str, str] = {
    "agent_weeks": f"""SELECT week, company, team, agent_id,
            any_value(agent_name ORDER BY last_call DESC) AS agent_name, max(last_call) AS last_call,
            {", ".join(f"sum({name})::BIGINT AS {name}" for name in _COUNTS)},
            {", ".join(f"sum({name}) AS {name}" for name in _SUMS)}
        FROM weekly.agent_weeks GROUP BY week, company, team, agent_id ORDER BY week, team, agent_id""",
    "agent_rules": """SELECT week, company, team, agent_id, rule_id,
            sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails, sum(unsure)::BIGINT AS unsure,
            sum(not_applicable)::BIGINT AS not_applicable, sum(deducted) AS deducted
        FROM weekly.agent_rules GROUP BY week, company, team, agent_id, rule_id ORDER BY week, team, agent_id""",
}
"""As `views.TOTALS`."""
