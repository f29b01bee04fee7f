"""How it goes: calls, scores and achievement week by week."""

from __future__ import annotations

from starlette.responses import Response

from desk.dashboards.frame import calls_link, dashboard_page, read_frame
from desk.routing import Visit, endpoint


@endpoint("/dashboard", "dashboards")
def _overview(visit: Visit) -> Response:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        weeks = reader.rows(
            "SELECT week, sum(calls)::BIGINT AS calls, sum(score_sum) / nullif(sum(scored), 0) AS score, "
            f"sum(complaints)::BIGINT AS complaints FROM totals.agent_weeks WHERE {frame.condition} "
            "GROUP BY week ORDER BY week DESC",
            dict(frame.values),
        )
    links = {row["week"]: calls_link(frame, row["week"], row["week"]) for row in weeks}
    return dashboard_page(visit, "dashboards/overview.html", frame, weeks=weeks, links=links)
