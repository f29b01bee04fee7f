"""Tables of the database: a row class each, whose fields are the columns, with a comment in Chinese and English.

The class is the only definition: table, column types, comments and the rows that are written come from it. Names are
stable: people keep their queries. Times are seconds from the recording's start, shares are 0–1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from pipeline.results.columns import RuleId, Sha256
from pipeline.results.people_tables import PEOPLES_TABLES, PeopleRow

TitleZh = Annotated[str, "指标中文名 / the indicator in Chinese"]
TitleEn = Annotated[str, "指标英文名 / the indicator in English"]
StartS = Annotated[float, "开始，录音开头起的秒数 / start, seconds from the recording's start"]
EndS = Annotated[float, "结束，录音开头起的秒数 / end, seconds from the recording's start"]
CallDay = Annotated[
    date | None, "通话日期，同 calls.day；按它筛选最快 / day of the call, as calls.day; filter by it to be quick"
]
Tags = Annotated[tuple[str, ...], "标签：booking、complaint、complaint-commitment / what reports know the rule by"]
Quote = Annotated[str, "证据原话：整句，命中的词在【】里 / the evidence: its sentence, the matched words in 【】"]
Matched = Annotated[str, "证据里命中的词 / the words of the evidence that were matched"]


class EvidenceCell(msgspec.Struct, frozen=True, gc=False):
    """A piece of evidence as a value within a row; what its fields are is said where it is used."""

    turn: int | None
    role: str | None
    start_s: float | None
    end_s: float | None
    quote: str
    reason: str
    sentence: str
    matched: str


class CallRow(msgspec.Struct, frozen=True, gc=False):
    """通话，每条录音一行 / calls, one row a recording"""

    sha256: Sha256
    call_id: Annotated[str | None, "话务系统的通话编号 / call id of the telephone system"]
    file_name: Annotated[str | None, "文件名，其中的电话号码已遮盖 / file name, telephone numbers in it masked"]
    paths: Annotated[
        tuple[str, ...], "见过的全部路径，其中的电话号码已遮盖 / every path it was seen under, masked likewise"
    ]
    size_bytes: Annotated[int | None, "文件字节数 / size of the file in bytes", "BIGINT"]
    first_seen: Annotated[datetime | None, "首次发现的时间 / when it was first found"]
    started_at: Annotated[datetime | None, "通话开始时间 / when the call began"]
    day: Annotated[date | None, "通话日期（设置的时区） / day of the call, in the time zone of the settings"]
    week: Annotated[date | None, "通话所在周的周一 / Monday of the call's week"]
    month: Annotated[date | None, "通话所在月的一日 / first day of the call's month"]
    agent_id: Annotated[str | None, "坐席工号 / agent's number"]
    agent_name: Annotated[str | None, "坐席姓名 / agent's name"]
    team: Annotated[str | None, "班组 / team"]
    company: Annotated[str | None, "公司 / company"]
    queue: Annotated[str | None, "技能组或队列 / queue"]
    direction: Annotated[str | None, "呼入 inbound、呼出 outbound / inbound or outbound"]
    scenario: Annotated[str | None, "业务场景 / scenario"]
    caller_hash: Annotated[
        str | None, "来电号码的加密散列，从不存号码 / keyed hash of the caller's number, never itself"
    ]
    cdr_ring_count: Annotated[int | None, "话单中的铃响次数 / rings according to the CDR"]
    wait_s: Annotated[float | None, "话单中的等待时长，秒 / wait according to the CDR, seconds"]
    release_party: Annotated[str | None, "话单中的挂机方 / who released the line according to the CDR"]
    language: Annotated[str, "语言 / language: zh or en"]
    language_probability: Annotated[float | None, "语言判断的把握，0–1 / probability of that language, 0–1"]
    layout: Annotated[str | None, "声道：mono、stereo、fake-stereo、anti-phase、dead-channel / its channels"]
    sound_faults: Annotated[
        tuple[str, ...],
        "未能完整转写的原因：cut-short 缺尾、undecoded 有损坏、mixed-links 声道数变换、unheard-track 有音轨未转写 / "
        "what of the recording was not heard, or not as it was meant to be",
    ]
    roles_method: Annotated[str, "坐席与客户如何分辨 / how agent and customer were distinguished"]
    roles_confidence: Annotated[float, "角色判断的把握，0–1 / confidence in the roles, 0–1"]
    hung_up_by: Annotated[str | None, "先挂机的一方，空为不可判 / who hung up first; null: cannot be told"]
    hung_up_method: Annotated[
        str,
        "挂机判断依据：cdr（冒号后为出处）、inferred、none / evidence: cdr (then its source), inferred or none",
    ]
    hung_up_at_s: Annotated[float | None, "挂机时刻，秒 / when, seconds"]
    duration_s: Annotated[float, "录音时长，秒 / length of the recording, seconds"]
    conversation_s: Annotated[float, "从首句到末句的时长，秒 / from the first to the last speech, seconds"]
    voiced_s: Annotated[float, "有人说话的时长，秒 / time with speech, seconds"]
    coverage: Annotated[
        float, "转写覆盖率，0–1：有人说话的时间里转写出文字的占比 / share of speech that has words, 0–1"
    ]
    turns: Annotated[int, "话轮数 / number of turns"]
    agent_turns: Annotated[int, "坐席话轮数 / turns of the agent"]
    customer_turns: Annotated[int, "客户话轮数 / turns of the customer"]
    first_agent_s: Annotated[float | None, "坐席首次开口，秒 / when the agent first speaks, seconds"]
    first_customer_s: Annotated[float | None, "客户首次开口，秒 / when the customer first speaks, seconds"]
    agent_talk_s: Annotated[float, "坐席说话时长，秒 / time the agent speaks, seconds"]
    customer_talk_s: Annotated[float, "客户说话时长，秒 / time the customer speaks, seconds"]
    agent_talk_share: Annotated[float | None, "坐席说话占比，0–1 / the agent's share of the talk, 0–1"]
    agent_rate: Annotated[
        float | None, "坐席语速：中文字/分钟，英文词/分钟 / pace of the agent: characters or words a minute"
    ]
    customer_rate: Annotated[
        float | None, "客户语速：中文字/分钟，英文词/分钟 / pace of the customer: characters or words a minute"
    ]
    rate_ratio: Annotated[float | None, "坐席语速 ÷ 客户语速 / pace of the agent divided by the customer's"]
    longest_agent_monologue_s: Annotated[float | None, "坐席最长独白，秒 / longest monologue of the agent, seconds"]
    longest_silence_s: Annotated[float, "最长沉默，秒 / longest silence, seconds"]
    inner_silence_s: Annotated[float, "通话中沉默合计，秒 / silence within the conversation in all, seconds"]
    overlap_s: Annotated[float | None, "双方同时说话合计，秒 / time both speak at once, seconds"]
    interruptions_by_agent: Annotated[int | None, "坐席打断客户次数 / times the agent interrupts the customer"]
    ring_count: Annotated[
        int | None, "铃响次数：话单有则取话单，否则为录音中听到的 / rings: the CDR's, else those heard in the recording"
    ]
    ring_s: Annotated[float, "铃响时长，秒 / time of ringing, seconds"]
    music_s: Annotated[float, "音乐时长，秒 / time of music, seconds"]
    prompt_s: Annotated[float, "语音提示时长，秒 / time of recorded prompts, seconds"]
    dtmf_keys: Annotated[int, "按键次数 / keys pressed"]
    busy_s: Annotated[float, "忙音时长，秒 / time of busy tone, seconds"]
    agent_level_dbfs: Annotated[float | None, "坐席说话音量的中位数，dBFS / median level of the agent's speech, dBFS"]
    since_agent_s: Annotated[
        float | None,
        "从坐席首次开口到末句的时长，秒 / from the agent's first word to the last of the call, seconds",
    ]
    agent_wait_s: Annotated[
        float | None,
        "等待坐席的时长，秒：话单中的等待时长；没有时从末次按键、提示音结束或首次铃响算起，至坐席开口 / "
        "wait for the agent, seconds: the CDR's; else from the last key, the first prompt's end or the first ring",
    ]
    prompt_before_s: Annotated[
        float | None, "首句人声之前的语音提示时长，秒 / recorded prompts before the first live word, seconds"
    ]
    keys_before_agent: Annotated[int | None, "坐席开口之前的按键次数 / keys pressed before the agent's first word"]
    rulebook: Annotated[str | None, "评分所用规则册 / rulebook that judged it; null: none for its language"]
    rulebook_hash: Annotated[str | None, "规则册内容散列 / hash of the rulebook's content"]
    version: Annotated[str | None, "规则册版本 / version of the rulebook"]
    score: Annotated[float | None, "得分，0–100，空为无可评分项 / score, 0–100; null: nothing could be scored"]
    score_coverage: Annotated[float | None, "已判定的权重占比，0–1 / share of the weight that was decided, 0–1"]
    passed: Annotated[bool | None, "是否达到规则册的及格分 / whether the score reaches the rulebook's pass mark"]
    fatal: Annotated[bool | None, "是否触犯一票否决项 / whether a fatal rule was broken"]
    failed_rules: Annotated[int | None, "未达成的指标数 / number of failed indicators"]
    fingerprint: Annotated[str | None, "转写的引擎与设置 / fingerprint of the engines and settings that heard it"]
    built_from: Annotated[str, "来源文件的标记，重建时用 / mark of the files it was built from, for the next build"]
    heard_with: Annotated[dict[str, str] | None, "引擎与来源明细 / engines and source of the recording, in detail"]


class TurnRow(msgspec.Struct, frozen=True, gc=False):
    """话轮：一方连续说的话 / turns: what one speaker says until the other takes over"""

    sha256: Sha256
    turn: Annotated[int, "话轮序号，从 0 起 / number of the turn, from 0"]
    role: Annotated[str, "角色：agent、customer、unknown / agent, customer or unknown"]
    speaker: Annotated[str, "声道或说话人标签 / label of the channel or voice"]
    start_s: StartS
    end_s: EndS
    text: Annotated[str, "转写文字 / the words"]
    call_day: CallDay


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """非语音声音：铃声、忙音、按键、音乐、提示音 / sounds that are no speech"""

    sha256: Sha256
    kind: Annotated[str, "种类：ring、busy、dtmf、music、prompt、silence、transfer（转接） / kind of mark"]
    start_s: StartS
    end_s: EndS
    channel: Annotated[int | None, "声道，空为单声道 / channel; null: the only one"]
    count: Annotated[int | None, "响铃、忙音或按键次数 / number of rings, beeps or keys"]


class RuleRow(msgspec.Struct, frozen=True, gc=False):
    """现行规则册的指标 / the indicators of the rulebooks in force"""

    rulebook: Annotated[str, "规则册 / rulebook"]
    language: Annotated[str, "适用语言 / language of the calls it judges"]
    rule_id: RuleId
    title_zh: TitleZh
    title_en: TitleEn
    dimension: Annotated[str, "维度 / dimension of the rulebook"]
    dimension_zh: Annotated[str, "维度中文名 / the dimension in Chinese"]
    dimension_en: Annotated[str, "维度英文名 / the dimension in English"]
    severity: Annotated[str, "严重程度：minor、normal、serious、fatal / minor, normal, serious or fatal"]
    tags: Tags
    weight: Annotated[float, "权重 / weight in the score"]
    status: Annotated[str, "stable、experimental（不计分）、retired / state of the rule; experimental never scores"]
    why: Annotated[str, "为何有此规则 / why the rule exists"]
    kind: Annotated[str, "require 要求做到、forbid 禁止出现 / whether it asks for something or forbids it"]
    precision: Annotated[
        float | None, "判“未达成”时说对的比例，用留出的句子量得，0–1 / share of its fails that are right, measured"
    ]
    precision_low: Annotated[float | None, "该比例 95 % 区间下限 / lower end of its 95 % interval"]
    precision_high: Annotated[float | None, "该比例 95 % 区间上限 / upper end of its 95 % interval"]
    recall: Annotated[float | None, "该判“未达成”的找出了多少，0–1 / share of what should fail that it finds, measured"]
    recall_low: Annotated[float | None, "该比例 95 % 区间下限 / lower end of its 95 % interval"]
    recall_high: Annotated[float | None, "该比例 95 % 区间上限 / upper end of its 95 % interval"]
    n: Annotated[int | None, "量了多少句 / sentences it was measured on"]


class VerdictRow(msgspec.Struct, frozen=True, gc=False):
    """判定：每通电话每个指标一行，附证据 / verdicts: one row a call and indicator, with the evidence"""

    sha256: Sha256
    rule_id: RuleId
    title_zh: TitleZh
    title_en: TitleEn
    dimension: Annotated[str | None, "维度 / dimension of the rulebook"]
    severity: Annotated[str | None, "严重程度：minor、normal、serious、fatal / minor, normal, serious or fatal"]
    tags: Tags
    outcome: Annotated[str, "pass 达成、fail 未达成、not_applicable 不适用、unsure 不可判 / the verdict"]
    nothing_found: Annotated[
        bool, "达成，但这条规则已知漏得多：只是未发现 / passed, by a rule known to miss much: only nothing found"
    ]
    suspicion: Annotated[
        float | None,
        "达成的可疑程度，同一规则内比大小；0 以上，识别器认为不对 / "
        "of a pass: how suspicious it is, compared within a rule; above 0 the recogniser disagrees",
    ]
    suspect: Annotated[EvidenceCell | None, "可疑的那一句，结构同证据 / the suspicious sentence, built like evidence"]
    occurrences: Annotated[int, "违反次数 / times the rule was broken"]
    deducted: Annotated[float, "扣分 / points deducted"]
    reason: Annotated[str, "理由 / reason"]
    rule_hash: Annotated[str, "规则内容散列 / hash of the rule's content"]
    version: Annotated[str | None, "规则册版本 / version of the rulebook"]
    evidence: Annotated[
        tuple[EvidenceCell, ...],
        "证据：turn 话轮、role 角色、start_s 与 end_s 起止秒、quote 整句（命中的词在【】里）、reason 说明、"
        "sentence 整句、matched 命中的词 / evidence: turn, role, start_s and end_s in seconds, quote (the sentence, "
        "the matched words in 【】), reason, sentence, and matched (those words)",
    ]
    grounds: Annotated[
        tuple[EvidenceCell, ...],
        "为何适用：触发这项指标的话，结构同证据 / what made the indicator apply; built like evidence",
    ]
    call_day: CallDay


class PastVerdictRow(msgspec.Struct, frozen=True, gc=False):
    """以往版本规则册的判定 / verdicts by earlier versions of the rulebook"""

    sha256: Sha256
    rulebook: Annotated[str, "规则册 / rulebook"]
    version: Annotated[str, "规则册版本 / version of the rulebook"]
    rule_id: RuleId
    outcome: Annotated[str, "当时的判定 / the verdict then"]
    score: Annotated[float | None, "当时的通话得分 / score of the call then"]


class MonthScoreRow(msgspec.Struct, frozen=True, gc=False):
    """其他人的月度评分，来自设置 report.month_scores 的 CSV / other people's monthly scores, from a CSV"""

    month: Annotated[date, "月份（一日） / first day of the month"]
    agent_id: Annotated[str, "工号 / agent's number"]
    supervisor: Annotated[float | None, "主管评分，0–100 / the supervisor's score, 0–100"]
    departments: Annotated[float | None, "其他部门评分，0–100 / other departments' score, 0–100"]
    peers: Annotated[float | None, "同事评分，0–100 / the peers' score, 0–100"]
    sustained_complaints: Annotated[int | None, "成立的投诉件数 / sustained complaints"]


class ScorecardRow(msgspec.Struct, frozen=True, gc=False):
    """评分卡，每通已评电话一行 / scorecards, one row a judged call"""

    sha256: Sha256
    rulebook: Annotated[str, "规则册 / rulebook"]
    rulebook_hash: Annotated[str, "规则册内容散列 / hash of the rulebook's content"]
    version: Annotated[str, "规则册版本 / version of the rulebook"]
    score: Annotated[float | None, "得分，0–100 / score, 0–100; null: nothing could be scored"]
    coverage: Annotated[float, "已判定的权重占比，0–1 / share of the weight that was decided, 0–1"]
    passed: Annotated[bool | None, "是否及格 / whether the score reaches the pass mark"]
    fatal: Annotated[bool, "是否触犯一票否决项 / whether a fatal rule was broken"]
    passes: Annotated[int, "达成数 / indicators passed"]
    fails: Annotated[int, "未达成数 / indicators failed"]
    unsure: Annotated[int, "不可判数 / indicators that could not be told"]
    not_applicable: Annotated[int, "不适用数 / indicators that do not apply"]
    deducted: Annotated[float, "扣分合计 / points deducted in all"]


class FailureRow(msgspec.Struct, frozen=True, gc=False):
    """未能处理的文件及原因 / files that could not be dealt with, and why"""

    key: Annotated[str, "录音 SHA-256，读不出时为路径的散列 / SHA-256, or a hash of the path"]
    file_name: Annotated[str, "文件名，其中的电话号码已遮盖 / file name, telephone numbers masked"]
    path: Annotated[str, "路径，其中的电话号码已遮盖 / path, telephone numbers masked"]
    stage: Annotated[str, "阶段：ingest、decode、hear、judge、excerpt、publish / stage that failed"]
    reason: Annotated[str, "原因代码 / short stable reason"]
    message: Annotated[str, "说明与处理办法 / what is wrong and what to do"]
    failed_at: Annotated[datetime, "时间 / when"]


class RunRow(msgspec.Struct, frozen=True, gc=False):
    """每夜运行记录 / one row a night"""

    run_id: Annotated[str, "运行编号 / id of the run"]
    started_at: Annotated[datetime, "开始 / start"]
    ended_at: Annotated[datetime | None, "结束，空为仍在运行或被中断 / end; null: running, or killed"]
    status: Annotated[str, "running、completed、failed / running, completed or failed"]
    found: Annotated[int, "发现的录音 / recordings found"]
    heard: Annotated[int, "转写的录音 / recordings heard"]
    judged: Annotated[int, "评分的录音 / recordings judged"]
    failed: Annotated[int, "失败的文件 / files that failed"]
    skipped: Annotated[int, "此前已完成的录音 / recordings done before"]
    audio_s: Annotated[float, "转写的音频时长，秒 / audio heard, seconds"]
    settings: Annotated[dict[str, str], "当时的设置 / settings of that night"]
    waiting: Annotated[int, "还在写入、留待下次的录音 / recordings still being written, left for the next run"]


class ClipRow(msgspec.Struct, frozen=True, gc=False):
    """未达成指标的录音片段及文字 / clips of failed indicators, with their words"""

    sha256: Sha256
    rule_id: RuleId
    n: Annotated[int, "同一判定的第几段，从 1 起 / which clip of the verdict, from 1"]
    path: Annotated[str, "MP3 文件，相对于数据目录 / MP3 file, relative to callqa's home"]
    start_s: StartS
    end_s: EndS
    quote: Quote
    sentence: Annotated[str, "证据所在的整句 / the whole sentence of the evidence"]
    matched: Matched
    words: Annotated[str, "片段中的对话，每行一句 / what is said in the clip, a line a turn"]


class AboutRow(msgspec.Struct, frozen=True, gc=False):
    """数据库自身的信息 / about this database"""

    key: Annotated[str, "项目 / what"]
    value: Annotated[str, "值 / value"]


TableRow = (
    CallRow | TurnRow | EventRow | RuleRow | VerdictRow | PastVerdictRow | MonthScoreRow | ScorecardRow | FailureRow
    | RunRow | ClipRow | AboutRow | PeopleRow
)  # fmt: skip

TABLES: dict[str, type[TableRow]] = {
    "calls": CallRow, "turns": TurnRow, "marks": EventRow, "rules": RuleRow, "verdicts": VerdictRow,
    "past_verdicts": PastVerdictRow, "month_scores": MonthScoreRow, "scorecards": ScorecardRow,
    "failures": FailureRow, "runs": RunRow, "clips": ClipRow, "about": AboutRow, **PEOPLES_TABLES,
}  # fmt: skip
"""The class of every table's rows, by the table's name."""

CALL_TABLES = ("calls", "turns", "marks", "verdicts", "past_verdicts", "scorecards", "clips")
"""Tables whose rows belong to a call; they lie in parts, a week each (`pipeline.results.parts`)."""

_SQL_TYPES: dict[Any, str] = {
    str: "VARCHAR", int: "INTEGER", float: "DOUBLE", bool: "BOOLEAN", date: "DATE", datetime: "TIMESTAMPTZ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column as SQL has it."""

    name: str
    sql_type: str
    comment: str


@cache
def table_columns(table: str) -> tuple[TableColumn, ...]:
    """The columns of a table, in order."""
    hints = get_type_hints(TABLES[table], include_extras=True)
    return tuple(_column(name, hints[name]) for name in TABLES[table].__struct_fields__)


def table_comment(table: str) -> str:
    """What a table holds, in Chinese and English."""
    return TABLES[table].__doc__ or ""


def column_comments(table: str, *names: str) -> tuple[tuple[str, str], ...]:
    """Name and comment of some columns of a table, for the views that pass them on."""
    comments = {column.name: column.comment for column in table_columns(table)}
    return tuple((name, comments[name]) for name in names)


def _column(name: str, hint: Any) -> TableColumn:
    kind, comment, *sql_type = get_args(hint)
    return TableColumn(name, sql_type[0] if sql_type else _sql_type(kind), comment)


def _sql_type(kind: Any) -> str:
    """The SQL type of a Python type; any of them may be null."""
    parts = [part for part in get_args(kind) if part is not NoneType and part is not Ellipsis]
    if get_origin(kind) is tuple:
        return f"{_sql_type(parts[0])}[]"
    if get_origin(kind) is dict:
        return f"MAP({', '.join(map(_sql_type, parts))})"
    if parts:
        return _sql_type(parts[0])
    if issubclass(kind, msgspec.Struct):
        return f"STRUCT({', '.join(f'{name} {_sql_type(part)}' for name, part in get_type_hints(kind).items())})"
    return _SQL_TYPES[kind]
