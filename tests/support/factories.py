"""Hand-made calls for the tests of store, excerpts and report: no model, no audio, the same for a seed."""

from __future__ import annotations

import hashlib
import math
import random
import wave
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from pipeline.call.build import build_call
from pipeline.datatypes import (
    CDR,
    Call,
    Evidence,
    Facts,
    HangUp,
    Judged,
    LineEvent,
    Outcome,
    Role,
    Roles,
    Scorecard,
    Turn,
    Verdict,
    Word,
)
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Failure, Hearing, Home, JudgedFile, RecordingRecord, Run
from pipeline.timeline import Span
from tests.support.talk import heard_call

CHINA = timezone(timedelta(hours=8))
NIGHT = datetime(2025, 3, 3, 9, 0, tzinfo=CHINA)
"""A Monday."""

AGENTS = (("1001", "李梅", "一组"), ("1002", "王强", "一组"), ("1003", "陈静", "二组"), ("1004", "Ann Lee", "EN"))

SCRIPTS: dict[str, Sequence[tuple[Role, str]]] = {
    "zh": (
        ("agent", "您好，安心家政，零零八号为您服务，请问有什么可以帮您？"),
        ("customer", "你好，我姓何，上次来修的洗衣机又坏了。"),
        ("agent", "何女士您好，给您添麻烦了，非常抱歉，我马上为您登记。"),
        ("customer", "那什么时候能来？我已经等了三天了。"),
        ("agent", "这个我也没办法，你再等等吧。"),
        ("customer", "你们这是什么态度啊。"),
        ("agent", "明天上午十点以前师傅会给您打电话，请问还有什么可以帮您？"),
        ("customer", "没有了。"),
        ("agent", "感谢您的来电，再见。"),
    ),
    "en": (
        ("agent", "Thank you for calling Harbor Repairs, this is Ann, how can I help you?"),
        ("customer", "Hi, my dishwasher leaks again since your visit."),
        ("agent", "I am so sorry about that, Mrs Hill. Let me book a technician."),
        ("customer", "When can somebody come?"),
        ("agent", "I can't do anything about that."),
        ("customer", "That is not good enough."),
        ("agent", "A technician will call you before ten. Is there anything else I can help with?"),
        ("customer", "No, that's all."),
        ("agent", "Thank you for calling, goodbye."),
    ),
}

RULES = ("greeting", "name-usage", "apology", "hang-up-order", "dead-air", "closing", "anything-else",
         "forbidden-phrases", "no-interruption")  # fmt: skip


def sha_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def make_turns(lines: Sequence[tuple[Role, str]], start_s: float = 0.5) -> tuple[Turn, ...]:
    """One turn a line, 0.25 s a character (zh) or 0.4 s a word (en), 0.5 s between turns."""
    turns: list[Turn] = []
    at_s = start_s
    for index, (role, text) in enumerate(lines):
        pieces = text.split() if " " in text and text.isascii() else list(text)
        step_s = 0.4 if len(pieces) < len(text) else 0.25
        channel = 0 if role == "agent" else 1
        words = tuple(
            Word(Span(round(at_s + i * step_s, 2), round(at_s + (i + 1) * step_s, 2)), piece, 0.9, channel)
            for i, piece in enumerate(pieces)
        )
        turns.append(Turn(index, Span(words[0].span.start_s, words[-1].span.end_s), f"ch{channel}", text, words))
        at_s = words[-1].span.end_s + 0.5
    return tuple(turns)


def facts_of(turns: Sequence[Turn], duration_s: float) -> Facts:
    """What is measured of a call of these turns."""
    lines = [(turn.speaker, turn.span.start_s, turn.span.end_s, turn.text) for turn in turns]
    transcript = heard_call(lines, duration_s=duration_s, channels=2)
    return build_call(transcript, CDR(channel_map={0: "agent", 1: "customer"})).facts


def make_verdict(rule_id: str, outcome: Outcome, evidence: tuple[Evidence, ...] = (), reason: str = "") -> Verdict:
    failed = outcome == "fail"
    return Verdict(
        rule_id, sha_of(rule_id)[:16], outcome, evidence, reason or f"{rule_id}: {outcome}",
        occurrences=max(1, len(evidence)) if failed else 0, deducted=5.0 if failed else 0.0,
    )  # fmt: skip


def hit_on(turn: Turn, reason: str = "") -> Evidence:
    return Evidence(turn.index, turn.span, turn.text, reason or f"turn {turn.index}")


def make_judged(
    name: str = "call-0",
    *,
    language: str = "zh",
    verdicts: Sequence[Verdict] | None = None,
    turns: tuple[Turn, ...] | None = None,
    cdr: CDR | None = None,
    score: float | None = 80.0,
    fatal: bool = False,
    sha256: str | None = None,
) -> Judged:
    """A call of nine turns whose fifth breaks forbidden-phrases, unless told otherwise."""
    turns = make_turns(SCRIPTS[language]) if turns is None else turns
    duration_s = (turns[-1].span.end_s if turns else 0.0) + 1.0
    sha256 = sha256 or sha_of(name)
    if verdicts is None:
        verdicts = (
            make_verdict("greeting", "pass", (hit_on(turns[0]),)),
            make_verdict("forbidden-phrases", "fail", (hit_on(turns[4], "没办法"),), "服务禁语：没办法"),
        )
    call = Call(
        sha256=sha256,
        language=language,
        cdr=cdr or CDR(call_id=name, agent_id="1001", agent_name="李梅", team="一组", started_at=NIGHT),
        turns=turns,
        roles=Roles({"ch0": "agent", "ch1": "customer"}, "channel-map", 1.0),
        voiced={"agent": tuple(t.span for t in turns if t.speaker == "ch0")},
        silences=(),
        overlaps=(),
        overlap_heard=True,
        events=(LineEvent(Span(0.0, 0.4), "ring", 0, 1),),
        levels_dbfs={"agent": (-20.0,) * int(duration_s * 4)},
        hang_up=HangUp("customer", "inferred", duration_s, "ch1 falls to digital silence first"),
        facts=facts_of(turns, duration_s),
    )
    card = Scorecard(sha256, f"hotline-{language}", sha_of(language), tuple(verdicts), score, 0.9, fatal)
    return Judged(call, card)


def make_night(count: int, seed: int = 1) -> list[Judged]:
    """`count` different calls over two weeks, four agents, two languages; about one check in eight fails."""
    random_ = random.Random(seed)
    night = []
    for index in range(count):
        agent_id, agent_name, team = AGENTS[index % len(AGENTS)]
        language = "en" if team == "EN" else "zh"
        turns = make_turns(SCRIPTS[language])
        verdicts = []
        for rule_id in RULES:
            draw = random_.random()
            if rule_id == "closing" and draw < 0.2:
                verdicts.append(make_verdict(rule_id, "fail", (), "结束语未说" if language == "zh" else "no goodbye"))
            elif draw < 0.12:
                evidence = tuple(hit_on(turn) for turn in random_.sample(turns, random_.choice((1, 1, 2))))
                verdicts.append(make_verdict(rule_id, "fail", evidence))
            elif draw < 0.2:
                verdicts.append(make_verdict(rule_id, "unsure"))
            elif draw < 0.3:
                verdicts.append(make_verdict(rule_id, "not_applicable"))
            else:
                verdicts.append(make_verdict(rule_id, "pass", (hit_on(turns[0]),)))
        failed = sum(v.outcome == "fail" for v in verdicts)
        night.append(
            make_judged(
                f"call-{index}",
                language=language,
                verdicts=verdicts,
                turns=turns,
                cdr=CDR(
                    call_id=f"C{index:06}", started_at=NIGHT + timedelta(hours=4 * index), agent_id=agent_id,
                    agent_name=agent_name, team=team, company="安心家政", queue="维修", direction="inbound",
                    caller_hash=sha_of(f"caller {index % 50}")[:16], extra={"phone": "13800138000"},
                ),
                score=max(0.0, 100.0 - 9.5 * failed),
                fatal=failed > 4,
            )
        )  # fmt: skip
    return night


def recorded(judged: Judged, path: Path, duration_s: float | None = None, channels: int = 2) -> Judged:
    """The same call as one of a recording that is written to `path`; no two calls have the same bytes."""
    write_wav(path, duration_s or judged.call.facts.duration_s, channels)
    with path.open("ab") as stream:
        stream.write(judged.call.sha256.encode())
    sha256 = file_sha256(path)
    card = judged.scorecard and replace(judged.scorecard, sha256=sha256)
    return Judged(replace(judged.call, sha256=sha256), card)


def save(home: Home, judged: Sequence[Judged], folder: str = "inbox") -> None:
    """Write the recordings' and judged files as a night does."""
    for item in judged:
        call = item.call
        record = RecordingRecord(
            call.sha256, 100_000, (f"{folder}/{call.cdr.call_id}.wav",), NIGHT, call.cdr
        )  # fmt: skip
        artefacts.write(home.recording(call.sha256), record)
        hearing = Hearing("f" * 64, "stereo", 0.98, {"recognizer": "faster-whisper base int8"})
        artefacts.write(home.judged(call.sha256), JudgedFile(sha_of(call.sha256), item, hearing))


def make_run(run_id: str = "2025-03-04T013000-1", **values: int) -> Run:
    started = datetime(2025, 3, 4, 1, 30, tzinfo=CHINA)
    return Run(run_id, started, started + timedelta(minutes=42), "completed", **values)


def make_failure(path: str = "inbox/broken.wav", reason: str = "no-samples") -> Failure:
    return Failure(sha_of(path), path, "decode", reason, "holds a header but no sound; ask for it again", NIGHT)


def write_wav(path: Path, duration_s: float, channels: int = 2, rate_hz: int = 8000) -> None:
    """A WAV whose channels hold tones of different pitch, so that it is true stereo."""
    t = np.arange(int(duration_s * rate_hz)) / rate_hz
    tones = [0.3 * np.sin(2 * math.pi * (300 + 200 * c) * t) for c in range(channels)]
    pcm = (np.stack(tones, axis=1) * 32767).astype("<i2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(2)
        stream.setframerate(rate_hz)
        stream.writeframes(pcm.tobytes())
