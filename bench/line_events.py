"""What the line did, against what it is known to have done: precision and recall of every event, by codec and noise.

    python bench/line_events.py                                    # every codec, clean, 20 and 10 dB: minutes
    python bench/line_events.py --codecs gsm --noise 10 --calls 6  # one corner of it
    python bench/line_events.py --write                            # and keep the table in bench/results

The calls are made here: speech of data/samples, and round it ring-back and busy tone of several countries, recorded
prompts, keys, music in queues and on hold, and lines that end as recorders keep them. Two thirds are stereo. They
go through `pipeline.evaluation.degrade` and the whole of `pipeline.run.hear_audio` with the real voice activity;
the words are given (`models.scripted`), as no engine's mistakes are to be measured here. Every call is another one, in
every cell of the table.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from models.scripted import ScriptedRecognizer
from models.vad import SileroVoiceActivity
from pipeline.call.build import build_call
from pipeline.datatypes import (
    CDR,
    Audio,
    Call,
    EventKind,
    Samples,
    SpeakerSpan,
    Transcript,
)
from pipeline.evaluation.degrade import Rendering, degrade
from pipeline.hearing.decode import decode
from pipeline.run import Engines, hear_audio
from pipeline.settings import load_settings
from pipeline.timeline import Span, Timeline
from tests.support import telephone as line
from tests.support.telephone import RATE_HZ, Sound

SAMPLES = CHECKOUT / "data" / "samples"
RESULTS = CHECKOUT / "bench" / "results" / "line-events.md"
AGENT, CUSTOMER = 0, 1
ANNOUNCED = {
    "zh": ("您的通话可能会被录音，普通话请按一，人工服务请按零。", "坐席全忙，请您耐心等待。"),
    "en": (
        "This call may be recorded for quality. Press one for sales, or press zero.",
        "All of our agents are busy, please stay on the line and wait.",
    ),
}
PACE_S = {"zh": 0.22, "en": 0.065}
"""How long a letter takes to say."""
ASKED = {"zh": "喂？喂？", "en": "Hello? Hello?"}
NOTICE = {"zh": "好的，请您稍等，我帮您查一下。", "en": "Please hold, let me check that for you."}


# --- calls with known events


@dataclass(frozen=True)
class Said:
    """A turn: `role` is agent, customer or prompt; `sound` is None when the turn has no sound of its own."""

    role: str
    text: str
    sound: Sound


@dataclass(frozen=True)
class Event:
    """Something on one leg; `count` is of rings, beeps or keys."""

    kind: EventKind
    leg: int
    span: Span
    count: int | None = None


@dataclass
class Known:
    """A call in the making, then the call: both legs, and all that is known of it."""

    language: str
    legs: list[list[tuple[float, Sound]]] = field(default_factory=lambda: [[], []])
    events: list[Event] = field(default_factory=list)
    turns: list[tuple[Span, Said]] = field(default_factory=list)
    hung_up_by: str | None = None
    told: bool = False
    """Whether two channels tell who hung up, and (`told_mixed`) whether one does."""
    told_mixed: bool = False

    def put(self, leg: int, at_s: float, sound: Sound) -> float:
        """Add a sound, and return when it ends."""
        self.legs[leg].append((at_s, sound))
        return at_s + sound.size / RATE_HZ

    def event(self, kind: EventKind, leg: int, at_s: float, sound: Sound, count: int | None = None) -> float:
        end_s = self.put(leg, at_s, sound)
        self.events.append(Event(kind, leg, Span(at_s, end_s), count))
        return end_s

    def say(self, at_s: float, said: Said) -> float:
        end_s = self.put(CUSTOMER if said.role == "customer" else AGENT, at_s, said.sound)
        self.turns.append((Span(at_s, end_s), said))
        return end_s

    def first_s(self, role: str) -> float:
        return min(span.start_s for span, said in self.turns if said.role == role)


@cache
def voices() -> tuple[tuple[str, tuple[Said, ...]], ...]:
    """The turns of every stereo sample: its language, and who says what with what sound."""
    settings, found = load_settings(), []
    for file in sorted(SAMPLES.glob("*.json")):
        truth = json.loads(file.read_text(encoding="utf-8"))
        # the short ones are of agents so rude that on one channel nobody could tell the sides by their words
        if truth["channels"] != {"0": "agent", "1": "customer"} or len(truth["turns"]) < 9:
            continue
        recording = next(path for path in SAMPLES.glob(f"{file.stem}.*") if path.suffix != ".json")
        samples = decode(recording, settings.decode, settings.ingest).samples[:, ::2]
        turns = []
        for turn in truth["turns"]:
            part = slice(round(turn["start_s"] * RATE_HZ), round(turn["end_s"] * RATE_HZ))
            sound = samples[CUSTOMER if turn["role"] == "customer" else AGENT, part].astype(np.float64)
            turns.append(Said(turn["role"], turn["text"], sound))
        found.append((truth["language"], tuple(turns)))
    return tuple(found)


def make(seed: int) -> tuple[Known, Audio]:
    """A call of known events, the same for a seed; (2, n) at 8 kHz, the agent's leg first."""
    rng = np.random.default_rng(seed)
    language, turns = voices()[rng.integers(len(voices()))]
    others = [said for tongue, own in voices() if tongue == language for said in own if said.role == "agent"]
    known = Known(language)
    speech_dbfs = {"agent": rng.uniform(-30, -17), "customer": rng.uniform(-32, -17), "prompt": rng.uniform(-26, -17)}

    def spoken(said: Said, role: str | None = None, text: str | None = None) -> Said:
        role = role or said.role
        return Said(role, text or said.text, line.at_level(said.sound, speech_dbfs[role]))

    def prompt(which: int) -> Said:
        text = ANNOUNCED[language][which]
        sound = np.concatenate([others[number].sound for number in rng.permutation(len(others))[:4]])
        return spoken(Said("prompt", text, sound[: round(PACE_S[language] * len(text) * RATE_HZ)]))

    def keys(at_s: float, count: int) -> float:
        length_s, pause_s, dbfs = rng.uniform(0.06, 0.2), rng.uniform(0.06, 0.4), rng.uniform(-28, -12)
        parts = []
        for _ in range(count):
            name = "0123456789*#ABCD"[rng.integers(16)]
            pressed = line.key(name, length_s, dbfs, rng.uniform(-6, 4), 1 + rng.uniform(-0.01, 0.01))
            parts += [pressed, line.silence(pause_s * rng.uniform(0.9, 1.3))]
        return known.event("dtmf", CUSTOMER, at_s, np.concatenate(parts[:-1]), count)

    def ringing(at_s: float, count: int) -> float:
        pattern = line.RINGS[str(rng.choice(list(line.RINGS)))]
        sound = line.cadence(count, pattern, rng.uniform(-30, -14), 1 + rng.uniform(-0.015, 0.015))
        cut_s = 0.0
        if rng.random() < 0.3 and count > 1:
            cut_s = rng.uniform(0.1, pattern[0][0] - 0.25)
        end_s = known.event("ring", AGENT, at_s, sound[: sound.size - round(cut_s * RATE_HZ)], count)
        return end_s + (rng.uniform(0.05, 0.3) if cut_s else rng.uniform(0.2, min(2.5, pattern[-1][0])))

    def playing(at_s: float, seconds: float) -> float:
        kind = line.MUSIC[rng.integers(len(line.MUSIC))]
        return known.event("music", AGENT, at_s, line.music(kind, seconds, rng, rng.uniform(-32, -18)))

    at_s = rng.uniform(0.3, 2.0)
    if rng.random() < 0.7:
        at_s = ringing(at_s, int(rng.integers(1, 7)))
    if rng.random() < 0.5:
        at_s = known.say(at_s, prompt(0)) + rng.uniform(0.3, 2.0)
        if rng.random() < 0.8:
            at_s = keys(at_s, int(rng.integers(1, 5))) + rng.uniform(0.3, 1.0)
    if rng.random() < 0.5:
        at_s = playing(at_s, rng.uniform(6, 20)) + rng.uniform(0.2, 1.0)
        if rng.random() < 0.3:
            at_s = known.say(at_s, prompt(1)) + rng.uniform(0.3, 1.0)
            at_s = playing(at_s, rng.uniform(6, 12)) + rng.uniform(0.2, 1.0)

    count = int(rng.integers(5, len(turns) + 1))
    middle = int(rng.integers(2, count - 1))
    for number, said in enumerate(turns[:count]):
        at_s = known.say(at_s, spoken(said)) + rng.uniform(0.3, 0.9)
        if number != middle:
            continue
        if rng.random() < 0.4:
            at_s = keys(at_s, int(rng.integers(4, 12))) + rng.uniform(0.5, 1.5)
        if rng.random() < 0.5:
            notice = next(other for other in others if other.sound.size < 4 * RATE_HZ)
            at_s = known.say(at_s, spoken(notice, text=NOTICE[language])) + rng.uniform(0.3, 1.0)
            at_s = playing(at_s, rng.uniform(5, 16)) + rng.uniform(0.3, 1.0)
        elif rng.random() < 0.3:
            at_s = ringing(at_s + 0.5, int(rng.integers(1, 3)))
    end_s, dead_s = finish(known, at_s, rng)
    return known, assembled(known, end_s, dead_s, rng)


def finish(known: Known, at_s: float, rng: np.random.Generator) -> tuple[float, list[float]]:
    """How the call ends: its end, and from when on each leg's recorder gets nothing."""
    leaver = int(rng.integers(2))
    other = 1 - leaver
    known.hung_up_by = "agent" if leaver == AGENT else "customer"
    at_s += rng.uniform(0.2, 1.0)
    if rng.random() < 0.5:
        known.put(leaver, at_s, line.click(rng, rng.uniform(-30, -10)))
    way = rng.choice(["silence", "busy", "both", "together"], p=[0.4, 0.35, 0.1, 0.15])
    gone_s = [np.inf, np.inf]
    gone_s[leaver] = at_s + 0.03
    known.told = way != "together"
    after_s = at_s + rng.uniform(0.2, 1.5)
    if way == "busy":
        pattern = line.BUSIES[str(rng.choice(list(line.BUSIES)))]
        count = int(rng.integers(3, 9))
        sound = line.cadence(count, pattern, rng.uniform(-30, -14), 1 + rng.uniform(-0.015, 0.015))
        known.event("busy", leaver, after_s, sound, count)
        if count > 4 and rng.random() < 0.4:
            # who is left asks whether anybody is there: on one channel nothing else tells who that is
            own = next(said.sound for _, said in reversed(known.turns) if said.role == ("agent", "customer")[other])
            asked = Said(("agent", "customer")[other], ASKED[known.language], own[:RATE_HZ])
            known.say(after_s + rng.uniform(0.8, 1.2), asked)
            known.told_mixed = True
        after_s += sound.size / RATE_HZ
        return after_s + rng.uniform(0, pattern[-1][0]), gone_s
    if way == "together":
        gone_s[other] = gone_s[leaver]
    if way == "both":
        # the other side hears that nobody is there, and leaves as well
        after_s += rng.uniform(1, 3)
        gone_s[other] = after_s
    return after_s + rng.uniform(0.8, 3.0), gone_s


def assembled(known: Known, end_s: float, gone_s: Sequence[float], rng: np.random.Generator) -> Audio:
    legs = []
    for leg, parts in enumerate(known.legs):
        whole = line.noise(end_s, rng, rng.uniform(-64, -50))
        whole[round(min(gone_s[leg], end_s) * RATE_HZ) :] = 0.0
        for at_s, sound in parts:
            start = round(at_s * RATE_HZ)
            whole[start : start + sound.size] += sound[: whole.size - start]
        legs.append(whole)
    samples = np.clip(np.stack(legs), -1, 1).astype(np.float32)
    return Audio(samples, "stereo", RATE_HZ)


# --- hearing them


class KnownSpeakers:
    """A diarizer that is told who speaks when."""

    fingerprint = "known speakers"
    overlap_aware = True

    def __init__(self, known: Known) -> None:
        names = {"agent": "S1", "customer": "S2", "prompt": "S3"}
        self._spans = sorted(
            (SpeakerSpan(span, names[said.role]) for span, said in known.turns), key=lambda item: item.span
        )

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        return self._spans


def hear(known: Known, audio: Audio) -> tuple[Transcript, Call]:
    """The call as the product hears it, its words and (on one channel) its speakers given."""
    lines: dict[int, list[tuple[Span, str]]] = {0: [], 1: []}
    for span, said in known.turns:
        channel = CUSTOMER if said.role == "customer" and audio.channels > 1 else 0
        lines[channel].append((span, said.text))
    engines = Engines(SileroVoiceActivity(), ScriptedRecognizer(lines, known.language), KnownSpeakers(known))
    heard = hear_audio(audio, "0" * 64, engines, load_settings())
    told = CDR(channel_map={AGENT: "agent", CUSTOMER: "customer"} if audio.channels > 1 else None)
    return heard, build_call(heard, told)


# --- scores


Tally = Counter[str]
"""right: what was found and is so; found: all that was found; true: all that is so. Events, keys or seconds."""


def score(known: Known, heard: Transcript, call: Call) -> dict[str, Tally]:
    """Tallies of every kind of event in one call."""
    stereo = heard.channels > 1
    events = [(m.kind, m.channel, m.span, m.count) for m in heard.events]
    tallies: dict[str, Tally] = defaultdict(Counter)
    for kind in ("ring", "busy"):
        found = [(channel, span, count) for k, channel, span, count in events if k == kind]
        true = [(e.leg if stereo else None, e.span, e.count) for e in known.events if e.kind == kind]
        same = sum(
            any(a == c and _same(span, other) and (kind == "busy" or n == m) for c, other, m in true)
            for a, span, n in found
        )
        tallies[kind] += Counter(right=same, found=len(found), true=len(true))
    keys = [(m.span, m.count or 0) for m in heard.events if m.kind == "dtmf" and m.channel in (None, CUSTOMER)]
    pressed = [(event.span, event.count or 0) for event in known.events if event.kind == "dtmf"]
    right = sum(
        min(count, sum(n for span, n in keys if span.overlap_s(wide) > 0))
        for (true_span, count) in pressed
        for wide in [Span(true_span.start_s - 0.05, true_span.end_s + 0.05)]
    )
    every = sum(count or 0 for kind, _, _, count in events if kind == "dtmf")
    tallies["keys"] = Counter(right=right, found=every, true=sum(count for _, count in pressed))
    live_s = min(known.first_s("agent"), known.first_s("customer"))
    played = [event.span for event in known.events if event.kind == "music"]
    music = [span for kind, channel, span, _ in events if kind == "music"]
    tallies["music"] = _seconds(music, played)
    tallies["hold"] = _matched([s for s in music if s.middle_s > live_s], [s for s in played if s.start_s > live_s])
    facts = call.facts
    prompts = [span for span, said in known.turns if said.role == "prompt"]
    tallies["prompt time"] = _value(facts.prompt_before_s, Timeline(prompts).total_s or None, 1.0)
    rings = sum(event.count or 0 for event in known.events if event.kind == "ring")
    tallies["ring count"] = _value(facts.ring_count, rings or None, 0)
    tallies["answer"] = _value(facts.first_agent_s, known.first_s("agent"), 0.5)
    tallies["queue time"] = _value(facts.agent_wait_s, waited_s(known), 1.0)
    by = call.hang_up.by
    tallies["hang-up"] = Counter(
        right=int(by is not None and by == known.hung_up_by),
        found=int(by is not None),
        true=int(known.told if stereo else known.told_mixed),
    )
    return tallies


def waited_s(known: Known) -> float | None:
    """From the last key, else the first prompt's end, else the first tone or music, to the agent's first word."""
    first_s = known.first_s("agent")
    keys = [event.span.end_s for event in known.events if event.kind == "dtmf" and event.span.end_s < first_s]
    prompts = [span.end_s for span, said in known.turns if said.role == "prompt"]
    tones = [e.span.start_s for e in known.events if e.kind in ("ring", "music") and e.span.start_s < first_s]
    asked_s = max(keys) if keys else min(prompts) if prompts else min(tones) if tones else None
    return None if asked_s is None else first_s - asked_s


def _same(left: Span, right: Span) -> bool:
    """Whether two spans are one event: more than half of what either covers is common."""
    return left.overlap_s(right) > 0.5 * (max(left.end_s, right.end_s) - min(left.start_s, right.start_s))


def _matched(found: Sequence[Span], true: Sequence[Span]) -> Tally:
    return Counter(
        right=sum(any(_same(span, other) for other in true) for span in found), found=len(found), true=len(true)
    )


def _seconds(found: Sequence[Span], true: Sequence[Span]) -> Tally:
    tally: Tally = Counter()
    parts = {"right": Timeline(found) & true, "found": Timeline(found), "true": Timeline(true)}
    tally.update({name: part.total_s for name, part in parts.items()})  # type: ignore[arg-type]
    return tally


def _value(found: float | None, true: float | None, within: float) -> Tally:
    right = found is not None and true is not None and abs(found - true) <= within
    return Counter(right=int(right), found=int(found is not None), true=int(true is not None))


# --- the table

KINDS = ("ring", "ring count", "busy", "keys", "music", "hold", "prompt time", "answer", "queue time", "hang-up")


def cell(codec: str, noise_db: float | None, calls: int, seed: int, verbose: bool) -> dict[str, Tally]:
    """Tallies over the calls of one codec at one noise."""
    tallies: dict[str, Tally] = defaultdict(Counter)
    for number in range(calls):
        own = seed + number
        known, audio = make(own)
        mono = number % 3 == 2
        poor = degrade(audio, Rendering(mono=mono, codec=codec, noise_db=noise_db), load_settings())
        heard, call = hear(known, poor)
        scored = score(known, heard, call)
        for kind, tally in scored.items():
            tallies[kind].update(tally)
        if verbose:
            explain(own, mono, known, heard, call, scored)
    return tallies


def explain(seed: int, mono: bool, known: Known, heard: Transcript, call: Call, scored: dict[str, Tally]) -> None:
    """Print what went wrong in a call."""
    wrong = [
        kind
        for kind, tally in scored.items()
        if tally["right"] < 0.95 * tally["found"] or tally["right"] < 0.95 * tally["true"]
    ]
    if not wrong:
        return
    print(f"seed {seed}{' mono' if mono else ''}: {', '.join(wrong)}")
    for event in known.events:
        print(f"   true  {event.kind:6} {event.leg} {event.span.start_s:7.2f} {event.span.end_s:7.2f} {event.count}")
    for mark in call.events:
        print(f"   found {mark.kind:6} {mark.channel} {mark.span.start_s:7.2f} {mark.span.end_s:7.2f} {mark.count}")
    told = f"{known.hung_up_by} (told {known.told})"
    print(f"   hang-up {told}, found {call.hang_up}, ends {heard.line_ends}", flush=True)


def rate(part: float, whole: float) -> str:
    return f"{part / whole:.2f}" if whole else "–"


def table(cells: dict[tuple[str, float | None], dict[str, Tally]]) -> str:
    """Precision/recall of every kind (columns) by codec and noise (rows), and over all."""
    rows = [f"| codec | noise | {' | '.join(KINDS)} |", "|---" * (len(KINDS) + 2) + "|"]
    over: dict[str, Tally] = defaultdict(Counter)
    for (codec, noise_db), tallies in cells.items():
        for kind in KINDS:
            over[kind].update(tallies[kind])
        rows.append(_row(codec, "clean" if noise_db is None else f"{noise_db:g} dB", tallies))
    rows.append(_row("all", "", over))
    return "\n".join(rows)


def _row(codec: str, noise: str, tallies: dict[str, Tally]) -> str:
    each = [tallies[kind] for kind in KINDS]
    pairs = [f"{rate(t['right'], t['found'])} / {rate(t['right'], t['true'])}" for t in each]
    return f"| {codec} | {noise} | {' | '.join(pairs)} |"


def versions() -> str:
    """What the figures were made with."""
    names = ("numpy", "onnxruntime", "silero-vad", "imageio-ffmpeg")
    return ", ".join([f"Python {platform.python_version()}", *(f"{n} {importlib.metadata.version(n)}" for n in names)])


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codecs", default="mulaw,gsm,opus,mp3", help="comma-separated, of degrade.CODECS")
    parser.add_argument("--noise", default="clean,20,10", help="signal-to-noise ratios in dB, comma-separated")
    parser.add_argument("--calls", type=int, default=24, help="calls in a cell of the table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time")
    parser.add_argument("--verbose", action="store_true", help="print what went wrong, call by call")
    parser.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.relative_to(CHECKOUT)}")
    given = parser.parse_args(None if arguments is None else list(arguments))
    noises = [None if word == "clean" else float(word) for word in given.noise.split(",")]
    names = [(codec, noise_db) for codec in given.codecs.split(",") for noise_db in noises]
    started = time.perf_counter()
    # every cell has calls of its own
    seeds = [10_000 * given.seed + 100 * number for number in range(len(names))]
    jobs = [(*name, given.calls, seed, given.verbose) for name, seed in zip(names, seeds, strict=True)]
    if given.jobs > 1:
        with ProcessPoolExecutor(given.jobs) as pool:
            done = list(pool.map(cell, *zip(*jobs, strict=True)))
    else:
        done = [cell(*job) for job in jobs]
    text = table(dict(zip(names, done, strict=True)))
    print(text)
    print(f"\n{len(jobs) * given.calls} calls, {time.perf_counter() - started:.0f} s")
    if given.write:
        RESULTS.parent.mkdir(exist_ok=True)
        note = (
            f"# Line events\n\n`python bench/line_events.py --calls {given.calls} --seed {given.seed} --write`, "
            f"{datetime.now(UTC):%Y-%m-%d}; {versions()}.\n{len(jobs) * given.calls} generated calls, a third of them "
            "mono. Each pair is precision / recall: of ring-back trains with the right count, busy trains, single\n"
            "keys, seconds of music, holds; of times right within 1 s (answer: 0.5 s) and ring counts; of hang-up\n"
            "sides decided (recall: of the calls whose sound tells it).\n\n"
        )
        RESULTS.write_text(note + text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
