"""The week's best and worst of every indicator in every team, for who shares recordings: picked when it is published.

The view `clips_to_share` has the best and worst of all teams. A team's own lead sees no other team's calls, and may
leave one out: so each team has several.
"""

from __future__ import annotations

EXCERPTS_A_TEAM, EXCERPT_WEEKS = 3, 13
"""Calls that are picked for a team's indicator and week, best and worst each; weeks that are kept at hand."""

TEAM_EXCERPTS: dict[str, str] = {
    "team_excerpts": f"""SELECT week, company, team, rule_id,
            CASE outcome WHEN 'pass' THEN 'best' ELSE 'worst' END AS kind,
            sha256, agent_id, agent_name, started_at, score, occurrences, reason,
            list_filter(evidence, lambda e: e.quote <> '')[1].quote AS quote,
            list_filter(evidence, lambda e: e.quote <> '')[1].matched AS matched
        FROM verdicts JOIN calls USING (sha256)
        WHERE outcome = 'fail' OR (outcome = 'pass' AND len(evidence) > 0)
        QUALIFY row_number() OVER (
            PARTITION BY week, company, team, rule_id, outcome
            ORDER BY CASE outcome WHEN 'pass' THEN -score ELSE score END NULLS LAST, occurrences DESC, sha256
        ) <= {EXCERPTS_A_TEAM}""",
}
"""As `views.WEEKLY`. A pass without evidence, as of what must not be said, cannot be heard."""

TEAM_EXCERPTS_TOTALS: dict[str, str] = {
    "team_excerpts": f"""SELECT * FROM weekly.team_excerpts
        WHERE week > (SELECT max(week) FROM weekly.team_excerpts) - INTERVAL {EXCERPT_WEEKS} WEEK
        ORDER BY week, team, rule_id, kind""",
}
"""As `views.TOTALS`."""
