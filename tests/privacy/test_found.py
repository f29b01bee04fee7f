"""What is found of sensitive numbers, by kind: what stands between ⟦ and ⟧ must be hidden, and nothing else."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from pipeline.masks import MaskKind, hide
from pipeline.privacy.sensitive import find_masks
from tests.support.told_numbers import ToldNumberCall, marked_call

CODES = (
    "A What number do you type in at the barrier? | C It's ⟦one oh six six⟧."
    " | A ⟦1066⟧, ha. And the bill number, three digits? | C 904.",
    "A Your passphrase, please? | C It's ⟦blue moon⟧. | A And the order? It's on the slip, three digits. | C 475.",
    "A Security code? | C It's ⟦1 1 7⟧, expiry 03 29. | A Message 05, do not honour.",
    "C 短信上的取件码⟦63 05 18⟧打不开 | A 您看下提取码 | C ⟦x8k2⟧，提示 1103",
    "A 您家门锁密码是多少 | C 密码是⟦一九八四零六⟧ | A 好的",
    "A 无线密码在路由器背面 | C 看到了，⟦abc一二三四五⟧",
    "A 请问您设置的服务密码是什么 | C 是我生日那六位",
    "A 好的，请输入验证码 | C ⟦三七七二零八⟧ | A 您的积分是一万两千三百四十",
    "C 那个码是多少来着，哦，⟦五五零三⟧ | A 验证码是四位的是吧 | C 嗯，⟦五五零三⟧",
    "A 您当时的口令是什么 | C 口令是⟦芝麻开门⟧，对吧",
    "A And the memorable word? | C It's ⟦Blackpool⟧. | A Lovely, thanks.",
    "A And the security code? | C ⟦One hundred⟧ and ⟦seven⟧.",
    "A The opinion poll, please. | C It was 417 for, 388 against.",
    "A The door code is ⟦4471⟧, then press the bell symbol. | C ⟦4471⟧. Cheers.",
    "A What are the last three digits on the signature strip? | C ⟦Five one nine⟧.",
    "A What's your gate code? | C Star, ⟦one nine eight four⟧. | A See you at nine forty, then.",
    "C The password would be reset, they said. | A What happens when you type it? | C It just says invalid.",
    "A Could you tell me your password please? | C Um, ⟦Tangerine44⟧. | A ⟦Tangerine44⟧, okay.",
    "A The passcode was sent to your phone ending in 0132. | C Got it. It's ⟦six six two, nine oh one⟧.",
    "A What's the CVV and expiry? | C Oh, 08/27 and ⟦2 1 6⟧.",
    "A The courier's at your gate, he needs a number. | C The gate's ⟦4417⟧#. | A ⟦4417⟧ and then hash?",
    "A 请问您的登录名和密码 | C 登录名我忘了，密码是⟦hao 123 456⟧",
    "A Read me the code we sent. | C ⟦Eight eight one, two oh four⟧. | A Thanks. It's five working days, 260 in all.",
)
LETTERS = (
    "C I've been clamped, it's the dark blue Golf, ⟦G K 19 Y Z T⟧."
    " | A ⟦GK19 YZT⟧? And the ticket number? | C WB 0091 4472.",
    "A Go ahead with the plate. | C ⟦Lincoln, Paul, seven⟧. | A Yeah. | C ⟦Four four one nine⟧, Ohio I guess.",
    "A and the number plate | C ⟦ef why seven one gee aitch kay⟧ | A I don't know why one of them is dirty.",
    "A National Insurance? | C ⟦P as in Peter, W as in William⟧. | A And the last letter? | C ⟦D. D for dog⟧.",
    "A Your PPS number? | C ⟦6 4 1 7 0 2 2, T for Tango, A⟧. | A ⟦6417022TA⟧. | C And tyre size 205 55 R 16, 91 V.",
    "A What email? | C ⟦Dave the plumber at outlook dot ie⟧, or ⟦kim9 at hotmail⟧. | A At the station. It is near.",
    "A And an email address? | C ⟦Lucy dot hart at⟧ | A Yes? | C ⟦virgin media dot com⟧. I hope so.",
    "A 对方车牌呢 | C 记了，⟦鲁Q⟧， | A 嗯 | C ⟦5 N⟧，然后⟦0 8 3⟧，一辆白色的",
    "C 加我QQ邮箱，⟦八八三零二一七六四艾特 QQ 点 com⟧ | A ⟦883021764⟧，是这个吧",
    "A 邮箱前缀是什么 | C ⟦wu_jie0312⟧，后缀是⟦163.com⟧",
    "A 您报一下护照号 | C ⟦E 三四五，六七八九零⟧ | A ⟦E34567890⟧，对吗",
    "A 您的车牌号码是 | C ⟦粤B，D12345⟧，新能源的 | A ⟦粤BD12345⟧，好的",
    "C 车牌是沪牌，⟦沪A，一二三，C，八⟧ | A ⟦沪A123C8⟧是吧",
    "A Can I take the licence plate? | C It's California, ⟦7 X Y Z 1 2 3⟧. | A ⟦7XYZ123⟧.",
    "A Your registration? | C ⟦Golf November six eight, uniform kilo romeo⟧. | A ⟦GN68 UKR⟧, thanks.",
    "C The plate is a private one, ⟦B16 DAV⟧. | A What make is it? | C It's a 2019 Ford Focus, 1.5 litre.",
    "A What's your driver's license number? | C ⟦D as in dog, 6 1 2, 4 4 8 1⟧. | A ⟦D612-4481⟧?",
    "A National Insurance number? | C ⟦QQ 40 81 22 B⟧. | A ⟦Q for Quebec, Q, 40 81 22 B⟧?",
    "A The IBAN, please. | C ⟦GB29 NWBK 6016 1331 9268 19⟧. | A Fee's 9 euro 50.",
    "A Where do I send it? | C ⟦T for Tango, B-R-O-W-N, 1-9 at Yahoo dot co dot UK⟧.",
    "C Text is great. Or ⟦nina-b at protonmail dot com⟧, with a dash.",
    "A 下划线是吗，⟦chenhao 下划线 1990 @qq.com⟧ | C 对",
    "A I can see the policy. And the car on cover is ⟦KF68 UXT⟧?",
    "A 请报您的车牌号 | C 我念啊，⟦皖A，安徽的皖，8，8，K，零，三⟧ | A ⟦皖A88K03⟧，四小时",
    "C 邮箱是⟦零五七一八八二三三六艾特幺六三点com⟧ | A ⟦0571882336@163.com⟧对吧",
)
MISHEARD = (
    "A 麻烦您提供一下手机号 | C 收集号码，⟦要三摇，二摇六四，恶其二启旧⟧。",
    "A 请提供一下对公账户的账号 | C ⟦六四零零救救物气救救物气而不是其散流物⟧",
    "A 您的卡号报一下 | C ⟦129物散旧散，零起零起，要死旧旧流把散⟧。我就问问利息",
    "A 身份证号 | C ⟦要要零幺零八，二零零五零二要八，零三三八⟧",
    "A 您的手机号 | C ⟦一五舞 九九零二 三医三医⟧",
    "A 座机号 | C ⟦洞两幺，六四三怪，五五八勾⟧",
    "A And the number? | C ⟦oh won one seven, four nine six, oh double one nine⟧.",
    "A Card number? | C ⟦Four eight one eight, five two one seven, three nine oh six, nine seven to one⟧.",
    "A Security code? | C ⟦Too oh five⟧. | A That's for two people, from two to four?",
)
PARTS = (
    "A 旧卡号 | C ⟦6212261202011887345⟧，新的⟦6217 0028 7001 3356 201⟧ | A 旧卡尾号 7345，新卡尾号 6201，对吗",
    "A 手机号是⟦13705512286⟧ | C 不对，应该是⟦13705512268，六八⟧，不是八六",
    "C From my account ⟦40 01 77 33⟧, £880, reference RENT MAY. | A Oh, okay, ⟦4001 7733⟧.",
    "A And a number for the driver? | C ⟦478 555 0125⟧. That's ⟦four seven eight, triple five, zero one two five⟧.",
    "C My old number was ⟦0191 498 0202⟧ and the new one is ⟦0191 498 0220⟧.",
    "A 系统里是⟦320505198804130119⟧ | C 不对，最后是⟦零一一八⟧",
    "A 卡号 | C ⟦六二二二⟧ | A 嗯 | C ⟦零二幺零 零幺幺二⟧ | A 您说 | C ⟦三三四五 六七八⟧",
    "A The zip? | C 31210. | A And a number? | C ⟦478 555 0188⟧.",
    "C 有，换成⟦一三三五个五九二幺⟧",
)
STAY = (
    "C 行李怎么跑那去了，我飞的是西宁啊，CZ6915 | A 航班号我记下了，彩票 05 12 18 22 29 31 加 07",
    "A 您把卡号报一下 | C 后四位 8816 | A 您的固定额度 45000，临时额度 12000 | C 我账户里的 8000 被扣了 300",
    "C It keeps saying my router is 192.168.1.254, version 8.4.13.2."
    " | A Is that on the account? | C Yes, I used 1180 units.",
    "A Is that on the card ending 8801? | C No, the one ending 4416. | A I've raised dispute case 2024-118-7735.",
    "C 快递单号是七五三一二四六八零九九，你查一下",
    "C 我打了95533也没人接 | A 您可以拨打4008208820",
    "A You can reach billing on 0333 200 1010, that's open 8 till 6. | C 0333 200 1010. Thanks.",
    "A What's the reference on the letter? | C It's HX 4471 02. | A And the amount? | C 114 pounds 20.",
    "A 账号查到了，一共三百六十五块二 | C 那就打到尾号8860那张卡",
    "C CZ3104，十二月三号，从广州飞北京的",
    "A The National Insurance record shows 2009 to 2016. | C To 2017, I think.",
    "A Seats 22A and 22B, row 14, gate 9, at 14:20. | C And error 403 on the website.",
)


NAMES = (
    "A 收件人 | C ⟦鲁小满⟧，⟦满意的满⟧ | A ⟦鲁小满⟧，好的",
    "A 您怎么称呼 | C 我叫⟦孔令一⟧ | A 好的，⟦孔⟧女士",
    "A Can I take your full name? | C ⟦Orla Fenwick⟧. | A Thank you, ⟦Orla⟧.",
    "A How are you spelling that? | C ⟦F-E-N-W-I-C-K⟧. | A Right, ⟦Mrs. Fenwick⟧.",
    "C It's for my son, ⟦Tobias⟧. I'd rather have the blue one. | A Of course.",
)
ADDRESSES = (
    "A 寄到哪里 | C ⟦青岛市市南区海泊路十七号二单元四零二⟧",
    "C 现在是⟦新民大街三百号A座1107室⟧ | A 好的",
    "A Where do you live? | C ⟦14 Elmfield Road, Taunton, TA1 9ZZ⟧, with two cats.",
    "A And the zip? | C ⟦80299⟧.",
)
BY_SETTING: list[tuple[MaskKind, str]] = [
    *(("name", each) for each in NAMES),
    *(("address", each) for each in ADDRESSES),
]


@pytest.mark.parametrize(("kind", "script"), BY_SETTING)
def test_names_and_addresses_are_found_where_they_are_asked_for(kind: MaskKind, script: str) -> None:
    check(script, (kind,))
    assert not find_masks(told(script).call).found


@pytest.mark.parametrize("script", [*CODES, *LETTERS, *MISHEARD, *PARTS, *STAY])
def test_what_is_marked_is_hidden_and_all_else_stays(script: str) -> None:
    check(script)


def told(script: str) -> ToldNumberCall:
    lines = [(who, text) for who, _, text in (line.strip().partition(" ") for line in script.split("|"))]
    return marked_call(lines, "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in script) else "en")


def check(script: str, asked_for: Collection[MaskKind] = ()) -> None:
    wanted_call = told(script)
    found = find_masks(wanted_call.call, asked_for).found
    for turn in wanted_call.call.turns:
        wanted = [(start, end) for number, start, end in wanted_call.hidden if number == turn.index]
        masked = [(mask.start, mask.end) for mask in found if mask.turn == turn.index]
        assert _letters(hide(turn.text, masked)) == _letters(hide(turn.text, wanted))


def _letters(text: str) -> str:
    """A hidden text in which only letters, digits and what hides them count."""
    return "".join(character for character in text if character.isalnum() or character == "*")
