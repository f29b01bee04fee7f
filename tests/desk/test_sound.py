"""A call's sound: made once, exact in time, silent where it is to be, gone with its call."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from desk.calls import sound_files
from desk.calls.sound_files import Sounds
from desk.calls.sound_making import PEAKS_A_SECOND, NoSound, SoundSource, make_sound
from desk.context import Desk
from pipeline.datatypes import RATE_HZ
from pipeline.hearing.decode import decode
from pipeline.settings import Settings, load_settings
from pipeline.storage import sealing
from pipeline.storage.call_files import call_files
from pipeline.storage.files import file_sha256
from pipeline.storage.home import HalfRecord, Home, RecordingRecord
from pipeline.timeline import Span
from tests.support.desks import make_small_desk, settings_of, signed_in
from tests.support.factories import NIGHT, make_judged, recorded, save, write_wav

pytestmark = pytest.mark.xdist_group("desk")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_small_desk(tmp_path_factory.mktemp("desk"), 3)[0]


def a_recording(folder: Path) -> tuple[Home, SoundSource]:
    """A home with one call of six seconds, two tones."""
    home = Home(folder / "home")
    judged = recorded(make_judged("one"), folder / "inbox" / "one.wav", 6.0)
    save(home, [judged], str(folder / "inbox"))
    sha256 = judged.call.sha256
    record = RecordingRecord(sha256, 1, (str(folder / "inbox" / "one.wav"),), NIGHT, judged.call.cdr)
    return home, SoundSource(sha256, record, "stereo", 6.0, ())


def settings() -> Settings:
    return load_settings()


def test_what_is_silenced_is_neither_heard_nor_seen_and_all_else_stays_in_its_place(tmp_path: Path) -> None:
    _, source = a_recording(tmp_path)
    progress: list[float] = []
    made = make_sound(replace(source, quiet=(Span(2.0, 3.0),)), settings(), progress.append)
    (tmp_path / "played.mp3").write_bytes(made.mp3)
    played = decode(tmp_path / "played.mp3", settings().decode).samples
    plain = decode(tmp_path / "inbox" / "one.wav", settings().decode).samples
    assert played.shape[0] == 2
    # in step to the sample: the first tone's phase is the recording's
    middle = slice(4 * RATE_HZ, 5 * RATE_HZ)
    assert np.corrcoef(played[0, middle], plain[0, middle])[0, 1] > 0.98
    assert np.abs(played[:, round(2.05 * RATE_HZ) : round(2.95 * RATE_HZ)]).max() < 0.01
    assert np.abs(played[:, round(1.5 * RATE_HZ) : round(1.9 * RATE_HZ)]).max() > 0.2
    assert made.peaks[0] == 2
    peaks = np.frombuffer(made.peaks[1:], np.uint8).reshape(2, -1)
    assert peaks.shape[1] == 6 * PEAKS_A_SECOND
    assert peaks[:, 2 * PEAKS_A_SECOND : 3 * PEAKS_A_SECOND].max() == 0
    assert peaks[:, : 2 * PEAKS_A_SECOND].min() > 60
    assert progress[-1] == pytest.approx(1.0, abs=0.01)


def test_however_many_ask_it_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, source = a_recording(tmp_path)
    made = []
    monkeypatch.setattr(sound_files, "make_sound", lambda *given: made.append(1) or make_sound(*given))
    sounds = Sounds(home, settings())
    assert not sounds.state(source).is_there
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(sounds.file(source, "mp3"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == len(made) == 1
    assert sounds.state(source).is_there
    assert [file.kind for file in call_files(home, [source.sha256], ("sound",))] == ["sound"] * 2


def test_what_was_asked_for_longest_ago_makes_room(tmp_path: Path) -> None:
    home, source = a_recording(tmp_path)
    small = settings().model_copy(update={"desk": settings().desk.model_copy(update={"sound_cache_gb": 2e-5})})
    left = home.sound / source.sha256[:2] / ".half.mp3.x.part"
    first = Sounds(home, small).file(source, "mp3")
    left.write_bytes(b"x")
    second = Sounds(home, small).file(replace(source, quiet=(Span(1.0, 2.0),)), "mp3")
    assert not first.exists()
    assert second.exists()
    assert left.exists(), "somebody may be writing it just now"


def test_two_files_with_a_side_each_are_two_lanes_and_a_dead_channel_is_none(tmp_path: Path) -> None:
    _, source = a_recording(tmp_path)
    paths = [tmp_path / "left.wav", tmp_path / "right.wav"]
    for path, length_s in zip(paths, (3.0, 2.0), strict=True):
        write_wav(path, length_s, 1)
    halves = tuple(HalfRecord(file_sha256(path), str(path)) for path in paths)
    assert source.record is not None
    record = replace(source.record, halves=halves)
    made = make_sound(replace(source, record=record, duration_s=3.0), settings(), lambda share: None)
    assert made.peaks[0] == 2
    left, right = np.frombuffer(made.peaks[1:], np.uint8).reshape(2, -1)
    assert left.size == 3 * PEAKS_A_SECOND
    assert right[: 2 * PEAKS_A_SECOND - 2].min() > 60
    assert right[2 * PEAKS_A_SECOND + 1 :].max() == 0
    assert make_sound(replace(source, layout="dead-channel"), settings(), lambda share: None).peaks[0] == 1


def test_why_nothing_is_played_is_said(tmp_path: Path) -> None:
    home, source = a_recording(tmp_path)
    lies = tmp_path / "inbox" / "one.wav"
    with lies.open("ab") as stream:
        stream.write(b"other")
    with pytest.raises(NoSound, match="other bytes"):
        Sounds(home, settings()).file(source, "mp3")
    lies.unlink()
    with pytest.raises(NoSound, match="no longer where"):
        Sounds(home, settings()).file(source, "mp3")
    assert list(home.sound.glob("*/*")) == []


def test_an_encrypted_home_holds_no_sound_in_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, source = a_recording(tmp_path)
    monkeypatch.setenv("CALLQA_KEY", "ab" * 32)
    monkeypatch.setenv(sealing._VARIABLE, "")
    sealing.seal_by(settings().privacy.model_copy(update={"encrypt": True}))
    sounds = Sounds(home, settings())
    path = sounds.file(source, "mp3")
    assert sealing.is_sealed(path.read_bytes())
    plain = sounds.bytes_of(path)
    assert plain is not None
    assert plain[:2] == make_sound(source, settings(), lambda share: None).mp3[:2]


def test_pieces_of_it_are_answered_and_a_playing_is_put_down_once(desk: Desk) -> None:
    browser = signed_in(desk, "administrator", "listener")
    address = browser.get("/calls").text.split('<th scope="row"><a href="')[1].split('"')[0]
    whole = browser.get(f"{address}/sound").content
    assert browser.get(f"{address}/sound", headers={"range": "bytes=100-199"}).content == whole[100:200]
    assert browser.get(f"{address}/sound", headers={"range": f"bytes={len(whole)}-"}).status_code == 416
    assert browser.get(f"{address}/sound/state").json() == {"is_there": True, "share": 0.0, "problem": None}
    assert browser.get(f"{address}/peaks").content[0] == 2
    log = (desk.home.root / "audit.log").read_text()
    assert log.count('"play"') == 1
    assert settings_of(desk.home.root).desk.sound_cache_gb > 1
