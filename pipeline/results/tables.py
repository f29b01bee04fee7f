"""Tables and views of the published database, every one and every column with a comment in Chinese and English.

Names are stable: people keep their queries. Times are seconds from the recording's start, shares are 0–1.
"""

from __future__ import annotations

from pipeline.datatypes import Facts
from pipeline.results.views import SUMMARIES

Column = tuple[str, str, str]
"""Name, SQL type, comment."""

_FACT_COMMENTS = {
    "duration_s": ("录音时长，秒", "length of the recording, seconds"),
    "conversation_s": ("从首句到末句的时长，秒", "from the first to the last speech, seconds"),
    "voiced_s": ("有人说话的时长，秒", "time with speech, seconds"),
    "coverage": ("转写覆盖率，0–1：有人说话的时间里转写出文字的占比", "share of speech that has words, 0–1"),
    "turns": ("话轮数", "number of turns"),
    "agent_turns": ("坐席话轮数", "turns of the agent"),
    "customer_turns": ("客户话轮数", "turns of the customer"),
    "first_agent_s": ("坐席首次开口，秒", "when the agent first speaks, seconds"),
    "first_customer_s": ("客户首次开口，秒", "when the customer first speaks, seconds"),
    "agent_talk_s": ("坐席说话时长，秒", "time the agent speaks, seconds"),
    "customer_talk_s": ("客户说话时长，秒", "time the customer speaks, seconds"),
    "agent_talk_share": ("坐席说话占比，0–1", "the agent's share of the talk, 0–1"),
    "agent_rate": ("坐席语速：中文字/分钟，英文词/分钟", "pace of the agent: characters or words a minute"),
    "customer_rate": ("客户语速：中文字/分钟，英文词/分钟", "pace of the customer: characters or words a minute"),
    "rate_ratio": ("坐席语速 ÷ 客户语速", "pace of the agent divided by the customer's"),
    "longest_agent_monologue_s": ("坐席最长独白，秒", "longest monologue of the agent, seconds"),
    "longest_silence_s": ("最长沉默，秒", "longest silence, seconds"),
    "inner_silence_s": ("通话中沉默合计，秒", "silence within the conversation in all, seconds"),
    "overlap_s": ("双方同时说话合计，秒", "time both speak at once, seconds"),
    "interruptions_by_agent": ("坐席打断客户次数", "times the agent interrupts the customer"),
    "ring_count": ("录音中听到的铃响次数", "rings heard in the recording"),
    "ring_s": ("铃响时长，秒", "time of ringing, seconds"),
    "music_s": ("音乐时长，秒", "time of music, seconds"),
    "prompt_s": ("语音提示时长，秒", "time of recorded prompts, seconds"),
    "dtmf_keys": ("按键次数", "keys pressed"),
    "busy_s": ("忙音时长，秒", "time of busy tone, seconds"),
    "agent_level_dbfs": ("坐席说话音量的中位数，dBFS", "median level of the agent's speech, dBFS"),
    "since_agent_s": ("从坐席首次开口到末句的时长，秒", "from the agent's first word to the last of the call, seconds"),
    "agent_wait_s": (
        "等待坐席的时长，秒：话单中的等待时长；没有时从末次按键、提示音结束或首次铃响算起，至坐席开口",
        "wait for the agent, seconds: the CDR's; else from the last key, the first prompt's end or the first ring",
    ),
    "prompt_before_s": ("首句人声之前的语音提示时长，秒", "recorded prompts before the first live word, seconds"),
    "keys_before_agent": ("坐席开口之前的按键次数", "keys pressed before the agent's first word"),
}

_WHOLE_FACTS = {
    "turns",
    "agent_turns",
    "customer_turns",
    "interruptions_by_agent",
    "ring_count",
    "dtmf_keys",
    "keys_before_agent",
}


def _fact_columns() -> tuple[Column, ...]:
    return tuple(
        (name, "INTEGER" if name in _WHOLE_FACTS else "DOUBLE", " / ".join(_FACT_COMMENTS[name]))
        for name in Facts.__dataclass_fields__
    )


_SHA: Column = ("sha256", "VARCHAR", "录音标识：文件内容的 SHA-256 / the recording: SHA-256 of its bytes")
_RULE: Column = ("rule_id", "VARCHAR", "指标标识，各规则册通用 / the indicator, the same in every rulebook")
_TITLE_ZH: Column = ("title_zh", "VARCHAR", "指标中文名 / the indicator in Chinese")
_TITLE_EN: Column = ("title_en", "VARCHAR", "指标英文名 / the indicator in English")
_DIMENSION: Column = ("dimension", "VARCHAR", "维度 / dimension of the rulebook")
_SEVERITY: Column = ("severity", "VARCHAR", "严重程度：minor、normal、serious、fatal / minor, normal, serious or fatal")
_VERSION: Column = ("version", "VARCHAR", "规则册版本 / version of the rulebook")
_EVIDENCE = "STRUCT(turn INTEGER, role VARCHAR, start_s DOUBLE, end_s DOUBLE, quote VARCHAR, reason VARCHAR)[]"
_START: Column = ("start_s", "DOUBLE", "开始，录音开头起的秒数 / start, seconds from the recording's start")
_END: Column = ("end_s", "DOUBLE", "结束，录音开头起的秒数 / end, seconds from the recording's start")

TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "calls": (
        "通话，每条录音一行 / calls, one row a recording",
        (
            _SHA,
            ("call_id", "VARCHAR", "话务系统的通话编号 / call id of the telephone system"),
            ("file_name", "VARCHAR", "文件名，其中的电话号码已遮盖 / file name, telephone numbers in it masked"),
            (
                "paths",
                "VARCHAR[]",
                "见过的全部路径，其中的电话号码已遮盖 / every path it was seen under, masked likewise",
            ),
            ("size_bytes", "BIGINT", "文件字节数 / size of the file in bytes"),
            ("first_seen", "TIMESTAMPTZ", "首次发现的时间 / when it was first found"),
            ("started_at", "TIMESTAMPTZ", "通话开始时间 / when the call began"),
            ("day", "DATE", "通话日期（设置的时区） / day of the call, in the time zone of the settings"),
            ("week", "DATE", "通话所在周的周一 / Monday of the call's week"),
            ("month", "DATE", "通话所在月的一日 / first day of the call's month"),
            ("agent_id", "VARCHAR", "坐席工号 / agent's number"),
            ("agent_name", "VARCHAR", "坐席姓名 / agent's name"),
            ("team", "VARCHAR", "班组 / team"),
            ("company", "VARCHAR", "公司 / company"),
            ("queue", "VARCHAR", "技能组或队列 / queue"),
            ("direction", "VARCHAR", "呼入 inbound、呼出 outbound / inbound or outbound"),
            ("scenario", "VARCHAR", "业务场景 / scenario"),
            (
                "caller_hash",
                "VARCHAR",
                "来电号码的加密散列，从不存号码 / keyed hash of the caller's number, never itself",
            ),
            ("cdr_ring_count", "INTEGER", "话单中的铃响次数 / rings according to the CDR"),
            ("wait_s", "DOUBLE", "话单中的等待时长，秒 / wait according to the CDR, seconds"),
            ("release_party", "VARCHAR", "话单中的挂机方 / who released the line according to the CDR"),
            ("language", "VARCHAR", "语言 / language: zh or en"),
            ("language_probability", "DOUBLE", "语言判断的把握，0–1 / probability of that language, 0–1"),
            ("layout", "VARCHAR", "声道：mono、stereo、fake-stereo、anti-phase / channels of the recording"),
            ("roles_method", "VARCHAR", "坐席与客户如何分辨 / how agent and customer were told apart"),
            ("roles_confidence", "DOUBLE", "角色判断的把握，0–1 / confidence in the roles, 0–1"),
            ("hung_up_by", "VARCHAR", "先挂机的一方，空为不可判 / who hung up first; null: cannot be told"),
            ("hung_up_method", "VARCHAR", "挂机判断依据：cdr、inferred、none / evidence: cdr, inferred or none"),
            ("hung_up_at_s", "DOUBLE", "挂机时刻，秒 / when, seconds"),
            *_fact_columns(),
            ("rulebook", "VARCHAR", "评分所用规则册 / rulebook that judged it; null: none for its language"),
            ("rulebook_hash", "VARCHAR", "规则册内容散列 / hash of the rulebook's content"),
            _VERSION,
            ("score", "DOUBLE", "得分，0–100，空为无可评分项 / score, 0–100; null: nothing could be scored"),
            ("score_coverage", "DOUBLE", "已判定的权重占比，0–1 / share of the weight that was decided, 0–1"),
            ("passed", "BOOLEAN", "是否达到规则册的及格分 / whether the score reaches the rulebook's pass mark"),
            ("fatal", "BOOLEAN", "是否触犯一票否决项 / whether a fatal rule was broken"),
            ("failed_rules", "INTEGER", "未达成的指标数 / number of failed indicators"),
            ("fingerprint", "VARCHAR", "转写的引擎与设置 / fingerprint of the engines and settings that heard it"),
            ("built_from", "VARCHAR", "来源文件的标记，发布时用 / mark of the files it was built from, for publishing"),
            ("heard_with", "MAP(VARCHAR, VARCHAR)", "引擎与来源明细 / engines and source of the recording, in detail"),
        ),
    ),
    "turns": (
        "话轮：一方连续说的话 / turns: what one speaker says until the other takes over",
        (
            _SHA,
            ("turn", "INTEGER", "话轮序号，从 0 起 / number of the turn, from 0"),
            ("role", "VARCHAR", "角色：agent、customer、unknown / agent, customer or unknown"),
            ("speaker", "VARCHAR", "声道或说话人标签 / label of the channel or voice"),
            _START,
            _END,
            ("text", "VARCHAR", "转写文字 / the words"),
        ),
    ),
    "marks": (
        "非语音声音：铃声、忙音、按键、音乐、提示音 / sounds that are no speech",
        (
            _SHA,
            ("kind", "VARCHAR", "种类：ring、busy、dtmf、music、prompt、silence、transfer（转接） / kind of mark"),
            _START,
            _END,
            ("channel", "INTEGER", "声道，空为单声道 / channel; null: the only one"),
            ("count", "INTEGER", "响铃、忙音或按键次数 / number of rings, beeps or keys"),
        ),
    ),
    "rules": (
        "现行规则册的指标 / the indicators of the rulebooks in force",
        (
            ("rulebook", "VARCHAR", "规则册 / rulebook"),
            ("language", "VARCHAR", "适用语言 / language of the calls it judges"),
            _RULE,
            _TITLE_ZH,
            _TITLE_EN,
            _DIMENSION,
            ("dimension_zh", "VARCHAR", "维度中文名 / the dimension in Chinese"),
            ("dimension_en", "VARCHAR", "维度英文名 / the dimension in English"),
            _SEVERITY,
            ("weight", "DOUBLE", "权重 / weight in the score"),
            (
                "status",
                "VARCHAR",
                "stable、experimental（不计分）、retired / state of the rule; experimental never scores",
            ),
            ("why", "VARCHAR", "为何有此规则 / why the rule exists"),
        ),
    ),
    "verdicts": (
        "判定：每通电话每个指标一行，附证据 / verdicts: one row a call and indicator, with the evidence",
        (
            _SHA,
            _RULE,
            _TITLE_ZH,
            _TITLE_EN,
            _DIMENSION,
            _SEVERITY,
            ("outcome", "VARCHAR", "pass 达成、fail 未达成、not_applicable 不适用、unsure 不可判 / the verdict"),
            ("occurrences", "INTEGER", "违反次数 / times the rule was broken"),
            ("deducted", "DOUBLE", "扣分 / points deducted"),
            ("reason", "VARCHAR", "理由 / reason"),
            ("rule_hash", "VARCHAR", "规则内容散列 / hash of the rule's content"),
            _VERSION,
            (
                "evidence",
                _EVIDENCE,
                "证据：话轮、角色、起止秒、原话、说明 / evidence: turn, role, start, end (seconds), words, why",
            ),
            (
                "grounds",
                _EVIDENCE,
                "为何适用：触发这项指标的话，结构同证据 / what made the indicator apply; built like evidence",
            ),
        ),
    ),
    "past_verdicts": (
        "以往版本规则册的判定 / verdicts by earlier versions of the rulebook",
        (
            _SHA,
            ("rulebook", "VARCHAR", "规则册 / rulebook"),
            _VERSION,
            _RULE,
            ("outcome", "VARCHAR", "当时的判定 / the verdict then"),
            ("score", "DOUBLE", "当时的通话得分 / score of the call then"),
        ),
    ),
    "month_scores": (
        "其他人的月度评分，来自设置 report.month_scores 的 CSV / other people's monthly scores, from a CSV",
        (
            ("month", "DATE", "月份（一日） / first day of the month"),
            ("agent_id", "VARCHAR", "工号 / agent's number"),
            ("supervisor", "DOUBLE", "主管评分，0–100 / the supervisor's score, 0–100"),
            ("departments", "DOUBLE", "其他部门评分，0–100 / other departments' score, 0–100"),
            ("peers", "DOUBLE", "同事评分，0–100 / the peers' score, 0–100"),
            ("sustained_complaints", "INTEGER", "成立的投诉件数 / sustained complaints"),
        ),
    ),
    "scorecards": (
        "评分卡，每通已评电话一行 / scorecards, one row a judged call",
        (
            _SHA,
            ("rulebook", "VARCHAR", "规则册 / rulebook"),
            ("rulebook_hash", "VARCHAR", "规则册内容散列 / hash of the rulebook's content"),
            _VERSION,
            ("score", "DOUBLE", "得分，0–100 / score, 0–100; null: nothing could be scored"),
            ("coverage", "DOUBLE", "已判定的权重占比，0–1 / share of the weight that was decided, 0–1"),
            ("passed", "BOOLEAN", "是否及格 / whether the score reaches the pass mark"),
            ("fatal", "BOOLEAN", "是否触犯一票否决项 / whether a fatal rule was broken"),
            ("passes", "INTEGER", "达成数 / indicators passed"),
            ("fails", "INTEGER", "未达成数 / indicators failed"),
            ("unsure", "INTEGER", "不可判数 / indicators that could not be told"),
            ("not_applicable", "INTEGER", "不适用数 / indicators that do not apply"),
            ("deducted", "DOUBLE", "扣分合计 / points deducted in all"),
        ),
    ),
    "failures": (
        "未能处理的文件及原因 / files that could not be dealt with, and why",
        (
            ("key", "VARCHAR", "录音 SHA-256，读不出时为路径的散列 / SHA-256, or a hash of the path"),
            ("file_name", "VARCHAR", "文件名，其中的电话号码已遮盖 / file name, telephone numbers masked"),
            ("path", "VARCHAR", "路径，其中的电话号码已遮盖 / path, telephone numbers masked"),
            ("stage", "VARCHAR", "阶段：ingest、decode、hear、judge、excerpt、publish / stage that failed"),
            ("reason", "VARCHAR", "原因代码 / short stable reason"),
            ("message", "VARCHAR", "说明与处理办法 / what is wrong and what to do"),
            ("failed_at", "TIMESTAMPTZ", "时间 / when"),
        ),
    ),
    "runs": (
        "每夜运行记录 / one row a night",
        (
            ("run_id", "VARCHAR", "运行编号 / id of the run"),
            ("started_at", "TIMESTAMPTZ", "开始 / start"),
            ("ended_at", "TIMESTAMPTZ", "结束，空为仍在运行或被中断 / end; null: running, or killed"),
            ("status", "VARCHAR", "running、completed、failed / running, completed or failed"),
            ("found", "INTEGER", "发现的录音 / recordings found"),
            ("heard", "INTEGER", "转写的录音 / recordings heard"),
            ("judged", "INTEGER", "评分的录音 / recordings judged"),
            ("failed", "INTEGER", "失败的文件 / files that failed"),
            ("skipped", "INTEGER", "此前已完成的录音 / recordings done before"),
            ("audio_s", "DOUBLE", "转写的音频时长，秒 / audio heard, seconds"),
            ("settings", "MAP(VARCHAR, VARCHAR)", "当时的设置 / settings of that night"),
        ),
    ),
    "clips": (
        "未达成指标的录音片段及文字 / clips of failed indicators, with their words",
        (
            _SHA,
            _RULE,
            ("n", "INTEGER", "同一判定的第几段，从 1 起 / which clip of the verdict, from 1"),
            ("path", "VARCHAR", "MP3 文件，相对于数据目录 / MP3 file, relative to callqa's home"),
            _START,
            _END,
            ("quote", "VARCHAR", "证据原话 / the words of the evidence"),
            ("words", "VARCHAR", "片段中的对话，每行一句 / what is said in the clip, a line a turn"),
        ),
    ),
    "about": (
        "数据库自身的信息 / about this database",
        (
            ("key", "VARCHAR", "项目 / what"),
            ("value", "VARCHAR", "值 / value"),
        ),
    ),
}

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

_RULE_GROUP = """rule_id, any_value(title_zh) AS title_zh, any_value(title_en) AS title_en,
    any_value(dimension) AS dimension"""


def _plain(*columns: Column) -> tuple[tuple[str, str], ...]:
    return tuple((name, comment) for name, _, comment in columns)


VIEWS: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "failed_checks": (
        "未达成的判定，供人阅读：通话、坐席、指标、原话、片段 / failed verdicts: call, agent, rule, words, clip",
        (
            *_plain(_SHA),
            ("call_id", "通话编号 / call id"),
            ("file_name", "文件名 / file name"),
            ("started_at", "通话开始时间 / when the call began"),
            ("company", "公司 / company"),
            ("team", "班组 / team"),
            ("agent_id", "工号 / agent's number"),
            ("agent_name", "姓名 / agent's name"),
            ("language", "语言 / language"),
            *_plain(_RULE, _TITLE_ZH, _TITLE_EN, _DIMENSION, _SEVERITY),
            ("occurrences", "违反次数 / times broken"),
            ("deducted", "扣分 / points deducted"),
            ("at_s", "证据在录音中的秒数 / where in the recording, seconds"),
            ("quote", "证据原话 / the words"),
            ("reason", "理由 / reason"),
            ("clip", "首个片段，相对于数据目录 / the first clip, relative to callqa's home"),
            ("score", "该通电话得分 / score of the call"),
        ),
        """SELECT sha256, call_id, file_name, started_at, company, team, agent_id, agent_name, language,
            rule_id, title_zh, title_en, dimension, severity, occurrences, deducted,
            list_filter(evidence, lambda e: e.start_s IS NOT NULL)[1].start_s AS at_s,
            list_filter(evidence, lambda e: e.quote <> '')[1].quote AS quote,
            reason,
            (SELECT path FROM clips WHERE clips.sha256 = verdicts.sha256
                AND clips.rule_id = verdicts.rule_id AND clips.n = 1) AS clip,
            score
        FROM verdicts JOIN calls USING (sha256)
        WHERE outcome = 'fail'""",
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
            SELECT agent_id, any_value(agent_name ORDER BY started_at DESC) AS agent_name,
                any_value(team ORDER BY started_at DESC) AS team,
                any_value(company ORDER BY started_at DESC) AS company,
                count(*) AS calls, count(score) AS scored, round(avg(score), 2) AS mean_score,
                min(score) AS lowest_score, count(*) FILTER (passed) AS passed_calls,
                count(*) FILTER (fatal) AS fatal_calls, round(avg(score_coverage), 4) AS score_coverage,
                round(sum(agent_talk_s) / 60, 1) AS talk_minutes,
                min(started_at) AS first_call, max(started_at) AS last_call
            FROM calls GROUP BY agent_id
        ), per_verdict AS (
            SELECT agent_id, {COUNTS} FROM verdicts JOIN calls USING (sha256) GROUP BY agent_id
        )
        SELECT c.agent_id, agent_name, team, company, calls, scored, mean_score, lowest_score, passed_calls,
            fatal_calls, passes, fails, decided, achievement, below_target, unsure, not_applicable,
            score_coverage, talk_minutes, first_call, last_call
        FROM per_call AS c LEFT JOIN per_verdict AS v ON c.agent_id IS NOT DISTINCT FROM v.agent_id""",
    ),
    "achievement": (
        "平均实现率，每个指标一行；按任意字段分组用 achievement_by(字段) / achievement rate, one row an indicator; "
        "grouped by anything: achievement_by(column)",
        (*_plain(_RULE, _TITLE_ZH, _TITLE_EN, _DIMENSION), *_COUNT_COLUMNS),
        f"SELECT {_RULE_GROUP}, {COUNTS} FROM verdicts GROUP BY rule_id",
    ),
    "achievement_groups": (
        "平均实现率，按公司、班组、坐席、队列、周、月 / achievement by company, team, agent, queue, week, month",
        (
            ("grouped_by", "分组方式：company、team、agent_id、queue、week、month / what it is grouped by"),
            ("value", "组 / the group"),
            *_plain(_RULE, _TITLE_ZH, _TITLE_EN, _DIMENSION),
            *_COUNT_COLUMNS,
        ),
        f"""SELECT grouped_by, value, {_RULE_GROUP}, {COUNTS}
        FROM verdicts JOIN (
            UNPIVOT (SELECT sha256, company, team, agent_id, queue, week::VARCHAR AS week, month::VARCHAR AS month
                FROM calls)
            ON company, team, agent_id, queue, week, month INTO NAME grouped_by VALUE value
        ) USING (sha256)
        GROUP BY grouped_by, value, rule_id""",
    ),
    "excerpts": (
        "录音片段，附通话、坐席与指标 / clips with their call, agent and indicator",
        (
            *_plain(_SHA),
            ("call_id", "通话编号 / call id"),
            ("started_at", "通话开始时间 / when the call began"),
            ("team", "班组 / team"),
            ("agent_id", "工号 / agent's number"),
            ("agent_name", "姓名 / agent's name"),
            *_plain(_RULE, _TITLE_ZH, _TITLE_EN, _SEVERITY),
            ("n", "同一判定的第几段 / which clip of the verdict"),
            ("path", "MP3 文件，相对于数据目录 / MP3 file, relative to callqa's home"),
            *_plain(_START, _END),
            ("quote", "证据原话 / the words of the evidence"),
            ("words", "片段中的对话 / what is said in the clip"),
        ),
        """SELECT sha256, call_id, started_at, team, agent_id, agent_name, rule_id, title_zh, title_en, severity,
            n, path, start_s, end_s, quote, words
        FROM clips JOIN calls USING (sha256) JOIN verdicts USING (sha256, rule_id)
        WHERE outcome = 'fail'""",
    ),
    **SUMMARIES,
}

ACHIEVEMENT_BY = f"""CREATE MACRO achievement_by(grouped_by) AS TABLE
    SELECT grouped_by AS value, {_RULE_GROUP}, {COUNTS}
    FROM verdicts JOIN calls USING (sha256) GROUP BY ALL ORDER BY ALL"""
"""`FROM achievement_by(team)`; any expression over calls does, e.g. `hour(started_at)`."""
