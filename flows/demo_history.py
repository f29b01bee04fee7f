"""The history of the demo: weeks of calls that were written and not recorded, and what a coach did in them.

From a call's words on all is the product's own way: roles, facts, verdicts, masks, publishing, coaching. There is no
sound, so nothing to hear. What is drawn, and how agents were made to change, stands in `data/demo/history.yaml`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from flows.plan import stored_key
from pipeline.datatypes import CDR, Party, Transcript
from pipeline.judging.notation import RATE_PER_S, SCRIPT_ROLES, Script, ScriptTurn, script_transcript
from pipeline.judging.rulebook import Rulebook
from pipeline.language.text import speech_units
from pipeline.messages import Language
from pipeline.reviews.coaching import CoachingPlan, acknowledge_coaching, coaching_with, hold_coaching, plan_coaching
from pipeline.reviews.store import Reviews
from pipeline.run import judged_file, judging_key
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from pipeline.storage.lock import run_lock
from pipeline.timeline import Span

FIRST_WEEK, WEEKS = date(2026, 8, 3), 16
"""The last of them is the week of the samples; its calls are of its first morning, so that the samples stay the
newest."""

CALLS_A_WEEK = 5
COACHED_WEEK, LATE_WEEKS = 9, 4
FINGERPRINT = "generated"
COACH = "demo-coach"
BETWEEN_TURNS_S = (0.3, 0.5, 0.8)


@dataclass(frozen=True, slots=True)
class GeneratedCall:
    """A call that nobody made, as it would have been heard."""

    transcript: Transcript
    cdr: CDR


def add_history(settings: Settings, books: Mapping[str, Rulebook], language: Language) -> int:
    """Judge what of the history of a language the home has not, by these rulebooks, and hold the sessions; how many
    calls were judged. The next night publishes them. Raises CallQAError."""
    home, judged = Home(settings.paths.home), 0
    written = yaml.safe_load((CHECKOUT / "data" / "demo" / "history.yaml").read_text(encoding="utf-8"))
    with run_lock(home, settings.paths.group):
        for call in _calls(written, language, ZoneInfo(settings.ingest.timezone)):
            sha256 = call.transcript.sha256
            key = judging_key(sha256, FINGERPRINT, call.cdr, books, settings)
            if stored_key(home.judged(sha256)) == key:
                continue
            record = RecordingRecord(sha256, 0, (), call.cdr.started_at or datetime.now(UTC), call.cdr)
            artefacts.write(home.recording(sha256), record)
            artefacts.write(home.transcript(sha256, FINGERPRINT), call.transcript)
            artefacts.write(home.judged(sha256), judged_file(key, call.transcript, call.cdr, books, settings))
            judged += 1
    _hold_sessions(Reviews(home), written, language)
    return judged


def _calls(written: Mapping[str, Any], language: str, zone: ZoneInfo) -> Iterator[GeneratedCall]:
    for week in range(WEEKS):
        for agent in range(1, written["agents"] + 1):
            for number in range(CALLS_A_WEEK):
                yield _call(written, language, week, agent, number, zone)


def _call(
    written: Mapping[str, Any], language: str, week: int, agent: int, number: int, zone: ZoneInfo
) -> GeneratedCall:
    team = written["teams"][language]
    agent_id = f"{team['ids']}{agent}"
    day = FIRST_WEEK + timedelta(weeks=week, days=number if week < WEEKS - 1 else 0)
    call_id = f"generated-{day:%Y%m%d}-{agent_id}-{number + 1}"
    draw = random.Random(call_id)
    cdr = CDR(
        call_id, datetime(day.year, day.month, day.day, 8, draw.randrange(60), draw.randrange(60), tzinfo=zone),
        agent_id, team["agent"].format(number=agent), team["team"], team["company"], team["queue"], "inbound",
        release_party="customer", channel_map=SCRIPT_ROLES, language=language,
    )  # fmt: skip
    said = {
        habit: draw.choice(lines["done" if draw.random() < _chance(written, agent, habit, week) else "not"])
        for habit, lines in team["habits"].items()
    }
    words = {
        **said, "opening": draw.choice(team["openings"]), "surname": draw.choice(team["surnames"]),
        "digits": f"{int(agent_id[1:]):03d}",
    }  # fmt: skip
    lines = [
        f"agent {said['welcome']}", *draw.choice(team["matters"]), f"agent {said['anything_else']}",
        f"customer {draw.choice(team['ending'])}", f"agent {said['farewell']}", f"customer {team['goodbye']}",
    ]  # fmt: skip
    script = Script(tuple(_turns(lines, words, language, draw)), cdr=cdr)
    # the name of a call stays its own when other words are written for it
    sha256 = hashlib.sha256(call_id.encode()).hexdigest()
    transcript = replace(
        script_transcript(script, language), sha256=sha256, fingerprint=FINGERPRINT,
        provenance={"recognizer": "none: written for the demo"},
    )  # fmt: skip
    return GeneratedCall(transcript, cdr)


def _chance(written: Mapping[str, Any], agent: int, habit: str, week: int) -> float:
    """How likely an agent is to do something in a week."""
    if late := written["late"].get(agent, {}).get(habit):
        return float(late[week >= WEEKS - LATE_WEEKS])
    if changed := written["habits"].get(agent, {}).get(habit):
        return float(changed[week > COACHED_WEEK])
    return float(written["usual"])


def _turns(lines: list[str], words: Mapping[str, str], language: str, draw: random.Random) -> Iterator[ScriptTurn]:
    at_s, pace = 1.0, RATE_PER_S[language] * draw.uniform(0.85, 1.1)
    for line in lines:
        who, _, text = line.partition(" ")
        speaker: Party = "agent" if who == "agent" else "customer"
        text = text.format(**{name: word.format(**words) for name, word in words.items()}).strip()
        end_s = at_s + max(0.6, speech_units(text) / pace)
        yield ScriptTurn(speaker, Span(round(at_s, 2), round(end_s, 2)), text)
        at_s = end_s + draw.choice(BETWEEN_TURNS_S)


def _hold_sessions(reviews: Reviews, written: Mapping[str, Any], language: Language) -> None:
    """What a coach noted: sessions that were held in the past, and acknowledged."""
    team, held_on = written["teams"][language], FIRST_WEEK + timedelta(weeks=COACHED_WEEK, days=1)
    with reviews.file.writing() as rows:
        for agent, rule in written["coached"].items():
            agent_id, token = f"{team['ids']}{agent}", "demo"
            if coaching_with(rows, agent_id):
                continue
            plan = CoachingPlan(COACH, (rule,), practise=team["practise"][rule])
            ref = plan_coaching(rows, COACH, f"{token} {agent_id}", agent_id, plan)
            hold_coaching(rows, COACH, token, ref, held_on)
            acknowledge_coaching(rows, agent_id, token, ref, agent_id)
