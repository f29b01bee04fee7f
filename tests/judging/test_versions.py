"""Publishing: no version is lost, no rulebook takes another's place, nothing is changed before all is checked."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from flows.rulebooks import publish, rulebooks_in_force
from pipeline.errors import BadArtefact, BadRule, CallQAError
from pipeline.judging.loader import load_rulebook
from pipeline.judging.versions import in_force, pending, publications, publish_rulebook
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.hostile_rules import HEAD, PHRASES
from tests.support.rulebooks import write_book

RULE = """\
id: hello
title: {zh: 问候, en: Greeting}
dimension: one
why: x
applies: {said: {by: customer, any: order}}
require: {said: {by: agent, any: hello}}
cases:
  - {verdict: pass, call: "agent 0.0: hello there\\ncustomer 3.0: my order"}
  - {verdict: fail, call: "agent 0.0: who is it\\ncustomer 3.0: my order"}
  - {verdict: not_applicable, call: "agent 0.0: hello there\\ncustomer 3.0: good morning"}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def book(folder: Path, name: str = "trial", language: str = "en") -> Path:
    head = HEAD.replace("name: trial", f"name: {name}").replace("language: en", f"language: {language}")
    return write_book(folder, {"good": RULE}, PHRASES, head)


def edit(folder: Path) -> None:
    with (folder / "phrases.yaml").open("a", encoding="utf-8") as stream:
        stream.write(f"more{len(stream.name)}{os.urandom(4).hex()}: [more]\n")


def settings_of(home: Home, settings: Settings, **rulebooks: Path) -> Settings:
    return settings.model_copy(
        update={"paths": settings.paths.model_copy(update={"home": home.root, "rulebooks": rulebooks})}
    )


def _publish_many(home: Path, folder: Path, name: str, rounds: int, acknowledged: multiprocessing.Queue[str]) -> None:
    for number in range(rounds):
        publication = publish_rulebook(Home(home), folder, f"{name}.{number}")
        if publication is not None:
            acknowledged.put(publication.version)


@pytest.mark.slow
def test_every_version_that_was_acknowledged_is_in_the_record(home: Home, tmp_path: Path) -> None:
    folder, rounds = book(tmp_path / "trial"), 15
    context = multiprocessing.get_context("fork")
    acknowledged: multiprocessing.Queue[str] = context.Queue()
    processes = [
        context.Process(target=_publish_many, args=(home.root, folder, name, rounds, acknowledged)) for name in "ab"
    ]
    for process in processes:
        process.start()
    versions = {acknowledged.get(timeout=120) for _ in range(2 * rounds)}
    for process in processes:
        process.join(timeout=60)
    recorded = publications(home, folder)
    assert {publication.version for publication in recorded} == versions
    assert len(recorded) == 2 * rounds
    last = load_rulebook(in_force(home, folder))
    assert (last.version, last.hash) == (recorded[-1].version, recorded[-1].hash)


def test_folders_of_one_name_have_a_shelf_each(home: Home, tmp_path: Path, settings: Settings) -> None:
    zh, en = book(tmp_path / "b" / "rules", "of-zh", "zh"), book(tmp_path / "a" / "rules", "of-en")
    publish_rulebook(home, zh)
    assert in_force(home, en) == en
    publish_rulebook(home, en)
    in_settings = settings_of(home, settings, zh=zh, en=en)
    assert {key: found.name for key, found in rulebooks_in_force(in_settings).items()} == {"zh": "of-zh", "en": "of-en"}
    assert in_force(home, zh).parent != in_force(home, en).parent


def test_a_rulebook_under_another_language_is_refused(home: Home, tmp_path: Path, settings: Settings) -> None:
    zh, en = book(tmp_path / "zh", "of-zh", "zh"), book(tmp_path / "en", "of-en")
    swapped = settings_of(home, settings, zh=en, en=zh)
    with pytest.raises(BadRule, match=r"rulebook\.yaml:2: a rulebook for en, named in paths\.rulebooks for zh"):
        rulebooks_in_force(swapped)
    with pytest.raises(BadRule, match=r"named in paths\.rulebooks for zh"):
        publish(swapped, en, None)


def test_only_a_rulebook_of_the_settings_is_published(home: Home, tmp_path: Path, settings: Settings) -> None:
    folder, draft = book(tmp_path / "real" / "hotline"), book(tmp_path / "draft" / "hotline")
    in_settings = settings_of(home, settings, en=folder)
    assert publish(in_settings, folder, None)
    edit(draft)
    with pytest.raises(CallQAError, match="not a rulebook of the settings"):
        publish(in_settings, draft, None)
    assert len(publications(home, folder)) == 1


def test_a_rulebook_stays_in_force_when_its_folder_moves_or_its_name_is_edited(home: Home, tmp_path: Path) -> None:
    folder = book(tmp_path / "trial")
    publish_rulebook(home, folder)
    published = in_force(home, folder)
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    assert in_force(home, moved) == published
    publish_rulebook(home, moved, "2")
    (moved / "rulebook.yaml").write_text(HEAD.replace("trial", "renamed"), encoding="utf-8")
    assert in_force(home, moved) == published.with_name("2")
    assert pending(home, moved) == "2"
    (moved / "rulebook.yaml").write_text("name: [", encoding="utf-8")
    assert in_force(home, moved) == published.with_name("2")


@pytest.mark.parametrize(
    "version",
    ["published.json.zst", "Published.JSON.gz", "published.json.gz.1", ".hidden", "..", "a/b", "-v", "x" * 60, ""],
)
def test_a_version_that_is_none_changes_nothing(home: Home, tmp_path: Path, version: str) -> None:
    folder = book(tmp_path / "trial")
    publish_rulebook(home, folder)
    edit(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    if version:
        with pytest.raises(CallQAError, match="is not a version"):
            publish_rulebook(home, folder, version)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert len(publications(home, folder)) == 1


def test_a_version_line_that_cannot_be_set_changes_nothing(home: Home, tmp_path: Path) -> None:
    folder = book(tmp_path / "trial")
    head = folder / "rulebook.yaml"
    head.write_text(HEAD.replace("version:", '"version":'), encoding="utf-8")
    publish_rulebook(home, folder)
    edit(folder)
    before = head.read_bytes()
    with pytest.raises(CallQAError, match="on a line of its own"):
        publish_rulebook(home, folder)
    assert head.read_bytes() == before
    assert [p.version for p in publications(home, folder)] == ["1"]


def _cut(record: Path) -> None:
    record.write_bytes(record.read_bytes()[:20])


def _folder(record: Path) -> None:
    record.unlink()
    record.mkdir()


@pytest.mark.parametrize("damage", [_cut, _folder])
def test_a_damaged_record_says_what_to_do_and_stops_nobody_else(home: Home, tmp_path: Path, damage: object) -> None:
    folder, other = book(tmp_path / "trial"), book(tmp_path / "other", "other")
    publish_rulebook(home, folder)
    shelf = in_force(home, folder).parent
    assert callable(damage)
    damage(shelf / "published.json.zst")
    for ask in (in_force, publications, pending, publish_rulebook):
        with pytest.raises(BadArtefact, match="publish the rulebook anew"):
            ask(home, folder)
    assert publish_rulebook(home, other)
    shelf.rename(tmp_path / "away")
    assert publish_rulebook(home, folder)
    assert in_force(home, folder).is_dir()


def test_no_link_is_published(home: Home, tmp_path: Path) -> None:
    folder = book(tmp_path / "trial")
    secret = tmp_path / "secret.yaml"
    secret.write_text("secret: [words]\n")
    (folder / "phrases-more.yaml").symlink_to(secret)
    (folder / "loop").symlink_to(".")
    with pytest.raises(BadRule, match="a link, which is not followed") as caught:
        publish_rulebook(home, folder)
    assert [Path(fault.file).name for fault in caught.value.faults] == ["loop", "phrases-more.yaml"]
    assert not list(home.rulebooks.rglob("*.yaml"))
