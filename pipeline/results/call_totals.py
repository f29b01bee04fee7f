"""Small tables of what dashboards tell of calls beside scores: each complaint, each day's hearing, calls hard to hear.

Counted when a night is published, so that no page looks through all calls.
"""

from __future__ import annotations

from pipeline.results.agent_weeks import AGENT_WEEKS, AGENT_WEEKS_TOTALS, HARD_TO_HEAR
from pipeline.results.team_excerpts import TEAM_EXCERPTS, TEAM_EXCERPTS_TOTALS

_CALL = "sha256, week, day, started_at, company, team, agent_id, agent_name, queue, scenario, call_id, file_name"
_FIRST = "any_value({} ORDER BY rule_id)"

DASHBOARD_PARTS: dict[str, str] = {**AGENT_WEEKS, **TEAM_EXCERPTS} | {
    # a call is one complaint, whatever rules say so
    "complaint_calls": f"""SELECT {_CALL}, rule_id, outcome AS handled, commitment_rule, commitment,
            list_filter(grounds, lambda g: g.start_s IS NOT NULL)[1].start_s AS at_s,
            list_filter(grounds, lambda g: g.quote <> '')[1].quote AS words
        FROM verdicts JOIN calls USING (sha256) LEFT JOIN (
            SELECT sha256, min(rule_id) AS commitment_rule, {_FIRST.format("outcome")} AS commitment
            FROM verdicts WHERE list_contains(tags, 'complaint-commitment') GROUP BY sha256
        ) USING (sha256)
        WHERE list_contains(tags, 'complaint') AND outcome <> 'not_applicable'
        QUALIFY row_number() OVER (PARTITION BY sha256 ORDER BY rule_id) = 1""",
    "hearing_days": f"""SELECT week, day, company, team, queue, layout, fingerprint,
            any_value(heard_with['recognizer'] ORDER BY started_at DESC) AS recognizer,
            count(*) AS calls, sum(duration_s) AS audio_s, sum(voiced_s) AS voiced_s,
            sum(coverage * voiced_s) AS transcribed_s, count(*) FILTER (coverage < {HARD_TO_HEAR}) AS hard_to_hear,
            count(*) FILTER (len(sound_faults) > 0) AS faulty
        FROM calls GROUP BY week, day, company, team, queue, layout, fingerprint""",
    "hard_calls": f"""SELECT {_CALL}, layout, coverage, voiced_s, duration_s, sound_faults FROM calls
        WHERE coverage < {HARD_TO_HEAR} OR len(sound_faults) > 0""",
}
"""All that dashboards need of each week's calls, as `views.WEEKLY`."""

DASHBOARD_TOTALS: dict[str, str] = {**AGENT_WEEKS_TOTALS, **TEAM_EXCERPTS_TOTALS} | {
    "complaint_calls": "FROM weekly.complaint_calls ORDER BY started_at DESC NULLS LAST, sha256",
    "hearing_days": "FROM weekly.hearing_days ORDER BY day, team, queue",
    "hard_calls": "FROM weekly.hard_calls ORDER BY started_at DESC NULLS LAST, sha256",
}
"""And of all calls, as `views.TOTALS`."""

BY_WEEK = ("agent_weeks", "agent_rules", "complaint_calls", "hearing_days", "hard_calls")
"""Those whose every row is of one `week`, and made from the rows of that week under the same name in `weekly`."""
