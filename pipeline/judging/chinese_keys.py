"""The Chinese words for what rulebooks are written with: every key and every fixed value, beside the English ones."""

from __future__ import annotations

import re

KEYS: dict[str, str] = {
    # a rule
    "id": "标识", "title": "标题", "zh": "中文", "en": "英文", "dimension": "维度", "why": "说明", "status": "状态",
    "severity": "严重程度", "tags": "标签", "weight": "权重", "deduct": "扣分", "each": "每次", "coverage": "覆盖率",
    "speaks": "发言", "applies": "适用", "require": "要求", "forbid": "禁止", "cases": "用例", "verdict": "判定",
    "call": "通话", "note": "备注", "at_most": "至多", "at_least": "至少",
    # rulebook.yaml
    "name": "名称", "language": "语言", "version": "版本", "dimensions": "各维度", "pass_mark": "及格线",
    "company": "公司", "names": "叫法", "agent_id": "工号", "scenarios": "各场景", "when": "当", "clues": "线索",
    "offer": "所需业务", "offers": "开展业务", "houses": "各家业务", "confidence": "把握", "sure": "确信",
    "doubtful": "存疑", "trust": "可信度", "precision": "准确率", "recall": "召回率", "n": "句数",
    # lists
    "phrases": "说法", "except": "例外",
    # conditions
    "as": "叫做", "for_each": "逐个", "all": "全部", "any": "任一", "none": "没有", "sequence": "依次", "times": "次数",
    "steps": "步骤", "said": "说过", "echo": "复述", "repeat": "重复", "said_back": "说回", "readback": "复核号码",
    "silence": "静默", "overlap": "插话", "hung_up": "挂断", "pace": "语速", "level": "音量", "response": "应答",
    "sound": "声音", "turn": "一口气", "use": "使用", "scenario": "场景", "cdr": "话单", "fact": "实测", "asks": "提问",
    # where to look
    "in": "范围", "turns": "轮次", "seconds": "秒数", "percent": "百分比", "after": "之后", "before": "之前",
    "around": "前后", "hit": "哪一处",
    # their parameters
    "by": "谁", "of": "条件", "per": "计次", "in_order": "按顺序", "any_time": "不论先后", "optional": "可选",
    "pattern": "正则", "entity": "实体", "act": "像例句", "unless": "除非", "unless_then": "除非接着", "sounds": "按音",
    "unless_said_before": "除非先说", "unless_customer_said": "除非客户说", "after_notice": "说明以后",
    "covers_s": "说明管几秒", "longer_than_s": "长于几秒", "not_over": "不算", "where": "哪一段", "kinds": "种类",
    "at_least_s": "至少几秒", "other_spoke_s": "对方说了几秒", "took_floor": "抢过话头", "min_chars": "最少字数",
    "over": "超过", "under": "低于", "over_s": "超过几秒", "for_s": "持续几秒", "jump_db": "高出分贝",
    "statistic": "统计", "questions": "问话", "fillers": "垫话", "lookback": "往回看", "similarity": "相似度",
    "with": "含有", "without": "未曾", "while": "当时", "least": "最短", "most": "最长", "is": "等于",
    "matches": "符合", "known": "有数", "question": "问题", "again": "换个问法",
}  # fmt: skip
"""English: Chinese."""

SAYING: dict[str, str] = {"坐席说": "agent", "客服说": "agent", "客户说": "customer"}
"""Short for `said` by one side: `坐席说: 您好`, or with parameters, `坐席说: {任一: $greeting, 除非: $no-greeting}`."""

VALUES: dict[str, tuple[str, ...]] = {
    "agent": ("坐席", "客服"), "customer": ("客户",), "any": ("任意",), "both": ("双方",), "system": ("系统",),
    "pass": ("达成", "通过"), "fail": ("未达成", "不通过"), "not_applicable": ("不适用",), "unsure": ("不可判",),
    "stable": ("计分",), "experimental": ("试行",), "retired": ("停用",),
    "minor": ("轻微",), "normal": ("一般",), "serious": ("严重",), "fatal": ("红线",),
    "booking": ("预约",), "complaint": ("投诉",), "complaint-commitment": ("投诉答复",),
    "each": ("每一处",), "first": ("第一处",), "last": ("最后一处",), "hit": ("处",), "turn": ("轮",),
    "ring": ("振铃",), "busy": ("忙音",), "dtmf": ("按键",), "music": ("音乐",), "prompt": ("录音",),
    "transfer": ("转接",), "inner": ("中间",), "leading": ("开头",), "trailing": ("结尾",),
    "very": ("很确信",), "fairly": ("大致确信",), "hardly": ("勉强",),
    "max": ("最长",), "median": ("中位数",), "customer_speaking": ("客户正在说",), "anytime": ("任何时候",),
    "zh": ("中文",), "en": ("英文",), "true": ("是",), "false": ("否",), "all": ("全部",),
    "PERSON_TITLE": ("称呼客户",), "SELF_NAME": ("自报姓名",), "AGENT_ID": ("工号",), "COMPANY": ("公司",),
    "OWN_NAME": ("客户姓名",), "PHONE": ("电话",), "DATE": ("日期",), "MONEY": ("金额",),
}  # fmt: skip
"""Fixed values. English: Chinese, the first of several is the one that is told."""

ENGLISH_KEYS = {chinese: english for english, chinese in KEYS.items()}
ENGLISH_VALUES = {chinese: english for english, several in VALUES.items() for chinese in several}

_FULL_WIDTH = re.compile(r"\s*(?:- *)*[{\[]?\s*([\w-]+)：")


def full_width_colon(text: str) -> str | None:
    """The key at the beginning of a text that has a full-width colon behind it, which YAML takes for a part of it."""
    found = _FULL_WIDTH.match(text)
    if found and (found[1] in KEYS or found[1] in ENGLISH_KEYS or found[1] in SAYING):
        return found[1]
    return None
