"""Views of what people say at the desk: verdicts with the outcome that counts, and how often each rule was right."""

from __future__ import annotations

from pipeline.results.tables import column_comments

EVIDENCE_MARK = """left(sha256(coalesce(list_aggregate(list_transform(v.evidence, lambda e:
                coalesce(e.turn::VARCHAR, '') || ' ' || coalesce(floor(e.start_s * 1000 + 0.5)::BIGINT::VARCHAR, '')
                || ' ' || coalesce(floor(e.end_s * 1000 + 0.5)::BIGINT::VARCHAR, '')),
                'string_agg', chr(10)), '')), 16)"""
"""What `pipeline.reviews.verdict_keys.evidence_mark` makes."""

_VERDICT = "sha256, rule_id, rule_hash, fingerprint, outcome, evidence_mark"

PEOPLES_VIEWS: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "verdicts_reviewed": (
        "复核过的判定：系统判了什么、应为什么 / verdicts that were reviewed: the system's outcome, what is right",
        (
            *column_comments("calls", "sha256"),
            ("call_id", "通话编号 / call id"),
            ("day", "通话日期 / day of the call"),
            ("team", "班组 / team"),
            ("agent_id", "工号 / agent's number"),
            ("agent_name", "姓名 / agent's name"),
            *column_comments("verdicts", "rule_id", "title_zh", "title_en", "severity", "outcome"),
            (
                "reviewed_outcome",
                "复核后的判定，空为无法判断 / what is right by the reviewers; null: cannot be told",
            ),
            ("answer", "以谁为准的那条意见：right、wrong、unsure / the answer that counts"),
            ("reviewer", "该意见的账号 / who gave it"),
            ("authority", "该意见的效力，1–4 / its authority, 1–4"),
            ("reviewers", "几人复核过 / how many people reviewed it"),
            ("comment", "评语，其中的号码已遮盖 / comment, numbers masked"),
            ("reason", "系统的理由 / the system's reason"),
        ),
        f"""WITH own AS (
            SELECT * FROM reviews WHERE piece IS NULL
            QUALIFY row_number() OVER (PARTITION BY reviewer, {_VERDICT} ORDER BY id DESC) = 1
        ), counting AS (
            SELECT *, count(*) OVER (PARTITION BY {_VERDICT}) AS reviewers FROM own
            QUALIFY row_number() OVER (PARTITION BY {_VERDICT} ORDER BY authority DESC, id DESC) = 1
        )
        SELECT v.sha256, c.call_id, c.day, c.team, c.agent_id, c.agent_name, v.rule_id, v.title_zh, v.title_en,
            v.severity, v.outcome, CASE WHEN r.answer <> 'unsure' THEN coalesce(r.right_outcome, v.outcome) END
            AS reviewed_outcome, r.answer, r.reviewer, r.authority, r.reviewers, r.comment, v.reason
        FROM counting AS r JOIN verdicts AS v USING (sha256, rule_id) JOIN calls AS c USING (sha256)
        WHERE v.rule_hash = r.rule_hash AND v.outcome = r.outcome AND coalesce(c.fingerprint, '') = r.fingerprint
            -- a call whose words' time is over has neither evidence nor reasons any more
            AND (v.reason = '' OR {EVIDENCE_MARK} = r.evidence_mark)""",
    ),
    "rules_reviewed": (
        "每项指标复核的结果，只是计数；抽检的加权估计见复核台 / what reviews said of every indicator: plain counts of "
        "what happened to be reviewed",
        (
            *column_comments("verdicts", "rule_id", "title_zh", "title_en"),
            ("reviewed", "复核过的判定数 / verdicts reviewed"),
            ("right", "判得对 / right"),
            ("wrong", "判错 / wrong"),
            ("cannot_tell", "无法判断 / could not be told"),
            ("right_fails", "“未达成”判得对 / fails that are right"),
            ("wrong_fails", "“未达成”判错 / fails that are wrong"),
            ("precision", "“未达成”说对的比例，0–1 / share of the reviewed fails that are right, 0–1"),
            ("missed_fails", "漏判：判了别的，应为“未达成” / missed: something else was said, and it is a fail"),
        ),
        """SELECT rule_id, any_value(title_zh) AS title_zh, any_value(title_en) AS title_en, count(*) AS reviewed,
            count(*) FILTER (answer = 'right') AS right, count(*) FILTER (answer = 'wrong') AS wrong,
            count(*) FILTER (answer = 'unsure') AS cannot_tell,
            count(*) FILTER (answer = 'right' AND outcome = 'fail') AS right_fails,
            count(*) FILTER (answer = 'wrong' AND outcome = 'fail') AS wrong_fails,
            round(right_fails / nullif(right_fails + wrong_fails, 0), 4) AS precision,
            count(*) FILTER (outcome <> 'fail' AND reviewed_outcome = 'fail') AS missed_fails
        FROM verdicts_reviewed GROUP BY rule_id""",
    ),
}
"""As `views.VIEWS`, over the tables of `people_tables`."""
