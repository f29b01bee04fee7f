"""平均实现率: which share of the checks that could be told was met, by agent, indicator and week."""

from __future__ import annotations

from starlette.responses import Response

from desk.dashboards.frame import calls_link, dashboard_page, read_frame
from desk.queues.people import rule_titles
from desk.routing import Visit, endpoint


@endpoint("/dashboard/achievement", "dashboards")
def _achievement(visit: Visit) -> Response:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        rows = reader.rows(
            "SELECT rule_id, sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails FROM totals.agent_rules "
            f"WHERE {frame.condition} GROUP BY rule_id HAVING sum(passes) + sum(fails) > 0 "
            "ORDER BY sum(passes) / (sum(passes) + sum(fails)), rule_id",
            dict(frame.values),
        )
    links = {row["rule_id"]: calls_link(frame, rule=(row["rule_id"], "fail")) for row in rows}
    return dashboard_page(
        visit, "dashboards/achievement.html", frame, rows=rows, links=links, titles=rule_titles(visit)
    )
