"""Tables of what people say at the desk: answers to verdicts, releases, appeals, points, corrections, coaching.

Small, and written anew with each database. What people wrote is masked as what was said in the call is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec

from pipeline.results.columns import RuleId, Sha256


class ReviewRow(msgspec.Struct, frozen=True, gc=False):
    """复核：对判定的每次意见一行，后来的不覆盖先前的 / answers to verdicts, one row each; none takes another's place"""

    id: Annotated[int, "先后次序 / their order", "BIGINT"]
    sha256: Sha256
    rule_id: RuleId
    reviewer: Annotated[str, "复核人账号 / who answered"]
    reviewed_at: Annotated[datetime, "时间 / when"]
    authority: Annotated[
        int,
        "效力：1 复核员、2 主管、3 申诉、4 终审；高者为准，同级以后者为准 / the highest counts, then the last",
    ]
    outcome: Annotated[str, "复核的是哪个判定 / the verdict that was answered"]
    answer: Annotated[str, "right 判得对、wrong 判错、unsure 无法判断 / the answer"]
    right_outcome: Annotated[str | None, "判错时，正确的判定 / what is right instead"]
    piece: Annotated[int | None, "针对第几条证据，从 0 起；空为整项 / which piece of evidence; null: the verdict"]
    at_s: Annotated[float | None, "漏判之处，秒 / where the rule missed something, seconds"]
    comment: Annotated[str, "评语，其中的号码已遮盖 / comment, numbers masked"]
    open_s: Annotated[float | None, "页面打开的秒数 / seconds that the page was open"]
    listened_s: Annotated[float | None, "听音的秒数 / seconds that sound was played"]
    played: Annotated[bool, "是否听过证据 / whether the evidence was played"]
    blind: Annotated[bool, "盲审：未看到机器的判定 / given without having seen the verdict"]
    rule_hash: Annotated[str, "规则内容散列 / hash of the rule's content"]
    fingerprint: Annotated[str, "转写的引擎与设置 / fingerprint of the hearing"]
    evidence_mark: Annotated[str, "证据位置的标记 / mark of where the evidence lay"]


class AppealRow(msgspec.Struct, frozen=True, gc=False):
    """申诉，每件一行 / appeals, one row each"""

    ref: Annotated[str, "申诉编号 / id of the appeal"]
    sha256: Sha256
    rule_id: RuleId
    agent_id: Annotated[str, "坐席工号 / agent's number"]
    appealed_at: Annotated[datetime, "时间 / when"]
    instance: Annotated[int, "1 初次、2 终审 / first or second, whose word is the last"]
    told: Annotated[str, "不服的判定 / the outcome that it is against"]
    reason: Annotated[str, "理由，其中的号码已遮盖 / the reason, numbers masked"]
    state: Annotated[str, "open 待决定、returned 退回补充、upheld 成立、rejected 驳回 / how it stands"]
    right_outcome: Annotated[str | None, "成立时，正确的判定 / what is right, where it was upheld"]
    decided_by: Annotated[str | None, "决定人账号 / who decided"]
    decided_at: Annotated[datetime | None, "决定时间 / when it was decided"]
    decision: Annotated[str, "决定的理由，其中的号码已遮盖 / why, numbers masked"]


class ReleaseRow(msgspec.Struct, frozen=True, gc=False):
    """发布：每一步一行 / releases of results to agents, one row a step"""

    id: Annotated[int, "先后次序 / their order", "BIGINT"]
    sha256: Sha256
    step: Annotated[str, "released 发布、withdrawn 撤回、acknowledged 坐席确认 / what was done"]
    version: Annotated[int, "第几版，从 1 起 / version of the released result, from 1"]
    at: Annotated[datetime, "时间 / when"]
    account: Annotated[str, "账号 / by whom"]
    agent_id: Annotated[str | None, "坐席工号 / agent's number"]
    score: Annotated[float | None, "当时的系统得分 / the system's score then"]
    reviewed_score: Annotated[float | None, "当时的复核分 / the score by what reviewers said then"]
    manual_points: Annotated[float, "当时的人工计分 / points that no rule gives, then"]
    appeal: Annotated[str | None, "因哪件申诉 / the appeal that led to it"]
    in_force: Annotated[bool, "坐席现在看到的是否这一版 / whether this is what the agent sees now"]


class ManualPointsRow(msgspec.Struct, frozen=True, gc=False):
    """人工计分，每次一行 / points that no rule gives, one row each time"""

    sha256: Sha256
    label: Annotated[str, "名目 / what for"]
    points: Annotated[float, "分值；0 为撤销此前的 / points; 0 takes back what was given before"]
    account: Annotated[str, "账号 / by whom"]
    at: Annotated[datetime, "时间 / when"]
    reason: Annotated[str, "理由，其中的号码已遮盖 / the reason, numbers masked"]
    counts: Annotated[bool, "是否计入 / whether it counts"]


class CorrectionRow(msgspec.Struct, frozen=True, gc=False):
    """更正：谁说的、是不是语音，每处一行 / corrections of who speaks and of what is no speech, one row a place"""

    act: Annotated[int, "第几次更正；一次可有多处 / which act; it may be of several places", "BIGINT"]
    sha256: Sha256
    account: Annotated[str, "账号 / by whom"]
    at: Annotated[datetime, "时间 / when"]
    said: Annotated[
        str,
        "voices 角色对调或指明；agent、customer、unknown 谁说的；not-speech 不是语音 / what was corrected",
    ]
    start_s: Annotated[float | None, "语句的开始，秒；voices 为空 / where the turn begins, seconds; null: voices"]
    end_s: Annotated[float | None, "语句的结束，秒 / where it ends, seconds"]
    fingerprint: Annotated[str, "更正所据的转写 / fingerprint of the hearing that was corrected"]
    in_force: Annotated[bool, "是否有效（未撤销） / whether it is in force: not undone"]
    undone_by: Annotated[str | None, "撤销人账号 / who undid it"]
    undone_at: Annotated[datetime | None, "撤销时间 / when it was undone"]


class CoachingSessionRow(msgspec.Struct, frozen=True, gc=False):
    """辅导：每次一行，写给管理人员看的备注除外 / coaching sessions, one row each, without the notes for staff"""

    ref: Annotated[str, "辅导编号 / id of the session"]
    agent_id: Annotated[str, "坐席工号 / agent's number"]
    coach: Annotated[str, "辅导员账号 / account of the coach"]
    rules: Annotated[list[str], "针对哪些指标 / the rules that it is about", "VARCHAR[]"]
    state: Annotated[str, "planned 已计划、held 已进行、acknowledged 坐席已确认、called_off 已取消 / how it stands"]
    made_at: Annotated[datetime, "建立时间 / when it was made"]
    planned_on: Annotated[date | None, "计划日期 / the day that it is planned for"]
    held_on: Annotated[date | None, "进行日期 / the day on which it was held"]
    acknowledged_at: Annotated[datetime | None, "坐席确认时间 / when the agent acknowledged it"]
    practise: Annotated[str, "要练的，其中的号码已遮盖 / what to practise, numbers masked"]
    for_agent: Annotated[str, "写给坐席的，其中的号码已遮盖 / notes for the agent, numbers masked"]
    agent_comment: Annotated[str, "坐席确认时写的，其中的号码已遮盖 / what the agent said to it, numbers masked"]


class CoachingExcerptRow(msgspec.Struct, frozen=True, gc=False):
    """辅导用的录音片段，每段一行 / excerpts in coaching sessions, one row each"""

    ref: Annotated[str, "辅导编号 / id of the session"]
    place: Annotated[int, "第几段，从 1 起 / its place in the session, from 1"]
    sha256: Sha256
    rule_id: RuleId
    kind: Annotated[str, "own 本人有问题的、good 好例 / the agent's own that was flagged, or a good one"]
    start_s: Annotated[float, "开始，秒 / where it begins, seconds"]
    end_s: Annotated[float, "结束，秒 / where it ends, seconds"]
    sound: Annotated[bool, "是否放声音（否则只看文字） / whether it is to be heard, or read alone"]
    comment: Annotated[str, "辅导员的说明，其中的号码已遮盖 / the coach's note, numbers masked"]


PeopleRow = (
    ReviewRow | AppealRow | ReleaseRow | ManualPointsRow | CorrectionRow | CoachingSessionRow | CoachingExcerptRow
)

PEOPLES_TABLES: dict[str, type[PeopleRow]] = {
    "reviews": ReviewRow, "appeals": AppealRow, "releases": ReleaseRow, "manual_points": ManualPointsRow,
    "corrections": CorrectionRow, "coaching_sessions": CoachingSessionRow, "coaching_excerpts": CoachingExcerptRow,
}  # fmt: skip
"""The class of the rows of each; `people_rows` makes them."""
