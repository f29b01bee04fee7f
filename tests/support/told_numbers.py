"""Calls in which somebody tells a number that must not be shown: seeded, in the ways people say and recognisers write.

In the scripts ⟦ and ⟧ stand around what has to be hidden: the digits, not what is said between them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.datatypes import CDR, Call, HangUp, Roles, Turn
from pipeline.datatypes import Facts as _Facts
from pipeline.timeline import Span
from tests.support.talk import words_of
from tests.support.told_ways import ACKS, ASKS, CHATTER, EN, HESITATIONS, LEADS, READ_BACKS, VOLUNTEERED, ZH

Script = list[tuple[str, str]]
"""Who ("A" agent, "C" customer) and what, with marks around what has to be hidden."""

KINDS = ("phone", "landline", "id", "card", "account", "code", "plate", "email")


@dataclass(frozen=True)
class ToldNumberCall:
    """A call, and where what has to be hidden stands: turn, start, end."""

    call: Call
    hidden: tuple[tuple[int, int, int], ...]
    kind: str
    way: str


def told_number_call(seed: int, language: str, kind: str | None = None) -> ToldNumberCall:
    """A call of that seed; without `kind` the seed chooses it too."""
    rng = random.Random(f"{seed} {language}")
    kind = kind or rng.choice(KINDS)
    way = rng.choice(list(WAYS))
    script = _dialogue(rng, language, kind, way)
    return _call(script, language, kind, way, speakers_known=rng.random() < 0.8)


def marked_call(script: Sequence[tuple[str, str]], language: str, kind: str = "", way: str = "") -> ToldNumberCall:
    """A call of a script with marks."""
    return _call(list(script), language, kind, way, True)


def _call(script: Script, language: str, kind: str, way: str, speakers_known: bool) -> ToldNumberCall:
    turns, hidden, at_s = [], [], 0.5
    for number, (who, marked) in enumerate(script):
        text = ""
        for piece in re.split("([⟦⟧])", marked):
            if piece == "⟦":
                begun = len(text)
            elif piece == "⟧":
                hidden.append((number, begun, len(text)))
            else:
                text += piece
        end_s = at_s + 0.2 * len(text) + 0.3
        turns.append(Turn(number, Span(at_s, end_s), who, text, words_of(text, at_s, end_s)))
        at_s = end_s + 0.4
    roles = Roles({"A": "agent", "C": "customer"} if speakers_known else {}, "script", 1.0)
    none: dict[str, object] = dict.fromkeys(_Facts.__slots__)
    facts = _Facts(**{**none, "duration_s": at_s + 1.0})  # type: ignore[arg-type]
    end = HangUp(None, "none", None, "")
    call = Call("0" * 64, language, CDR(), tuple(turns), roles, {}, (), (), False, (), {}, end, facts)
    return ToldNumberCall(call, tuple(hidden), kind, way)


# --- numbers ---------------------------------------------------------------------------------------------------------


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def luhn(body: str) -> str:
    """The digits with their check digit behind."""
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(body)))
    return body + str(-total % 10)


def identity(rng: random.Random) -> str:
    body = f"{rng.choice((110105, 310104, 440305, 330106, 510107))}{rng.randint(1950, 2004)}"
    body += f"{rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 3)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def _number(rng: random.Random, language: str, kind: str) -> tuple[str, list[list[int]]]:
    """Digits, and the groups in which they may be said."""
    if language == "zh":
        match kind:
            case "phone":
                return f"1{rng.choice('3456789')}{_digits(rng, 9)}", [
                    [3, 4, 4],
                    [3, 4, 4],
                    [4, 4, 3],
                    [3, 3, 5],
                    [11],
                    [2] * 5 + [1],
                    [5, 6],
                ]
            case "landline":
                area = rng.choice(("010", "021", "0755", "0571", "028"))
                body = rng.choice("2345678") + _digits(rng, 7)
                return area + body, [[len(area), 4, 4], [len(area), 8], [len(area), 2, 2, 2, 2], [len(area) + 8]]
            case "id":
                return identity(rng), [[6, 8, 4], [6, 4, 4, 4], [3, 3, 4, 4, 4], [18], [6, 4, 2, 2, 4], [2] * 9]
            case "card":
                body = (
                    luhn("62" + _digits(rng, 16)) if rng.random() < 0.6 else luhn(rng.choice("45") + _digits(rng, 14))
                )
                return body, [
                    [4, 4, 4, 4, 3] if len(body) == 19 else [4, 4, 4, 4],
                    [len(body)],
                    [6] + [4] * 2 + [len(body) - 14],
                ]
            case "account":
                count = rng.choice((12, 15, 17, 19))
                return rng.choice("123456") + _digits(rng, count - 1), [_even(count, 4), [count], _even(count, 3)]
            case _:
                count = rng.choice((3, 3, 4, 6, 6))
                return _digits(rng, count), [[count], [1] * count, _even(count, 3)]
    match kind:
        case "phone":
            return (
                f"{rng.randint(2, 9)}{rng.choice('01234568')}{rng.choice('2345678')}" + _north_american(rng),
                [[3, 3, 4], [3, 3, 2, 2], [10], [3, 7], [1] * 10],
            )
        case "landline":
            body = rng.choice(("020", "0161", "0121", "07700", "07"))
            return body + rng.choice("2345678") + _digits(rng, 10 - len(body)), [
                [len(body), 3, 8 - len(body)],
                [11],
                [len(body), 11 - len(body)],
                [5, 3, 3],
            ]
        case "id":
            return f"{rng.randint(100, 665)}{_digits(rng, 6)}", [[3, 2, 4], [9], [3, 3, 3]]
        case "card":
            body = luhn(rng.choice("45") + _digits(rng, 14)) if rng.random() < 0.8 else luhn("37" + _digits(rng, 12))
            return body, [
                [4, 4, 4, 4] if len(body) == 16 else [4, 6, 5],
                [len(body)],
                [2] * (len(body) // 2) + [1] * (len(body) % 2),
            ]
        case "account":
            count = rng.choice((8, 9, 10, 12))
            return _digits(rng, count), [_even(count, 4), [count], _even(count, 2), _even(count, 3)]
        case _:
            count = rng.choice((3, 3, 4, 6))
            return _digits(rng, count), [[count], [1] * count, _even(count, 3)]


def _north_american(rng: random.Random) -> str:
    return f"{rng.randint(2, 9)}{_digits(rng, 6)}"


def _even(count: int, size: int) -> list[int]:
    return [size] * (count // size) + ([count % size] if count % size else [])


# --- how a group is said and written ---------------------------------------------------------------------------------

_HAN = "零一二三四五六七八九"
_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def _zh_group(rng: random.Random, group: str, style: str) -> str:
    if style == "written" or "X" in group:
        return group
    if style == "spaced":
        return " ".join(group)
    if style == "times" and len(group) >= 3 and len(set(group)) == 1:
        return f"{_HAN[len(group)]}个{group[0] if rng.random() < 0.5 else _HAN[int(group[0])]}"
    one = "幺" if style == "yao" else "一"
    han = "".join(one if d == "1" else _HAN[int(d)] for d in group)
    return "、".join(han) if style == "apart" else han


def _en_group(rng: random.Random, group: str, style: str) -> str:
    if style == "written":
        return group
    if style == "spaced":
        return " ".join(group)
    if style == "pairs" and len(group) % 2 == 0:
        return " ".join(_pair(group[i : i + 2]) for i in range(0, len(group), 2))
    zero = rng.choice(("zero", "oh", "o", "zero"))
    words, at = [], 0
    while at < len(group):
        digit = group[at]
        run = 1
        while at + run < len(group) and group[at + run] == digit and run < 3:
            run += 1
        word = zero if digit == "0" else _ONES[int(digit)]
        if style == "double" and run > 1:
            words.append(f"{'double' if run == 2 else 'triple'} {word}")
            at += run
        else:
            words.append(word)
            at += 1
    return (", " if style == "apart" else " ").join(words)


def _pair(two: str) -> str:
    if two[0] == "0":
        return f"oh {_ONES[int(two[1])]}" if two[1] != "0" else "double oh"
    if two[0] == "1":
        return _TEENS[int(two[1])]
    return _TENS[int(two[0])] + (f"-{_ONES[int(two[1])]}" if two[1] != "0" else "")


def _pieces(rng: random.Random, language: str, digits: str, groups: Sequence[int]) -> list[str]:
    """The number in marked groups."""
    styles = (
        ("written", "written", "spaced", "han", "yao", "yao", "times", "apart")
        if language == "zh"
        else ("written", "written", "spaced", "words", "double", "pairs", "apart")
    )
    style = rng.choice(styles)
    pieces, at = [], 0
    for size in groups:
        group = digits[at : at + size]
        at += size
        if group:
            own = rng.choice(styles) if rng.random() < 0.15 else style
            made = (_zh_group if language == "zh" else _en_group)(rng, group, own)
            pieces.append(f"⟦{made}⟧")
    return pieces


def _misheard(rng: random.Random, digits: str) -> str:
    """A digit lost, doubled or heard as another."""
    at = rng.randrange(1, len(digits))
    match rng.randrange(3):
        case 0:
            return digits[:at] + digits[at + 1 :]
        case 1:
            return digits[:at] + digits[at] + digits[at:]
        case _:
            return digits[:at] + str((int(digits[at]) + 1) % 10 if digits[at] != "X" else 0) + digits[at + 1 :]


# --- e-mail and plates -----------------------------------------------------------------------------------------------


def _mail(rng: random.Random, language: str) -> str:
    name = rng.choice(("zhangwei", "lihua", "wangfang88", "chen.jie", "xiaoliu2001", "mike_liu"))
    if language == "zh":
        host = rng.choice(("163", "qq", "126", "gmail", "sina"))
        if rng.random() < 0.3:
            return f"⟦{name}@{host}.com⟧"
        if rng.random() < 0.3:
            name = rng.choice((_digits(rng, 9), "".join(_HAN[int(d)] for d in _digits(rng, 8))))
        at = rng.choice(("艾特", "@", "小老鼠", " at ", "，艾特，"))
        dot = rng.choice(("点", ".", " dot "))
        return f"⟦{name}{at}{host}{dot}com⟧"
    name, host = (
        rng.choice(("john.smith", "mary_jones", "kate42", "tom.h.brown", "dan99")),
        rng.choice(("gmail", "yahoo", "outlook", "my company")),
    )
    if rng.random() < 0.3:
        return f"⟦{name}@{host.replace(' ', '')}.com⟧"
    said = name.replace(".", " dot ").replace("_", " underscore ")
    if rng.random() < 0.3:
        said = " ".join(said)[:29] if " " not in said else said
    return f"⟦{said} at {host} dot {rng.choice(('com', 'com', 'co dot uk', 'net'))}⟧"


def _plate(rng: random.Random, language: str) -> list[str]:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    if language == "zh":
        head = rng.choice("京沪粤浙苏川鄂湘") + rng.choice(letters)
        tail = [
            rng.choice(letters) if rng.random() < 0.2 else rng.choice("0123456789")
            for _ in range(rng.choice((5, 5, 6)))
        ]
        tail[-1] = rng.choice("0123456789")
        if rng.random() < 0.4:
            tail = [("幺" if c == "1" else _HAN[int(c)]) if c.isdigit() else c for c in tail]
        between = rng.choice(("", "·", " ", "，"))
        return [f"⟦{head}{between}{rng.choice(('', '', ' ')).join(tail)}⟧"]
    if rng.random() < 0.5:
        head, tail = "".join(rng.choices(letters, k=2)), "".join(rng.choices(letters, k=3))
        plate = f"{head}{_digits(rng, 2)} {tail}"
    else:
        plate = f"{rng.randint(1, 9)}{''.join(rng.choice(letters) for _ in range(3))}{_digits(rng, 3)}"
    return [f"⟦{plate}⟧" if rng.random() < 0.6 else f"⟦{' '.join(plate.replace(' ', ''))}⟧"]


# --- the dialogue ----------------------------------------------------------------------------------------------------

_JOINS = {
    "zh": (
        "，",
        " ",
        "-",
        "、",
        "。",
        "，嗯，",
        "，然后",
        "，然后是",
        " 再 ",
        "，呃，",
        "……",
        "，后面是",
        "，接着",
        "，",
    ),
    "en": (", ", " ", "-", ". ", ", uh, ", " and then ", ", then ", " ... ", ", um ", " dash ", ", and ", ", okay, "),
}


def _joined(rng: random.Random, language: str, pieces: Sequence[str]) -> str:
    join = rng.choice(_JOINS[language])
    text = pieces[0]
    for piece in pieces[1:]:
        own = rng.choice(_JOINS[language]) if rng.random() < 0.2 else join
        if own == "-" and not (text[-2].isdigit() and piece[1].isdigit()):
            own = " "
        text += own + piece
    return text


def _end(language: str) -> str:
    return "。" if language == "zh" else "."


def _one_turn(rng: random.Random, language: str, pieces: list[str], kind: str) -> Script:
    return [
        (
            "C",
            rng.choice(LEADS[language][""] + LEADS[language].get(kind, ()))
            + _joined(rng, language, pieces)
            + _end(language),
        )
    ]


def _over_turns(rng: random.Random, language: str, pieces: list[str], kind: str) -> Script:
    script: Script = []
    at = 0
    while at < len(pieces):
        size = rng.choice((1, 1, 2))
        lead = (
            rng.choice(LEADS[language][""] + LEADS[language].get(kind, ()))
            if not at
            else rng.choice(HESITATIONS[language])
        )
        script.append(("C", lead + _joined(rng, language, pieces[at : at + size]) + _end(language)))
        at += size
        if at < len(pieces):
            script.append(("A", rng.choice(ACKS[language])))
    return script


def _echoed(rng: random.Random, language: str, pieces: list[str], kind: str) -> Script:
    """The agent repeats every group."""
    script: Script = []
    for number, piece in enumerate(pieces):
        lead = rng.choice(LEADS[language][""]) if not number else ""
        script += [
            ("C", lead + piece + _end(language)),
            (
                "A",
                piece + rng.choice(("，嗯。", "。", "，好。") if language == "zh" else (".", ", okay.", ", got it.")),
            ),
        ]
    return script


def _read_back(rng: random.Random, language: str, pieces: list[str], kind: str) -> Script:
    script = (_over_turns if rng.random() < 0.3 else _one_turn)(rng, language, pieces, kind)
    number = _joined(rng, language, pieces)
    back = rng.choice(READ_BACKS[language]).format(number=number)
    return [
        *script,
        ("A", back),
        (
            "C",
            rng.choice(
                ("对的。", "没错。", "嗯，是的。") if language == "zh" else ("Yes.", "That's right.", "Correct.")
            ),
        ),
    ]


def _corrected(rng: random.Random, language: str, pieces: list[str], kind: str) -> Script:
    """The last group is said wrong at first."""
    if len(pieces) < 2:
        return _read_back(rng, language, pieces, kind)
    wrong = pieces[-2]
    sorry = rng.choice(
        ("不对，是", "啊说错了，是", "哦不是，", "，错了，应该是")
        if language == "zh"
        else (". Sorry, ", ", no wait, ", ". I mean ", ", sorry, it's ")
    )
    text = _joined(rng, language, [*pieces[:-1], wrong]) + sorry + pieces[-1]
    return [("C", rng.choice(LEADS[language][""]) + text + _end(language))]


WAYS: dict[str, Callable[[random.Random, str, list[str], str], Script]] = {
    "one turn": _one_turn,
    "over turns": _over_turns,
    "echoed": _echoed,
    "read back": _read_back,
    "corrected": _corrected,
    "misheard": _one_turn,
    "volunteered": _one_turn,
}


def _dialogue(rng: random.Random, language: str, kind: str, way: str) -> Script:
    if kind == "email":
        pieces = [_mail(rng, language)]
    elif kind == "plate":
        pieces = _plate(rng, language)
    else:
        digits, groupings = _number(rng, language, kind)
        if way == "misheard" and len(digits) > 6:
            digits = _misheard(rng, digits)
        pieces = _pieces(rng, language, digits, rng.choice(groupings))
    if kind in ("email", "plate") and way in ("corrected", "echoed"):
        way = "read back"
    asked: Script = [("A", rng.choice(ASKS[language][kind]))]
    if way == "volunteered" and kind in VOLUNTEERED[language]:
        told = [("C", rng.choice(VOLUNTEERED[language][kind]).format(number=_joined(rng, language, pieces)))]
        asked = []
    else:
        told = WAYS[way](rng, language, pieces, kind)
    chatter = list(CHATTER[language])
    rng.shuffle(chatter)
    before, after = chatter[: rng.randint(1, 3)], chatter[3 : 3 + rng.randint(1, 3)]
    fill = lambda pair: [(who, _filled(rng, text)) for who, text in pair]  # noqa: E731
    greeting = ("A", ZH[0] if language == "zh" else EN[0])
    return [greeting, *(t for p in before for t in fill(p)), *asked, *told, *(t for p in after for t in fill(p))]


def _filled(rng: random.Random, text: str) -> str:
    """Harmless numbers in the places of a sentence: {4} is four digits."""
    return re.sub(r"\{(\d+)\}", lambda found: rng.choice("123456789") + _digits(rng, int(found[1]) - 1), text)
