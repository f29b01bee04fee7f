"""Present mode by keyboard in a browser, and what was taken along opened from a disk without a network."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path

import pytest

from desk.context import Desk
from pipeline.storage import artefacts
from pipeline.storage.home import RecordingRecord
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.desks import sign_in
from tests.support.judged_desks import make_judged_desk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]

NOW = "document.querySelector('.excerpt.now')"
PLAYING = f"{NOW}.querySelector('audio').currentTime > 0.1 && !{NOW}.querySelector('audio').paused"
TAKEN = """fetch('/sharing/%s', {method: 'POST', body: new URLSearchParams({voices: 'all'})})
    .then(answer => answer.arrayBuffer())
    .then(bytes => btoa(Array.from(new Uint8Array(bytes), byte => String.fromCharCode(byte)).join('')))"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_judged_desk(tmp_path_factory.mktemp("present"), 3)[0]


@pytest.fixture(scope="module", autouse=True)
def _signed_in(page: tuple[Browser, str], desk: Desk) -> None:
    sign_in(*page, desk, "administrator")


def number(there: Browser) -> str:
    return str(there.run(f"{NOW}.querySelector('h2').textContent.split('.')[0]"))


def test_excerpts_are_played_by_keys_alone_and_the_words_follow(page: tuple[Browser, str]) -> None:
    there, address = page
    there.open(f"{address}/sharing")
    assert barriers(there) == []
    there.open(f"{address}/sharing/present?voices=all")
    there.wait_for("document.body.classList.contains('live')")
    assert barriers(there) == []
    assert there.run("getComputedStyle(document.body).colorScheme") == "dark"
    there.press("Space")
    there.wait_for(PLAYING)
    there.wait_for(f"CSS.highlights.has('word') && {NOW}.querySelector('[aria-current]')")
    assert number(there) == "1"
    assert barriers(there) == []
    there.press("Space")
    there.wait_for(PLAYING)
    assert number(there) == "2"
    assert there.run("[...document.querySelectorAll('audio')].filter(each => !each.paused).length") == 1
    there.press("P")
    there.wait_for(f"{NOW}.querySelector('audio').paused")
    there.press("ArrowRight")
    there.press("ArrowLeft")
    there.press("ArrowLeft")
    assert number(there) == "1"
    assert there.run("[...document.querySelectorAll('audio')].every(each => each.paused)")
    there.press("End")
    assert there.run(f"{NOW} === [...document.querySelectorAll('.excerpt')].at(-1)")
    there.press("Home")
    there.run("document.querySelectorAll('audio').forEach(each => { each.playbackRate = 16; })")
    there.press("A")
    there.wait_for(f"{NOW}.querySelector('h2').textContent.startsWith('2.')")
    there.press("P")
    assert there.run("document.querySelector('[data-do=all]').getAttribute('aria-pressed')") == "false"
    there.viewport(390, 844, mobile=True)
    assert there.run("document.documentElement.scrollWidth <= innerWidth")
    there.viewport(1280, 800)
    there.press("Escape")
    there.wait_for("location.pathname === '/sharing'")
    assert there.complaints == []


def test_why_an_excerpt_is_silent_is_said_and_its_words_stay(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    records = [artefacts.read(path, RecordingRecord) for path in desk.home.files("recordings")]
    lies = [Path(path) for record in records for path in record.paths]
    for path in lies:
        path.rename(path.with_suffix(".gone"))
    for cut in desk.home.sound.glob("*/*.cut"):
        cut.unlink()
    there.open(f"{address}/sharing/present?voices=all")
    there.wait_for("document.body.classList.contains('live')")
    there.press("Space")
    there.wait_for(f"{NOW}.querySelector('.why').textContent.includes('no longer where')")
    assert there.run(f"{NOW}.querySelector('.spoken').textContent.length > 3")
    there.press("Space")
    there.wait_for(f"{NOW} && {NOW}.querySelector('h2').textContent.startsWith('2.')")
    for path in lies:
        path.with_suffix(".gone").rename(path)
    assert all("409" in complaint for complaint in there.complaints)
    there.complaints.clear()


def test_what_was_taken_along_opens_from_a_disk_without_a_network(page: tuple[Browser, str], tmp_path: Path) -> None:
    there, address = page
    there.open(f"{address}/sharing")
    (tmp_path / "excerpts.html").write_bytes(base64.b64decode(there.run(TAKEN % "html")))
    (tmp_path / "excerpts.zip").write_bytes(base64.b64decode(there.run(TAKEN % "folder")))
    zipfile.ZipFile(tmp_path / "excerpts.zip").extractall(tmp_path)
    there.command("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    there.requests.clear()
    there.complaints.clear()
    (taken,) = tmp_path.glob("callqa-excerpts-*/index.html")
    for file in (tmp_path / "excerpts.html", taken):
        there.open(file.as_uri())
        assert barriers(there) == []
        there.click("[data-do=live]")
        there.press("Space")
        there.wait_for(PLAYING)
        there.press("Escape")
        assert there.run("!document.body.classList.contains('live') && document.querySelector('audio').paused")
        assert there.complaints == []
        added = "const added = document.createElement('script'); added.textContent = 'window.foreign = 1'"
        there.run(f"{added}; document.body.append(added); typeof window.foreign")
        assert there.run("typeof window.foreign") == "undefined", "the file's policy lets no other script run"
        there.complaints.clear()
    assert [url for url in there.requests if not url.startswith(("data:", tmp_path.as_uri()))] == []
