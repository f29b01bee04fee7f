"""A night with numbers in its calls: nothing that is published has one, and what may not be kept is kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml

from flows.night import Night
from pipeline.datatypes import CDR
from pipeline.hearing.decode import decode
from pipeline.results.excerpts import excerpt_folder, read_excerpts
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home, RecordingRecord
from tests.flows.test_no_number import everything_below
from tests.support.factories import write_wav
from tests.support.rulebooks import HEAD, write_book
from tests.support.talk import heard_call, spoken

FINGERPRINT = "f" * 64
CODE = "739184"
CANARIES = {"phone": "13977318452", "card": "6222021203948571236", "id": "44030519900307215X"}
HAN_PHONE = "一三九七七三一八四五二"

LINES = spoken(
    ("ch0", "您好，请问您的手机号是多少？"),
    ("ch1", f"我要投诉，我的手机号是{CANARIES['phone']}，你们查一下。"),
    ("ch0", f"{HAN_PHONE}，对吧？请报一下身份证。"),
    ("ch1", f"身份证是{CANARIES['id']}，卡号是{CANARIES['card']}，我要投诉。"),
    ("ch0", "收到的短信验证码是多少？"),
    ("ch1", f"验证码是{CODE}，我要投诉你们。"),
)


@dataclass(frozen=True)
class Heard:
    """A home with one call that was heard by a version that kept everything."""

    home: Home
    settings: Settings
    sha256: str

    def night(self, mask: bool = True) -> Night:
        privacy = self.settings.privacy.model_copy(update={"mask": mask})
        return Night(self.settings.model_copy(update={"privacy": privacy}), FINGERPRINT)

    def publish(self, mask: bool = True) -> Night:
        night = self.night(mask)
        night.plan_judging(everything=True)
        night.judge(0)
        night.cut_clips()
        night.build_database()
        night.write_report()
        night.pending.clear()
        return night

    def published(self) -> str:
        """All that leaves the home, unpacked."""
        root = self.home.root
        places = [root / name for name in ("excerpts", "reports", "callqa.parts", "runs", "failures", "logs")]
        texts = [text for place in places for _, text in everything_below(place)]
        texts += [text for name, text in everything_below(root) if name.startswith("callqa.duckdb")]
        return "\n".join(texts)

    def kept(self) -> str:
        return "\n".join(text for name in ("heard", "judged") for _, text in everything_below(self.home.root / name))


@pytest.fixture
def heard(settings: Settings, tmp_path: Path) -> Heard:
    recording = tmp_path / "inbox" / "a.wav"
    write_wav(recording, 24.0)
    sha256, home = file_sha256(recording), Home(tmp_path / "home")
    transcript = replace(heard_call(LINES), sha256=sha256, fingerprint=FINGERPRINT)
    artefacts.write(home.transcript(sha256, FINGERPRINT), transcript)
    cdr = CDR(call_id="C-1", started_at=datetime(2026, 11, 20, tzinfo=UTC), channel_map={0: "agent", 1: "customer"})
    artefacts.write(home.recording(sha256), RecordingRecord(sha256, 1, (str(recording),), datetime.now(UTC), cdr))
    rule = {
        "id": "complaint", "title": {"zh": "投诉", "en": "complaint"}, "dimension": "one", "why": "试",
        "status": "experimental",
        "cases": [
            {"verdict": "fail", "call": "坐席 0.0: 您好。\n客户 3.0: 我要投诉。"},
            {"verdict": "pass", "call": "坐席 0.0: 您好。\n客户 3.0: 没事了。"},
            {"verdict": "not_applicable", "call": "坐席 0.0: 喂。\n客户 3.0: 我要投诉。"},
        ],
        "applies": {"said": {"by": "agent", "any": ["您好"]}},
        "forbid": {"said": {"by": "customer", "any": ["我要投诉"]}},
    }  # fmt: skip
    rules = {"complaint": yaml.safe_dump(rule, allow_unicode=True)}
    book = write_book(tmp_path / "rules", rules, head=HEAD.format(language="zh"))
    paths = {"home": home.root, "inbox": recording.parent, "rulebooks": {"zh": book}}
    return Heard(home, settings.model_copy(update={"paths": settings.paths.model_copy(update=paths)}), sha256)


def shown_in(text: str) -> set[str]:
    """The canaries, and parts of them, that stand in a text."""
    parts = {part for number in CANARIES.values() for part in (number, number[:6], number[-6:], number[3:9])}
    parts |= {CODE, HAN_PHONE, HAN_PHONE[:5], HAN_PHONE[-5:]}
    # files are read as Latin-1, tables as what they are
    return {part for part in parts if part in text or part.encode().decode("latin-1") in text}


def test_nothing_published_has_a_number_unless_the_night_was_unmasked(heard: Heard) -> None:
    heard.publish()
    masked = heard.published()
    assert "我要投诉" in masked, "what else was said is there"
    assert "手机号是***********" in masked
    assert shown_in(masked) == set()
    assert shown_in(heard.kept()) == shown_in("\n".join((*CANARIES.values(), HAN_PHONE))), "what is judged keeps them"

    heard.publish(mask=False)
    assert {*CANARIES.values()} <= shown_in(heard.published())
    assert CODE not in heard.published()
    night = heard.night()
    assert night.outdated(), "a night that hides more publishes all of it anew"
    heard.publish()
    assert shown_in(heard.published()) == set()


def test_the_sound_of_a_clip_is_silent_where_a_number_is_said(heard: Heard, settings: Settings) -> None:
    heard.publish()
    folder, silent_s = excerpt_folder(heard.home, heard.sha256), 0.0
    for clip in read_excerpts(heard.home, heard.sha256):
        sound = np.abs(decode(folder / clip.file, settings.decode, settings.ingest).samples).max(axis=0)
        assert sound.max() > 0.01
        silent_s += float((sound < 1e-3).sum()) / 16_000
    assert silent_s > 2.0


def test_a_code_leaves_older_artefacts_when_they_are_judged(heard: Heard) -> None:
    assert CODE in heard.kept()
    answer = heard.home.answer(heard.sha256, "a" * 16)
    artefacts.write(answer, CDR(call_id=CODE))
    (heard.home.columns / "old").mkdir(parents=True)
    night = heard.night()
    night.plan_judging(everything=True)
    night.judge(0)
    assert CODE not in heard.kept()
    assert not answer.exists()
    assert not heard.home.columns.exists()
