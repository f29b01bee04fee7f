"""The dashboard of hearing quality: coverage of the calls in scope, lines worse than the rest, nights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from desk.context import Desk, make_desk
from desk.dashboards import hearing
from desk.dashboards.hearing_advice import FAILURE_ADVICE, FAULT_TITLES, LAYOUT_TITLES
from pipeline.datatypes import Judged, SoundFault
from pipeline.hearing.formats import DECODE_REASONS
from pipeline.hearing.recording import TRANSIENT_REASONS
from pipeline.intake.inbox import INBOX_REASONS
from pipeline.results.display import percent
from pipeline.results.store import build_database
from pipeline.storage import artefacts
from pipeline.storage.home import Hearing, Home, JudgedFile
from tests.support.desks import settings_of, signed_in
from tests.support.factories import make_failure, make_night, make_run, save, sha_of


def coverage_of(judged: Judged) -> float:
    """Team 二组 stands on a bad line."""
    return 0.4 if judged.call.cdr.team == "二组" else 0.95


def heard(judged: Judged) -> Judged:
    facts = replace(judged.call.facts, coverage=coverage_of(judged))
    return replace(judged, call=replace(judged.call, facts=facts))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    settings = settings_of(tmp_path_factory.mktemp("desk") / "home")
    home, night = Home(settings.paths.home), [heard(judged) for judged in make_night(28)]
    save(home, night)
    for number, judged in enumerate(night):
        faults = (SoundFault("cut-short", {"heard_s": 1, "stated_s": 2}),) if number == 5 else ()
        hearing = Hearing(
            "f" * 64, "mono" if number % 2 else "stereo", coverage_of(judged), {"recognizer": "x"}, faults
        )
        artefacts.write(home.judged(judged.call.sha256), JudgedFile(sha_of(judged.call.sha256), judged, hearing))
    artefacts.write(home.failure(make_failure().key), make_failure())
    artefacts.write(home.run("one"), make_run("one", found=9, heard=28, failed=1, waiting=3))
    build_database(home, settings)
    return make_desk(settings, dict), night


def rows_of(page: str, title: str) -> dict[str, list[str]]:
    """The rows of the table of a title: what each is of, and its cells without tags."""
    table = page.split(f'aria-label="{title}"')[1].split("</table>")[0].split("<tbody>")[1]
    rows = {}
    for row in table.split("</tr>")[:-1]:
        cells = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip() for cell in row.split("</td>")]
        head = re.sub(r"<[^>]+>", " ", row.split("</th>")[0]).strip()
        rows[head] = [cells[0].removeprefix(head).strip(), *cells[1:]]
    return rows


@pytest.mark.parametrize("teams", [(), ("一组",)])
def test_coverage_is_that_of_the_calls_in_scope(made: tuple[Desk, Sequence[Judged]], teams: tuple[str, ...]) -> None:
    desk, night = made
    role = "supervisor" if teams else "administrator"
    page = signed_in(desk, role, f"{role}-of-hearing", teams).get("/dashboard/hearing?weeks=26").text
    seen = [judged for judged in night if not teams or judged.call.cdr.team in teams]
    with desk.snapshot.reading() as reader:
        voiced = {row["sha256"]: row["voiced_s"] for row in reader.rows("SELECT sha256, voiced_s FROM calls")}
    covered = sum(coverage_of(judged) * voiced[judged.call.sha256] for judged in seen)
    assert percent(covered / sum(voiced[judged.call.sha256] for judged in seen)) in page
    hard = {desk.call_ids.of(judged.call.sha256) for judged in seen if coverage_of(judged) < 0.6}
    faulty = {desk.call_ids.of(night[5].call.sha256)} if night[5] in seen else set()
    listed = page.split('id="hard"')[1].split("</table>")[0]
    assert set(re.findall(r'/calls/(\w+)"', listed)) == hard | faulty
    assert ("Nights and files that were not heard are of no team" in page) == bool(teams)
    assert ("no-samples" in page) != bool(teams)


def test_a_bad_line_is_told_and_what_to_do(
    made: tuple[Desk, Sequence[Judged]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "FEWEST_CALLS", 7)
    page = signed_in(made[0], "administrator", "administrator-of-hearing").get("/dashboard/hearing?weeks=26").text
    teams = rows_of(page, "Hearing quality · Team")
    assert [team for team, cells in teams.items() if "worse than the rest" in cells[5]] == ["二组"]
    assert teams["二组"][0] == str(sum(judged.call.cdr.team == "二组" for judged in made[1]))
    assert "record each side on a channel of its own" in rows_of(page, "Hearing quality · Channels")["mono"][5]
    assert "copy the file again" in rows_of(page, "Files not heard at all")["2025-03-03"][3]
    assert rows_of(page, "Nights")["2025-03-04 01:30"][1:6] == ["9", "28", "1", "0", "3"]


def test_every_reason_layout_and_fault_has_its_words() -> None:
    assert set(FAILURE_ADVICE) >= {*DECODE_REASONS, *TRANSIENT_REASONS, *INBOX_REASONS}
    assert set(LAYOUT_TITLES) == {"stereo", "mono", "fake-stereo", "anti-phase", "dead-channel", None}
    assert set(FAULT_TITLES) == {"cut-short", "undecoded", "mixed-links", "unheard-track"}
