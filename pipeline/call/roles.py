"""Who is the agent, who the customer: a channel map if the CDR has one, else what each of them says.

Agents and customers say different things: one side greets for a company, asks for names and offers more help,
the other has a thing that is broken. Each phrase is a piece of evidence in log-odds; several weak ones add up
and contradicting ones cancel. When little or nothing speaks for either, the roles stay unknown: a swapped call
judged would be worse than one that is not.

Recognition slips (您贵性 for 您贵姓) are common at 8 kHz, so Chinese phrases are compared by sound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import CDR, Role, Roles, Transcript, Turn
from pipeline.language.backchannels import is_backchannel
from pipeline.language.sound_alike import heard_times, sounds_of
from pipeline.language.text import HAN_CHARACTER

ENOUGH = 1.2
"""Log-odds needed before anybody gets a role; about nine in ten decided so closely are right."""

MIXED = 2.5
"""The only voice of a mixed channel with this much evidence for both roles is likely two people."""

MOST_PER_PHRASE = 2
"""A phrase said again and again counts this many times."""

# The weights are natural log-odds that whoever says this is the agent (negative: the customer). They are set by
# hand from what the phrases mean, in steps of a half; they are not fitted to any calls.
_CHINESE: tuple[tuple[float, tuple[str, ...]], ...] = tuple(
    (weight, tuple(phrases.split()))
    for weight, phrases in (
        (
            3.0,
            """
            为您服务 有什么可以帮您 可以帮到您 有什么可以帮助您 有什么能帮您 很高兴为您 话务员 欢迎致电
            感谢您的来电 感谢来电 感谢您致电 感谢您的耐心等待 还有什么需要我 还有其他需要 还有什么可以帮
            还有其他可以帮 请问还有其他 还有别的需要
            """,
        ),
        (
            2.5,
            """
            请问您贵姓 您贵姓 先生贵姓 女士贵姓 您怎么称呼 怎么称呼您 祝您生活愉快 祝您工作顺利 祝您愉快
            请您稍后再拨 客服中心 客户服务中心 服务热线 支持中心 满意度评价 满意度调查 做个回访 做一个回访 感谢您的配合
            对我的服务
            """,
        ),
        (
            2.0,
            """
            跟您核对 和您核对 跟您确认 和您确认 帮您查 为您查 帮您登记 为您登记 帮您安排 为您安排 帮您办理
            为您办理 帮您转接 为您转接 给您带来 给您造成 让您久等 给您回电 深表歉意 请您稍等
            这里是 我这边是 打扰您 占用您 提醒您 通知您 给您打电话 给您打个电话 给您回个电话 跟您核实 和您核实 跟您了解
            您还满意 您满意 祝您 系统显示 系统里显示 工作日内
            """,
        ),
        (
            1.5,
            """
            您请讲 工号 非常抱歉 我帮您 我为您 我给您 请您 请问您 听到我的声音 电话已经接通 我们将 建议您 先生您
            女士您 请讲 打扰了 打扰一下 这边是 您方便 您看方便 您有一个 您有一笔 您考虑 您了解 给您发 给您介绍
            麻烦您提供 请提供 报一下 抱歉 给您推荐 恭喜您 请带好 请携带 请提前 请尽快 请及时 请务必 请留意 请注意
            """,
        ),
        (
            0.5,
            """
            您的 请稍等 核对一下 不客气 再次 对不起 我们这边 我们公司 我们店 建议 到期 逾期 别忘了
            """,
        ),
        (
            -3.0,
            """
            免贵 你们客服 你们公司 你这是什么态度 我要投诉
            """,
        ),
        (
            -2.5,
            """
            什么态度
            """,
        ),
        (
            -2.0,
            """
            我想问 我想查 我想预约 我想订 我想取消 我想退 我想换 我想咨询 我想改 我想办 我想报修 我要退 我要取消
            我要订 我要预约 我要查 我要办 我要换 我想请 麻烦您帮我 麻烦你帮我 怎么回事 我家的 我家里 我的电脑
            我的手机 我买的 我之前买 我打电话来 能不能帮我 可以帮我 你哪位 您哪位 你是哪位 你是哪里 你是谁 你打错了
            打错电话 不要再打 别再打 不感兴趣 我在开会 我在开车 我在上班
            """,
        ),
        (
            -1.5,
            """
            不需要 有什么事 什么事啊 你说吧 你讲吧 我没空 我现在忙 我在忙 我不在家 我老公 我老婆 我儿子 我女儿 我孩子
            你怎么有我 我收到 我家 我爸 我妈 我考虑 我想想 考虑考虑
            怎么又 怎么也不 真的假的 骗子 干嘛的 钱呢
            """,
        ),
        (
            -1.0,
            """
            你们 我的 我想 我要 帮我 没有了 没了 怎么办 什么时候能 多少钱 怎么还没 我刚才说 投诉 知道了
            谢谢你 谢谢啊 太好了 给我 发我 不可能 不用了 那行 行吧 好吧 我们家 我们小区
            我们这栋 太贵 太慢 太晚了 快点
            """,
        ),
    )
)

# What no fixed phrase says; searched without commas and spaces, one turn a line.
_CHINESE_PATTERNS: tuple[tuple[float, str], ...] = (
    # who calls asks for the person called, and names an employer
    (2.5, r"(?:请问)?您?是[\u3400-\u9fff]{1,4}(?:先生|女士|小姐|太太)(?:本人)?[吗吧么]|(?:先生|女士|小姐)本人"),
    (2.0, r"我(?:们)?是[\u3400-\u9fff]{2,10}(?:客服|顾问|经理|专员|工作人员|售后|公司的|中心的|银行的|快递的|热线的)"),
    (2.0, r"请问您?是[^。？！\n]{0,8}(?:机主|业主|车主|户主|家属|家长)"),
    (1.5, r"(?:我|我们|这里|这边)是(?!你们|住)[^。？！\n]{2,10}的(?=[您你想给请现今这。\n])"),
    (1.0, r"[\u3400-\u9fff](?:先生|女士|小姐)"),
    # who serves does things for the other, and knows what the other has asked for
    (1.0, r"[给帮为替]您"),
    (1.0, r"您(?:上次|上周|上个月|之前|前几天|前天|昨天|刚才|刚刚|本月|反映|投诉|申请|订的|订购|预约|购买)"),
    (1.0, r"有[^。？！\n]{0,4}优惠|优惠(?:活动|方案|价)|免费[^。？！\n]{0,2}(?:送|试|体验|领|改|上门)"),
    # who is called says so
    (-2.0, r"(?m:(?:^|[。？！])(?:[对嗯哎是喂]+)?(?:是我|我就是|我是)(?:[。？！啊呀]|$)|你是(?=[。？！]|$))"),
    (-2.0, r"(?m:(?:^|[。？！喂])(?:谁[呀啊]|哪位|什么事))"),
    (1.5, r"(?:公司|中心|物业|银行|医院|平台)的(?=[您你。\n])"),
    (1.0, r"[您你]在(?:什么|哪个)(?:位置|地方|小区)"),
    (-1.0, r"(?:多久|几天|什么时候|几点)(?:才|能|可以|来|到|送)|我(?:最近|今天|明天|后天|周末|晚上)(?:没|不|有|要|都)"),
    (-1.5, r"我(?:昨天|前天|上周|上个月|刚才|今天)?(?:已经)?(?:买了|订了|交了|还了|付了|打过|退了|等了)"),
    # a whole turn of agreement: agents are taught to say more
    (-0.5, r"(?m:^(?:对|好|行|是|嗯|可以|谢谢|好吧|行吧)[。！]?$)"),
)  # fmt: skip

_ENGLISH: tuple[tuple[float, str], ...] = (
    (3.5, r"how (?:may|can|could) (?:i|we) (?:help|assist|be of|[a-z]+ you)\b"),
    (3.0, r"thank(?:s| you)(?: so much| very much)? for (?:calling(?! (?:me )?back)|contacting|choosing)"),
    (3.0, r"thank(?:s| you)(?: so much| very much)? for (?:holding|waiting)"),
    (3.0, r"on a recorded line|am i speaking (?:with|to)"),
    (2.0, r"(?:may|can|could) i (?:please )?(?:speak|talk) (?:with|to) (?!an? |your |the |some)"),
    (2.0, r"is (?:this|that) (?:mr|mrs|ms|miss|dr)\b|(?:i have|there's) a (?:delivery|package|parcel) for\b"),
    (2.0, r"calling (?:you )?(?:from|on behalf of|to (?:follow up|remind you|let you know|confirm your))"),
    (2.0, r"calling (?:you )?(?:about|regarding|in regards? to|concerning|to discuss) your"),
    (2.0, r"how would you rate|on a scale (?:of|from)|how satisfied|(?:short|quick|brief) survey|remind(?:ing)? you"),
    (1.5, r"do you have a (?:minute|moment|few minutes)|sorry to (?:have )?(?:bother|trouble)|(?:is now"
          r"|is this) a good time"),
    (1.5, r"(?:this is|it's|my name is|i'm) [a-z]+(?: [a-z]+)?,? (?:calling |here )?(?:over )?(?:from|with"
          r"|at) (?!the\b|my\b|home|work)"),
    (1.5, r"(?:this is|it's|i'm|i am) (?:the|an?|your) (?!customer|member|client|tenant|patient"
          r"|guest)(?:[a-z]+ ){1,3}(?:from|with|at|on your|for) "),
    (2.0, r"returning your call|following up (?:on|with) (?!my|an?\b)|\byou (?:applied|signed up|asked us|sent us"
          r"|reported)"),
    (2.0, r"thank you for your (?:patience|time|cooperation|business|feedback|understanding|interest)"
          r"|how likely are you"),
    (1.5, r"\b(?:i'm|we're|i am|we are) with (?!you|my|him|her|them|the\b)|\bwe expect\b"),
    (1.0, r"\bwe(?:'d like to|'re (?:doing|offering|calling|running|asking)|(?:'ll|can| could| will) (?:send|mail"
          r"|help|give|get|offer|call))"),
    (1.0, r"(?:crews?|technicians?|engineers?|drivers?) (?:is|are|will)\b|i'm (?:very |so )?sorry (?:for your"
          r"|to hear|about)"),
    (1.5, r"\bwe have (?:a|an|some) (?:\w+ )?(?:deal|offer|promotion|special|opening|discount)|(?:free"
          r"|price) (?:quote|list)"),
    (1.5, r"(?:would you be|if you(?:'re| are)|are you(?: still)?) (?:at all )?(?:interested|considering|looking for)"),
    (1.5, r"\bi(?:'ve| have) (?:just |now )?(?:moved|added|made a note|put|noted|updated|blocked|credited|reset"
          r"|applied|scheduled|rescheduled)"),
    (1.0, r"\b(?:i|we)(?:'ll| will| can) (?:\w+ )?(?:issue|note|mark|block|ship|update|remove|credit|waive|reverse"
          r"|freeze|process|escalate|refund|reset)"),
    (1.0, r"\b(?:i|we)(?:'ll| will| can|'m| am) (?:\w+ )?(?:email|text|mail|sending|emailing|mailing|give|offer"
          r"|call|get|ship) you\b"),
    (1.0, r"\b(?:someone|somebody|(?:a|our|the) (?:driver|technician|crew|engineer|team)) will\b"),
    (1.0, r"\byou(?:'ll| will) (?:see|receive|get|need|have|hear|be)\b|\byou can (?!'t|not|you)"),
    (1.0, r"would you (?:like|prefer)\b|(?:verify|confirm) (?:a few|some|your)|for (?:security|verification)"),
    (2.5, r"(?:may|can|could) i (?:please )?(?:have|get|take|ask)(?: for)? your"),
    (2.5, r"anything else (?:i|we|that i) (?:can|could|may)|is there anything else"),
    (2.0, r"(?:hello|hi|morning|afternoon|evening)?,? ?(?:and )?welcome to"),
    (2.0, r"what(?:'s| is) your (?:full |first |last )?(?:account|name|phone|order|policy|booking|address)"),
    (1.5, r"(?:could|can|would) you (?:please )?(?:give|provide|confirm|tell|verify) (?:me |us )?(?:your|the)"),
    (1.5, r"(?:sorry|apologi[sz]e|apologies) for (?:the|any|your|this) (?:inconvenience|delay|trouble|wait)"),
    (1.5, r"call us (?:again|back)|please (?:call|try) (?:again|back)|you are connected to"),
    (1.5, r"let me (?:just |quickly |go ahead and )?(?:check|confirm|take|look|pull|see|find|verify|transfer|put)"),
    (1.0, r"\b(?:mr|mrs|ms|miss)\.? [a-z]+|\b(?:sir|ma'?am)\b"),
    (1.0, r"\byour (?:account|order|reservation|booking|room|policy|appointment|vehicle|card|service|ticket|details)"),
    (1.0, r"\byour (?:stay|visit|payment|delivery|purchase|subscription|claim|coverage|quote|date of birth|checkup)\b"),
    (1.0, r"(?:i'll|i will|we'll|we will|i can|we can) (?:go ahead|transfer|connect|book|arrange|schedule|send you)"),
    (1.0, r"please hold|hold the line|one moment|bear with me|certainly|you're welcome|my pleasure"),
    (1.0, r"customer (?:service|support|care)|this is [a-z]+ (?:speaking|from|with|at)|can you hear me"),
    (0.5, r"\bwe(?:'ve|'re|'ll| have| are| will)\b"),
    (0.5, r"have a (?:great|wonderful|nice|good|lovely) (?:day|evening|weekend|one)"),
    (-3.0, r"speak (?:to|with) (?:a|your|the) (?:supervisor|manager|human|person)"),
    (-3.0, r"(?:take me off|remove me from) your|stop calling|don't call (?:me )?(?:again|any)"),
    (-2.5, r"not interested|you(?:'ve| have)? got the wrong number|(?:have|got|is) the wrong number"),
    (-2.0, r"i(?:'m| am| was) calling (?:in |you )?(?:today )?(?:about|because|in regards(?: to)?|regarding"
           r"|for)(?! your?\b)"),
    (-2.0, r"(?<!ask )\bwho(?:'s| is) (?:this|calling)|\bthat's me\b|this is (?:he|she|him|her)\b|(?m:^speaking\.?$)"),
    (-2.0, r"\bi(?:'ve| have)? (?:bought|ordered|purchased|received|booked|paid) "),
    (-1.5, r"\bi(?:'d| would) (?:like|love) to|\bi (?:want|need|wanted|was hoping|was wondering) to"),
    (-1.5, r"\bthanks? (?:you )?(?:so much )?for (?:fixing|your help|helping|the help)"),
    (-1.5, r"that's (?:everything|all|it)\b|that would be all|\bnope?\b,? that"),
    (-1.5, r"\bthanks? (?:you )?(?:so much )?for (?:calling (?:me )?back|letting me know|the reminder|reminding me)"),
    (-1.5, r"\bi(?:'m| am) (?:at work|not (?:at )?home|driving|in a meeting|busy)|\bi got a (?:letter|text|message)"),
    (-1.5, r"\bmy (?:husband|wife|son|daughter|kids?|mother|father|mom|dad|boss)\b"),
    (-1.0, r"what(?:'s| is) this (?:about|regarding|in regards)|\b(?:for|with) me\b"),
    (-1.5, r"\bmy (?:internet|car|phone|order|package|account|computer|card|bill|laptop|printer|flight|vehicle)\b"),
    (-1.5, r"\bmy (?:tires?|truck|room|reservation|booking|subscription|username|number|address|bank|house|ticket)\b"),
    (-1.0, r"(?:isn't|is not|not|stopped|never|doesn't) work|broken|has been down|having (?:trouble|problems|issues)"),
    (-1.0, r"\bi(?:'ve| have) been|help me\b|unacceptable|ridiculous|my money|a refund|nobody (?:calls|answers)"),
    (-1.0, r"\bi (?:don't|do not) (?:want|need|think|know)|\bi (?:didn't|never|haven't|already)\b|\bi'll (?:take it"
           r"|be (?:home|there|here)|come by)"),
    (-1.0, r"\b(?:do|did|should) i (?:need|have|get|pay)|\bcan i (?!(?:get|have|take|ask|help|speak|talk|see|verify"
           r"|confirm|offer|do)\b)"),
    (-1.0, r"\bhow (?:fast|soon|long) (?:can|do|will|is|until|before)|\bwhen(?:'s| is| can| could| will) (?:it|they"
           r"|you|he|she|my)\b"),
    (-1.5, r"\byou guys\b|\b(?:you|they) (?:told|promised) (?:me|us)\b|\bi(?:'m| was) told\b"),
    (-1.0, r"\bhow much (?:is|does|do|will|would)|do you (?:have|guys|offer|know when)"),
)  # fmt: skip

_YOURS = re.compile(
    r"\byour\b(?! (?:company|people|drivers?|technicians?|staff|website|app|stores?|shops?|office|manager|colleagues?"
    r"|supervisor|system|products?|services?|agents?|team|help|dealership|hotel|bank|branch|clinic|restaurant))"
)
_MINE = re.compile(r"\bmy\b(?! (?:name is|name's|colleagues?|manager|supervisor|pleasure|apologies|system|screen))")


_BARE_GREETING = re.compile(
    r"(?:喂+|喂*[你您]好|喂+(?:[你您]好)?(?:请说|请讲|说|您说|你说|在呢)|喂*(?:[你您]好)?(?:哪位|哪里|哪个|谁[呀啊]?|干嘛的|什么事)"
    r"|(?:yeah|yes|hello|hi|hey|good(?:morning|afternoon|evening)|whatsup|who(?:is|s)this)+)+"
)


@dataclass(frozen=True, slots=True)
class RoleScore:
    """What a speaker's words say about the role, in log-odds (both at least 0), and how many pieces they rest on."""

    agent: float
    customer: float
    pieces: int

    @property
    def log_odds(self) -> float:
        """Log-odds of being the agent."""
        return self.agent - self.customer

    @property
    def mixed(self) -> bool:
        """Whether this sounds like two people: strong evidence both ways."""
        return min(self.agent, self.customer) >= MIXED


def script_evidence(texts: Iterable[str]) -> RoleScore:
    """Log-odds that whoever said these turns is the agent, from phrases in Chinese and English."""
    text = "\n".join(texts)
    agent = customer = 0.0
    pieces = 0

    def add(log_odds: float) -> None:
        nonlocal agent, customer
        agent, customer = agent + max(0.0, log_odds), customer + max(0.0, -log_odds)

    plain = re.sub(r"[，、,]|[^\S\n]", "", text)
    if HAN_CHARACTER.search(plain):
        sounds = sounds_of(plain)
        covered: list[str] = []
        for weight, phrases in sorted(_CHINESE, key=lambda item: -abs(item[0])):
            for phrase in sorted(phrases, key=len, reverse=True):
                if any(phrase in longer for longer in covered):
                    continue  # "我想" inside "我想问" is the same piece of evidence
                times = heard_times(phrase, plain, sounds)
                if times:
                    covered.append(phrase)
                    add(weight * min(times, MOST_PER_PHRASE))
                    pieces += 1
        for weight, pattern in _CHINESE_PATTERNS:
            times = len(re.findall(pattern, plain))
            if times:
                add(weight * min(times, MOST_PER_PHRASE))
                pieces += 1
        formal, plain_you = plain.count("您") - plain.count("您好"), plain.count("你") - plain.count("你好")
        # agents keep to 您, customers mostly do not
        pieces += abs(formal - plain_you) >= 2
        add(max(-1.5, min(1.5, 0.4 * formal - 0.4 * plain_you)))
    lowered = text.lower().replace("’", "'")
    if re.search(r"[a-z]{2}", lowered):
        for weight, pattern in _ENGLISH:
            times = len(re.findall(pattern, lowered))
            if times:
                add(weight * min(times, MOST_PER_PHRASE))
                pieces += 1
        # who serves speaks of what is yours and of us, who is served of what is mine
        yours = len(_YOURS.findall(lowered)) + 0.5 * len(re.findall(r"\b(?:we|us|our)\b", lowered))
        mine = len(_MINE.findall(lowered))
        pieces += abs(yours - mine) >= 2
        add(max(-1.5, min(1.5, 0.4 * yours - 0.4 * mine)))
    return RoleScore(agent, customer, pieces)


def assign(turns: Sequence[Turn], transcript: Transcript, cdr: CDR) -> Roles:
    """Give each speaker a role, or none. Works with one speaker (a silent call) and with more than two.

    Evidence: the CDR's channel map (true channels only); what is said; the agent's name and the company from the
    CDR; who speaks first, in the light of the call's direction. Confidence is the probability of the assignment
    under these log-odds.
    """
    said: dict[str, list[Turn]] = {}
    for turn in turns:
        said.setdefault(turn.speaker, []).append(turn)
    prompts = (PROMPT,) if said.pop(PROMPT, None) else ()
    stereo = transcript.channels > 1
    if stereo and cdr.channel_map:
        return _from_channel_map(cdr.channel_map, transcript.channels, prompts)

    log_odds: dict[str, float] = {}
    pieces = 0
    for speaker, own in said.items():
        score = script_evidence(turn.text for turn in own)
        log_odds[speaker], pieces = score.log_odds, pieces + score.pieces
        if len(said) == 1 and not stereo and score.mixed:
            # diarization heard one voice where there were two: half of what is said would be laid to the other
            return Roles({}, "mixed", 0.0, prompts)
    methods = ["script"] if pieces else []
    if _add_cdr(log_odds, said, cdr):
        methods.append("cdr")
    if len(said) > 1 and _add_first_voice(log_odds, turns, cdr):
        methods.append("first-voice")
    if not methods:
        return Roles({}, "none", 0.0, prompts)

    everyone = [f"ch{channel}" for channel in range(transcript.channels)] if stereo else sorted(said)
    return _decide(log_odds, said, everyone, "+".join(methods), prompts)


def _from_channel_map(channel_map: dict[int, Role], channels: int, prompts: tuple[str, ...]) -> Roles:
    roles: dict[str, Role] = {f"ch{c}": role for c, role in channel_map.items() if c < channels and role != "unknown"}
    missing = [f"ch{c}" for c in range(channels) if f"ch{c}" not in roles]
    if channels == 2 and len(missing) == 1 and roles:
        roles[missing[0]] = "customer" if "agent" in roles.values() else "agent"
    return Roles(dict(sorted(roles.items())), "channel-map", 1.0 if roles else 0.0, prompts)


def _add_cdr(log_odds: dict[str, float], said: dict[str, list[Turn]], cdr: CDR) -> bool:
    """Who names the company or introduces itself with the agent's name in its first turns."""
    used = False
    for speaker, own in said.items():
        opening = re.sub(r"[^\w]", "", "".join(turn.text for turn in own[:2])).lower()
        company = re.sub(r"[^\w]", "", cdr.company or "").lower()
        if company and len(company) >= 2 and company in opening:
            log_odds[speaker] += 1.0
            used = True
        name = re.sub(r"[^\w]", "", cdr.agent_name or "").lower()
        if name and re.search(rf"(?:我是|我叫|mynameis|thisis|iam|im){re.escape(name)}", opening):
            log_odds[speaker] += 2.5
            used = True
    return used


def _add_first_voice(log_odds: dict[str, float], turns: Sequence[Turn], cdr: CDR) -> bool:
    """An inbound call is answered by the agent, an outbound one by the customer. Weak: recordings begin late.

    Agents answer with more than a bare 喂 or hello. Who says that and no more was called, or waits to be heard.
    """
    spoken = [turn for turn in turns if turn.speaker in log_odds and re.search(r"\w", turn.text)]
    start = next((at for at, turn in enumerate(spoken) if not is_backchannel(turn.text)), None)
    if start is None:
        return False
    first = spoken[start]
    said = takewhile(lambda turn: turn.speaker == first.speaker, spoken[start:])
    bare = re.sub(r"[^\w]", "", "".join(turn.text for turn in said)).lower()
    if _BARE_GREETING.fullmatch(bare):
        log_odds[first.speaker] -= 2.0 if cdr.direction == "outbound" else 1.5
    elif cdr.direction == "outbound":
        log_odds[first.speaker] -= 1.0
    else:
        log_odds[first.speaker] += 0.75 if cdr.direction == "inbound" else 0.5
    return True


def _decide(
    log_odds: dict[str, float], said: dict[str, list[Turn]], everyone: list[str], method: str, prompts: tuple[str, ...]
) -> Roles:
    talk = {speaker: sum(turn.span.duration_s for turn in own) for speaker, own in said.items()}
    ranked = sorted(said, key=lambda s: (-log_odds[s], s))
    if len(ranked) == 1:
        only, odds = ranked[0], log_odds[ranked[0]]
        if abs(odds) < ENOUGH:
            return Roles({}, method, _probability(odds), prompts)
        roles: dict[str, Role] = {only: "agent" if odds > 0 else "customer"}
        rest = [speaker for speaker in everyone if speaker != only]
        if len(rest) == 1:
            roles[rest[0]] = "customer" if odds > 0 else "agent"
        return Roles(dict(sorted(roles.items())), method, _probability(odds), prompts)
    # With more than two voices the customer is the one who least sounds like an agent, among those with a real part.
    agent = ranked[0]
    parts = [speaker for speaker in ranked[1:] if talk[speaker] >= 0.1 * max(talk[s] for s in ranked[1:])]
    customer = min(parts, key=lambda s: (log_odds[s] - math.log(1.0 + talk[s]), s))
    difference = log_odds[agent] - log_odds[customer]
    third = tuple(sorted(speaker for speaker in ranked if speaker not in (agent, customer))) + prompts
    if difference < ENOUGH:
        return Roles({}, method, _probability(difference), third)
    return Roles(dict(sorted({agent: "agent", customer: "customer"}.items())), method, _probability(difference), third)  # type: ignore[arg-type]


def _probability(log_odds: float) -> float:
    """Evidence from one call is not independent: part of it counts, and nothing but a channel map is certain.

    The part was chosen among seven, by how well confidence agreed with being right on the rulebooks' cases, on written
    calls and on pieces of practice calls (`bench/roles.py`); no calls were kept aside.
    """
    return round(min(0.98, 1.0 / (1.0 + math.exp(-1.2 * abs(log_odds)))), 3)
