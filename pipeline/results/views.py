"""Views over the tables: what failed, achievement rates, agents, the day, the month, complaints, versions compared.

Like the tables', every view and column has a comment in Chinese and English. The weights and limits of the month are
those of the audit and of the centres' handbooks; where a score was not supplied, its weight is left out.
"""

from __future__ import annotations

from pipeline.results.agent_weeks import WEEKS_VIEWS
from pipeline.results.call_totals import DASHBOARD_PARTS, DASHBOARD_TOTALS
from pipeline.results.people_views import PEOPLES_VIEWS
from pipeline.results.tables import column_comments

MONTH_WEIGHTS = {"quality": 50, "supervisor": 20, "departments": 20, "peers": 10}
"""What a month's score is made of, in percent: callqa's own mean score, then what others gave (a CSV)."""

COMPLAINT_COSTS = 5
"""Points a month that each sustained complaint costs."""

WATCH_BELOW, WATCH_MONTHS = 80, 3
"""An agent below this in so many months running is listed; so is one at full marks."""

_AGENT = (
    ("agent_id", "工号 / agent's number"),
    ("agent_name", "姓名 / agent's name"),
    ("team", "班组 / team"),
)
_DAY = ("day", "通话日期；按它筛选最快 / day of the call; filter by it to be quick")
_CALL = (
    *column_comments("calls", "sha256"),
    ("call_id", "通话编号 / call id"),
    ("file_name", "文件名 / file name"),
    ("started_at", "通话开始时间 / when the call began"),
    _DAY,
    ("company", "公司 / company"),
    *_AGENT,
)
_RULE = column_comments("verdicts", "rule_id", "title_zh", "title_en")
_QUOTE = column_comments("clips", "quote", "matched")
_NAMED = """any_value(agent_name ORDER BY started_at DESC) AS agent_name,
            any_value(team ORDER BY started_at DESC) AS team"""
_GIVEN = " + ".join(f"coalesce({weight} * {name}, 0)" for name, weight in MONTH_WEIGHTS.items())
_WEIGHT = " + ".join(f"CASE WHEN {name} IS NULL THEN 0 ELSE {weight} END" for name, weight in MONTH_WEIGHTS.items())

_COUNTED = """count(*) FILTER (outcome = 'pass') AS passes, count(*) FILTER (outcome = 'fail') AS fails,
            count(*) FILTER (outcome = 'unsure') AS unsure,
            count(*) FILTER (outcome = 'not_applicable') AS not_applicable"""
_SUMMED = """sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails, sum(unsure)::BIGINT AS unsure,
            sum(not_applicable)::BIGINT AS not_applicable"""
_LAST_NAMED = """any_value(agent_name ORDER BY last_call DESC) AS agent_name,
                any_value(team ORDER BY last_call DESC) AS team"""
_AGENT_SUMS = {
    "::BIGINT": ("calls", "scored", "passed_calls", "fatal_calls", "covered", "rated", "levelled", "with_ratio",
                 "with_share"),
    "": ("score_sum", "coverage_sum", "talk_s", "rate_sum", "level_sum", "ratio_sum", "share_sum"),
}  # fmt: skip
_TITLED = "any_value(title_zh) AS title_zh, any_value(title_en) AS title_en, any_value(dimension) AS dimension"

_OTHER_VIEWS = WEEKS_VIEWS | PEOPLES_VIEWS

RATES = """passes, fails, passes + fails AS decided, round(passes / nullif(passes + fails, 0), 4) AS achievement,
            achievement < (SELECT value::DOUBLE FROM about WHERE key = 'target') AS below_target,
            unsure, not_applicable"""
"""The achievement rate (平均实现率) from counts of verdicts."""

COUNTS = """
    count(*) FILTER (outcome = 'pass') AS passes,
    count(*) FILTER (outcome = 'fail') AS fails,
    passes + fails AS decided,
    round(passes / nullif(passes + fails, 0), 4) AS achievement,
    achievement < (SELECT value::DOUBLE FROM about WHERE key = 'target') AS below_target,
    count(*) FILTER (outcome = 'unsure') AS unsure,
    count(*) FILTER (outcome = 'not_applicable') AS not_applicable
"""
"""Aggregates over verdicts that every view of the achievement rate (平均实现率) shares."""

_COUNT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("passes", "达成数 / passes"),
    ("fails", "未达成数 / fails"),
    ("decided", "判定数：达成 + 未达成 / passes plus fails"),
    ("achievement", "平均实现率：达成 ÷（达成 + 未达成），0–1 / achievement rate: passes ÷ (passes + fails), 0–1"),
    ("below_target", "是否低于目标（设置 report.target） / below the target of the settings (report.target)"),
    ("unsure", "不可判数 / could not be told"),
    ("not_applicable", "不适用数 / does not apply"),
)

VIEWS: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "failed_checks": (
        "未达成的判定，供人阅读：通话、坐席、指标、原话、片段 / failed verdicts: call, agent, rule, words, clip",
        (
            *column_comments("calls", "sha256"),
            ("call_id", "通话编号 / call id"),
            ("file_name", "文件名 / file name"),
            ("started_at", "通话开始时间 / when the call began"),
            _DAY,
            ("company", "公司 / company"),
            ("team", "班组 / team"),
            ("agent_id", "工号 / agent's number"),
            ("agent_name", "姓名 / agent's name"),
            ("language", "语言 / language"),
            *column_comments("verdicts", "rule_id", "title_zh", "title_en", "dimension", "severity"),
            ("occurrences", "违反次数 / times broken"),
            ("deducted", "扣分 / points deducted"),
            ("at_s", "证据在录音中的秒数 / where in the recording, seconds"),
            *_QUOTE,
            ("reason", "理由 / reason"),
            ("clip", "首个片段，相对于数据目录 / the first clip, relative to callqa's home"),
            ("score", "该通电话得分 / score of the call"),
        ),
        "FROM weekly.failed_checks",
    ),
    "suspects": (
        "最值得复查的“达成”：每天每条规则内排序 / passed verdicts most worth a look, ranked within a rule and day",
        (
            *column_comments("calls", "sha256"),
            ("call_id", "通话编号 / call id"),
            ("started_at", "通话开始时间 / when the call began"),
            _DAY,
            ("team", "班组 / team"),
            ("agent_id", "工号 / agent's number"),
            ("agent_name", "姓名 / agent's name"),
            *column_comments("verdicts", "rule_id", "title_zh", "title_en", "severity"),
            ("place", "当天在这条规则里排第几，1 最可疑 / place within the rule that day, 1 is the most suspicious"),
            *column_comments("verdicts", "suspicion"),
            ("at_s", "那句话在录音中的秒数 / where in the recording, seconds"),
            *_QUOTE,
        ),
        "FROM weekly.suspects",
    ),
    "agent_scorecard": (
        "坐席成绩，每人一行 / one row an agent",
        (
            ("agent_id", "工号 / agent's number"),
            ("agent_name", "姓名 / agent's name"),
            ("team", "班组 / team"),
            ("company", "公司 / company"),
            ("calls", "通话数 / calls"),
            ("scored", "有得分的通话数 / calls with a score"),
            ("mean_score", "平均得分 / mean score"),
            ("lowest_score", "最低得分 / lowest score"),
            ("passed_calls", "及格通话数 / calls that pass"),
            ("fatal_calls", "触犯一票否决项的通话数 / calls with a fatal fault"),
            *_COUNT_COLUMNS,
            ("score_coverage", "平均判定覆盖率，0–1 / mean share of the weight that was decided, 0–1"),
            ("talk_minutes", "说话分钟数 / minutes of talk"),
            ("first_call", "首通时间 / first call"),
            ("last_call", "末通时间 / last call"),
        ),
        f"""WITH per_call AS (
            SELECT agent_id, {_LAST_NAMED}, any_value(company ORDER BY last_call DESC) AS company,
                sum(calls)::BIGINT AS calls, sum(scored)::BIGINT AS scored,
                round(sum(score_sum) / sum(scored), 2) AS mean_score, min(lowest_score) AS lowest_score,
                sum(passed_calls)::BIGINT AS passed_calls, sum(fatal_calls)::BIGINT AS fatal_calls,
                round(sum(coverage_sum) / sum(covered), 4) AS score_coverage,
                round(sum(talk_s) / 60, 1) AS talk_minutes,
                min(first_call) AS first_call, max(last_call) AS last_call
            FROM totals.agent_calls GROUP BY agent_id
        ), per_verdict AS (
            SELECT value AS agent_id, {RATES} FROM (
                SELECT value, {_SUMMED} FROM totals.group_counts WHERE grouped_by = 'agent_id' GROUP BY value)
        )
        SELECT c.agent_id, agent_name, team, company, calls, scored, mean_score, lowest_score, passed_calls,
            fatal_calls, passes, fails, decided, achievement, below_target, unsure, not_applicable,
            score_coverage, talk_minutes, first_call, last_call
        FROM per_call AS c LEFT JOIN per_verdict AS v ON c.agent_id IS NOT DISTINCT FROM v.agent_id""",
    ),
    "achievement": (
        "平均实现率，每个指标一行；按任意字段分组用 achievement_by(字段) / achievement rate, one row an indicator; "
        "grouped by anything: achievement_by(column)",
        (*column_comments("verdicts", "rule_id", "title_zh", "title_en", "dimension"), *_COUNT_COLUMNS),
        f"SELECT rule_id, title_zh, title_en, dimension, {RATES} FROM totals.group_counts WHERE grouped_by = 'all'",
    ),
    "achievement_groups": (
        "平均实现率，按公司、班组、坐席、队列、周、月 / achievement by company, team, agent, queue, week, month",
        (
            ("grouped_by", "分组方式：company、team、agent_id、queue、week、month / what it is grouped by"),
            ("value", "组 / the group"),
            *column_comments("verdicts", "rule_id", "title_zh", "title_en", "dimension"),
            *_COUNT_COLUMNS,
        ),
        f"""SELECT grouped_by, value, rule_id, title_zh, title_en, dimension, {RATES}
        FROM totals.group_counts WHERE grouped_by <> 'all' AND value IS NOT NULL""",
    ),
    "excerpts": (
        "录音片段，附通话、坐席与指标 / clips with their call, agent and indicator",
        (
            *column_comments("calls", "sha256"),
            ("call_id", "通话编号 / call id"),
            ("started_at", "通话开始时间 / when the call began"),
            _DAY,
            ("team", "班组 / team"),
            ("agent_id", "工号 / agent's number"),
            ("agent_name", "姓名 / agent's name"),
            *column_comments("verdicts", "rule_id", "title_zh", "title_en", "severity"),
            ("n", "同一判定的第几段 / which clip of the verdict"),
            ("path", "MP3 文件，相对于数据目录 / MP3 file, relative to callqa's home"),
            *column_comments("clips", "start_s", "end_s"),
            *_QUOTE,
            ("words", "片段中的对话 / what is said in the clip"),
        ),
        "FROM weekly.excerpts",
    ),
    "agent_day": (
        "坐席日报：每人每天一行 / the daily sheet: one row an agent and day",
        (
            ("day", "日期 / day"),
            *_AGENT,
            ("calls", "接听或拨出的通话数 / calls handled"),
            ("handled_minutes", "通话分钟数 / minutes of calls"),
            ("talk_minutes", "坐席说话分钟数 / minutes the agent talks"),
            ("bookings", "做成预约的通话数 / calls with a booking made"),
            ("complaints", "投诉通话数 / calls with a complaint"),
            ("mean_score", "平均得分 / mean score"),
            ("fails", "未达成的判定数 / checks failed"),
        ),
        "FROM weekly.agent_day",
    ),
    "agent_month": (
        "坐席月度成绩：质检 50、主管 20、其他部门 20、同事 10，缺的不计；每件成立的投诉扣 5 分 / the month: quality "
        "50, supervisor 20, other departments 20, peers 10, what is missing left out; a sustained complaint costs 5",
        (
            ("month", "月份（一日） / first day of the month"),
            *_AGENT,
            ("calls", "有得分的通话数 / calls with a score"),
            ("quality", "质检平均分 / mean score of the calls"),
            ("supervisor", "主管评分 / the supervisor's score"),
            ("departments", "其他部门评分 / other departments' score"),
            ("peers", "同事评分 / the peers' score"),
            ("sustained_complaints", "成立的投诉件数 / sustained complaints"),
            ("score", "月度得分，0–100 / the month's score, 0–100"),
        ),
        f"""WITH own AS (
            SELECT month, agent_id, {_LAST_NAMED}, sum(scored)::BIGINT AS calls,
                round(sum(score_sum) / sum(scored), 2) AS quality
            FROM totals.agent_calls WHERE month IS NOT NULL AND agent_id IS NOT NULL GROUP BY month, agent_id
        )
        SELECT month, agent_id, agent_name, team, coalesce(calls, 0) AS calls, quality, supervisor, departments, peers,
            coalesce(sustained_complaints, 0) AS sustained_complaints,
            greatest(0, round(({_GIVEN}) / nullif({_WEIGHT}, 0)
                - {COMPLAINT_COSTS} * coalesce(sustained_complaints, 0), 2)) AS score
        FROM own FULL JOIN month_scores USING (month, agent_id)""",
    ),
    "watch_list": (
        f"关注名单：连续 {WATCH_MONTHS} 个月低于 {WATCH_BELOW} 分，或当月满分 / the watch list: below {WATCH_BELOW} in "
        f"{WATCH_MONTHS} months running, or at full marks",
        (
            ("month", "月份（一日） / first day of the month"),
            *_AGENT,
            ("reason", "below：连续低于；full-marks：满分 / below, or full-marks"),
            ("score", "当月得分 / the month's score"),
            ("scores", "近几个月得分，旧的在前 / scores of the last months, the oldest first"),
        ),
        f"""WITH scored AS (
            SELECT *, list(score) OVER last_ones AS scores, min(month) OVER last_ones AS first_month,
                max(score) OVER last_ones AS best
            FROM agent_month WHERE score IS NOT NULL
            WINDOW last_ones AS (PARTITION BY agent_id ORDER BY month ROWS {WATCH_MONTHS - 1} PRECEDING)
        )
        SELECT month, agent_id, agent_name, team, CASE WHEN score >= 100 THEN 'full-marks' ELSE 'below' END AS reason,
            score, scores
        FROM scored
        WHERE score >= 100 OR (best < {WATCH_BELOW} AND len(scores) = {WATCH_MONTHS}
            AND first_month = month - INTERVAL {WATCH_MONTHS - 1} MONTH)""",
    ),
    "complaints": (
        "投诉队列，供投诉专员处理：通话、时间、原话、片段 / the complaint officer's queue: call, time, words, clip",
        (
            *_CALL,
            ("caller_hash", "来电号码的加密散列，同一客户相同 / keyed hash of the caller, the same for one customer"),
            ("at_s", "投诉在录音中的秒数 / where in the recording, seconds"),
            ("words", "客户原话，命中的词在【】里 / the customer's words, those that were matched in 【】"),
            *column_comments("clips", "matched"),
            ("clip", "片段，相对于数据目录 / the clip, relative to callqa's home"),
            ("handled", "投诉流程是否达成：pass、fail、unsure / whether it was handled by the script"),
            ("reason", "理由 / reason"),
            ("commitment", "是否说明谁、何时处理 / whether who and when was said"),
            ("score", "该通电话得分 / score of the call"),
        ),
        "FROM weekly.complaints",
    ),
    "clips_to_share": (
        "每周每个指标最好和最差的片段，供大家听 / the week's best and worst clip of every indicator, to be shared",
        (
            ("week", "周一日期 / Monday of the week"),
            *_RULE,
            ("kind", "best 最好、worst 最差 / best or worst"),
            *_CALL,
            ("path", "MP3 文件，相对于数据目录 / MP3 file, relative to callqa's home"),
            *_QUOTE,
            ("words", "片段中的对话 / what is said in the clip"),
            ("score", "该通电话得分 / score of the call"),
        ),
        "FROM weekly.clips_to_share",
    ),
    "agent_tone": (
        "坐席语速与音量：只是测量值和班组内的百分位，从不计分，也不推断情绪 / the agent's pace and level: measured, "
        "with their percentiles in the team; never scored, no emotion inferred",
        (
            *_AGENT,
            ("calls", "通话数 / calls"),
            ("rate", "平均语速：中文字/分钟，英文词/分钟 / mean pace: characters or words a minute"),
            ("rate_percentile", "语速在班组内的百分位，0–1 / percentile of the pace in the team, 0–1"),
            ("level_dbfs", "平均音量，dBFS / mean level, dBFS"),
            ("level_percentile", "音量在班组内的百分位，0–1 / percentile of the level in the team, 0–1"),
            ("rate_ratio", "坐席语速 ÷ 客户语速 / pace divided by the customer's"),
            ("talk_share", "说话占比，0–1 / share of the talk, 0–1"),
        ),
        f"""WITH own AS (
            SELECT agent_id, {_LAST_NAMED}, sum(calls)::BIGINT AS calls,
                round(sum(rate_sum) / sum(rated), 1) AS rate, round(sum(level_sum) / sum(levelled), 1) AS level_dbfs,
                round(sum(ratio_sum) / sum(with_ratio), 3) AS rate_ratio,
                round(sum(share_sum) / sum(with_share), 3) AS talk_share
            FROM totals.agent_calls GROUP BY agent_id
        )
        SELECT *, CASE WHEN rate IS NOT NULL THEN
                round(percent_rank() OVER (PARTITION BY team, rate IS NULL ORDER BY rate), 3) END AS rate_percentile,
            CASE WHEN level_dbfs IS NOT NULL THEN
                round(percent_rank() OVER (PARTITION BY team, level_dbfs IS NULL ORDER BY level_dbfs), 3) END
                AS level_percentile
        FROM own""",
    ),
    "verdict_versions": (
        "各版本规则册对同一通话的判定，现行与以往 / what every version of a rulebook said of a call, now and before",
        (
            *_CALL,
            ("rulebook", "规则册 / rulebook"),
            ("version", "版本 / version"),
            ("in_force", "是否现行版本的判定 / whether this is the present verdict"),
            ("rule_id", "指标标识 / the indicator"),
            ("outcome", "判定 / the verdict"),
            ("score", "该版本下的通话得分 / score of the call by that version"),
        ),
        "FROM weekly.verdict_versions",
    ),
    "version_achievement": (
        "各版本规则册的平均实现率 / achievement rate by version of the rulebook",
        (
            ("rulebook", "规则册 / rulebook"),
            ("version", "版本 / version"),
            ("rule_id", "指标标识 / the indicator"),
            ("calls", "通话数 / calls"),
            ("passes", "达成数 / passes"),
            ("fails", "未达成数 / fails"),
            ("achievement", "平均实现率，0–1 / achievement rate, 0–1"),
            ("unsure", "不可判数 / could not be told"),
            ("mean_score", "平均得分 / mean score"),
        ),
        """SELECT rulebook, version, rule_id, calls, passes, fails,
            round(passes / nullif(passes + fails, 0), 4) AS achievement, unsure,
            round(score_sum / nullif(scored, 0), 2) AS mean_score
        FROM totals.version_counts""",
    ),
} | _OTHER_VIEWS
"""Every view by its name: its comment, its columns with their comments, its query."""

WEEKLY: dict[str, str] = {
    "failed_checks": """SELECT sha256, call_id, file_name, started_at, day, company, team, agent_id, agent_name,
            language, rule_id, title_zh, title_en, dimension, severity, occurrences, deducted,
            list_filter(evidence, lambda e: e.start_s IS NOT NULL)[1].start_s AS at_s,
            list_filter(evidence, lambda e: e.quote <> '')[1].quote AS quote,
            list_filter(evidence, lambda e: e.quote <> '')[1].matched AS matched,
            reason,
            (SELECT path FROM clips WHERE clips.sha256 = verdicts.sha256
                AND clips.rule_id = verdicts.rule_id AND clips.n = 1) AS clip,
            score
        FROM verdicts JOIN calls USING (sha256)
        WHERE outcome = 'fail'""",
    "suspects": """SELECT sha256, call_id, started_at, day, team, agent_id, agent_name, rule_id, title_zh, title_en,
            severity, suspicion, suspect.start_s AS at_s, suspect.quote AS quote, suspect.matched AS matched,
            row_number() OVER (PARTITION BY day, rule_id ORDER BY suspicion DESC, sha256) AS place
        FROM verdicts JOIN calls USING (sha256)
        WHERE outcome = 'pass' AND suspicion IS NOT NULL""",
    "excerpts": """SELECT sha256, call_id, started_at, day, team, agent_id, agent_name, rule_id, title_zh, title_en,
            severity, n, path, start_s, end_s, quote, matched, words
        FROM clips JOIN calls USING (sha256) JOIN verdicts USING (sha256, rule_id)
        WHERE outcome = 'fail'""",
    "agent_day": f"""SELECT day, agent_id, {_NAMED}, count(*) AS calls,
            round(sum(duration_s) / 60, 1) AS handled_minutes, round(sum(agent_talk_s) / 60, 1) AS talk_minutes,
            count(*) FILTER (list_contains(tags, 'booking')) AS bookings,
            count(*) FILTER (list_contains(tags, 'complaint')) AS complaints,
            round(avg(score), 2) AS mean_score, coalesce(sum(failed_rules), 0)::INTEGER AS fails
        FROM calls LEFT JOIN (
            SELECT sha256, flatten(list(tags)) AS tags FROM verdicts
            WHERE len(tags) > 0 AND outcome <> 'not_applicable' GROUP BY sha256
        ) USING (sha256)
        GROUP BY day, agent_id""",
    "complaints": """SELECT sha256, call_id, file_name, started_at, day, company, agent_id, agent_name, team,
            caller_hash, list_filter(v.grounds, lambda g: g.start_s IS NOT NULL)[1].start_s AS at_s,
            list_filter(v.grounds, lambda g: g.quote <> '')[1].quote AS words,
            list_filter(v.grounds, lambda g: g.quote <> '')[1].matched AS matched,
            (SELECT path FROM clips AS c WHERE c.sha256 = v.sha256 AND c.rule_id = v.rule_id AND n = 1) AS clip,
            v.outcome AS handled, v.reason,
            (SELECT any_value(outcome ORDER BY rule_id) FROM verdicts AS o
                WHERE o.sha256 = v.sha256 AND list_contains(o.tags, 'complaint-commitment')) AS commitment,
            score
        FROM verdicts AS v JOIN calls USING (sha256)
        WHERE list_contains(v.tags, 'complaint') AND v.outcome <> 'not_applicable'""",
    "clips_to_share": """SELECT week, rule_id, v.title_zh, v.title_en,
            CASE outcome WHEN 'pass' THEN 'best' ELSE 'worst' END AS kind,
            sha256, call_id, file_name, started_at, day, company, agent_id, agent_name, team, path, quote, matched,
            words, score
        FROM clips JOIN calls USING (sha256) JOIN verdicts AS v USING (sha256, rule_id)
        WHERE outcome IN ('pass', 'fail') AND n = 1
        QUALIFY row_number() OVER (
            PARTITION BY week, rule_id, outcome
            ORDER BY CASE outcome WHEN 'pass' THEN -score ELSE score END NULLS LAST, v.occurrences DESC, sha256
        ) = 1""",
    "verdict_versions": """SELECT sha256, call_id, file_name, started_at, day, company, agent_id, agent_name, team, p.*
        FROM (
            SELECT sha256, rulebook, s.version, true AS in_force, rule_id, outcome, s.score
            FROM verdicts JOIN scorecards AS s USING (sha256)
            UNION ALL BY NAME
            SELECT sha256, rulebook, version, false AS in_force, rule_id, outcome, score FROM past_verdicts
        ) AS p JOIN calls USING (sha256)""",
    "version_counts": """SELECT rulebook, version, rule_id, count(*) AS calls,
            count(*) FILTER (outcome = 'pass') AS passes, count(*) FILTER (outcome = 'fail') AS fails,
            count(*) FILTER (outcome = 'unsure') AS unsure, sum(score) AS score_sum, count(score) AS scored
        FROM verdict_versions GROUP BY rulebook, version, rule_id""",
    "group_counts": f"""WITH cells AS (
            SELECT company, team, agent_id, queue, week, month, rule_id, {_TITLED}, {_COUNTED}
            FROM verdicts JOIN calls USING (sha256) GROUP BY company, team, agent_id, queue, week, month, rule_id
        ), grouped AS (
            SELECT unnest(['all', 'company', 'team', 'agent_id', 'queue', 'week', 'month']) AS grouped_by,
                unnest([NULL, company, team, agent_id, queue, week::VARCHAR, month::VARCHAR]) AS value,
                * EXCLUDE (company, team, agent_id, queue, week, month)
            FROM cells
        )
        SELECT grouped_by, value, rule_id, {_TITLED}, {_SUMMED} FROM grouped GROUP BY grouped_by, value, rule_id""",
    "agent_calls": f"""SELECT month, agent_id, {_NAMED}, any_value(company ORDER BY started_at DESC) AS company,
            count(*) AS calls, count(score) AS scored, sum(score) AS score_sum, min(score) AS lowest_score,
            count(*) FILTER (passed) AS passed_calls, count(*) FILTER (fatal) AS fatal_calls,
            sum(score_coverage) AS coverage_sum, count(score_coverage) AS covered, sum(agent_talk_s) AS talk_s,
            sum(agent_rate) AS rate_sum, count(agent_rate) AS rated,
            sum(agent_level_dbfs) AS level_sum, count(agent_level_dbfs) AS levelled,
            sum(rate_ratio) AS ratio_sum, count(rate_ratio) AS with_ratio,
            sum(agent_talk_share) AS share_sum, count(agent_talk_share) AS with_share,
            min(started_at) AS first_call, max(started_at) AS last_call
        FROM calls GROUP BY month, agent_id""",
    "call_outcomes": """SELECT calls.*, rules, outcomes FROM calls JOIN (
            SELECT sha256, list(rule_id) AS rules, list(outcome) AS outcomes FROM verdicts GROUP BY sha256
        ) USING (sha256)""",
} | DASHBOARD_PARTS
"""What is made of each week's calls when they are published, from that week's tables and what stands above."""

TOTALS: dict[str, str] = {
    "group_counts": f"""SELECT grouped_by, value, rule_id, {_TITLED}, {_SUMMED}
        FROM weekly.group_counts GROUP BY grouped_by, value, rule_id""",
    "version_counts": """SELECT rulebook, version, rule_id, sum(calls)::BIGINT AS calls, sum(passes)::BIGINT AS passes,
            sum(fails)::BIGINT AS fails, sum(unsure)::BIGINT AS unsure, sum(score_sum) AS score_sum,
            sum(scored)::BIGINT AS scored
        FROM weekly.version_counts GROUP BY rulebook, version, rule_id""",
    "agent_calls": f"""SELECT month, agent_id, {_LAST_NAMED}, any_value(company ORDER BY last_call DESC) AS company,
            {", ".join(f"sum({name}){kind} AS {name}" for kind, names in _AGENT_SUMS.items() for name in names)},
            min(lowest_score) AS lowest_score, min(first_call) AS first_call, max(last_call) AS last_call
        FROM weekly.agent_calls GROUP BY month, agent_id""",
} | DASHBOARD_TOTALS
"""What is summed up over all weeks when a database is made."""

ACHIEVEMENT_BY = f"""CREATE MACRO achievement_by(grouped_by) AS TABLE
    SELECT value, rule_id, title_zh, title_en, dimension, {RATES} FROM (
        SELECT value, rule_id, {_COUNTED} FROM (
            SELECT grouped_by AS value, unnest(rules) AS rule_id, unnest(outcomes) AS outcome FROM weekly.call_outcomes
        ) GROUP BY value, rule_id
    ) JOIN (SELECT rule_id, title_zh, title_en, dimension FROM achievement) USING (rule_id)
    ORDER BY ALL"""
"""`FROM achievement_by(team)`; any expression over calls does, e.g. `hour(started_at)`."""
