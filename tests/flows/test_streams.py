"""What is printed and where: nothing from a stranger steers a terminal, and any stdin, stdout or encoding will do."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest
from rich.text import Text
from rich.tree import Tree

from flows import console
from flows.cli import summary
from flows.cli.replay import print_replay
from pipeline.datatypes import CDR
from pipeline.judging.replayed import Flip, Replay
from pipeline.messages import STEERING, shown_json
from pipeline.results.store import build_database
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.factories import make_judged, save
from tests.support.nights import CALLQA, environment
from tests.support.rulebooks import hotline

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b2J\u202eabc\r[/]"
"""Clears the screen, sets its title, turns the direction of writing; and would end a style of ours."""


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What `out` prints, as on a terminal without colours."""
    stream = io.StringIO()
    monkeypatch.setattr(console.out, "_file", stream)
    return stream


def steers(text: str) -> bool:
    return bool(STEERING.search(text.replace("\n", "")))


def test_nothing_printed_on_the_console_steers_the_terminal(screen: io.StringIO) -> None:
    console.table(HOSTILE, [(HOSTILE, "left")], [(HOSTILE,), (None,)])
    console.out.print(HOSTILE)
    console.out.print(Text(HOSTILE), style="bold")
    tree = Tree(Text(HOSTILE))
    tree.add(HOSTILE)
    console.out.print(tree)
    assert not steers(screen.getvalue())
    assert screen.getvalue().count("\\x1b[2J") == 7
    assert screen.getvalue().count("[/]") == 7


def test_the_summary_of_a_night_holds_names_but_obeys_none(
    screen: io.StringIO, tmp_path: Path, settings: Settings
) -> None:
    home = Home(tmp_path / "home")
    save(home, [make_judged("one", cdr=CDR(call_id="1", agent_id=HOSTILE, agent_name=HOSTILE, team=HOSTILE))])
    build_database(home, settings)
    paths = settings.paths.model_copy(update={"home": home.root})
    summary._print_scorecards(settings.model_copy(update={"paths": paths}))
    assert "2J" in screen.getvalue()
    assert not steers(screen.getvalue())


def test_the_list_of_a_replay_holds_names_but_obeys_none(screen: io.StringIO) -> None:
    book = hotline("en")
    flip = Flip("0" * 64, HOSTILE, "", HOSTILE, book.rules[0].id, "pass", "fail", 1.0, HOSTILE, HOSTILE, HOSTILE)
    replayed = Replay()
    replayed.flips.append(flip)
    print_replay(replayed, book, 10)
    assert "2J" in screen.getvalue()
    assert not steers(screen.getvalue())


def test_json_reads_back_and_steers_nothing() -> None:
    value = {HOSTILE: [HOSTILE, "好\n", "👍🏽", "\U000e0041"]}
    text = shown_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert not steers(text)
    assert "好" in text
    assert text.count("\n") == json.dumps(value, indent=2).count("\n")


@pytest.fixture
def env(tmp_path: Path, settings: Settings) -> dict[str, str]:
    home = Home(tmp_path / "home")
    save(home, [make_judged("one", cdr=CDR(call_id="1", agent_name="王芳 😀", team="一组"))])
    build_database(home, settings)
    return environment(tmp_path / "prefect", CALLQA_HOME=str(home.root))


QUERY = "SELECT agent_name, team FROM calls"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "utf-8"])
def test_any_encoding_will_do(env: dict[str, str], encoding: str) -> None:
    """What an encoding does not have is an escape; JSON reads back whole."""
    for form in ("table", "csv", "json"):
        command = [*CALLQA, "sql", QUERY, "--format", form]
        done = subprocess.run(command, env={**env, "PYTHONIOENCODING": encoding}, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode(encoding)
        if form == "json":
            assert json.loads(text) == [{"agent_name": "王芳 😀", "team": "一组"}]
        else:
            assert ("一组" in text) == (encoding in ("gbk", "utf-8"))
            assert ("\\u4e00\\u7ec4" in text) == (encoding in ("ascii", "latin-1"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "status"),
    [
        (f"sql '{QUERY}' >&-", 0),
        (f"sql '{QUERY}' --format csv <&- >&- 2>&-", 0),
        (f"sql '{QUERY}' --format json >&-", 0),
        ("sql <&-", 0),
        ("sql 'SELECT nonsense' >&- 2>&-", 1),
        ("settings >&-", 0),
        ("rules schema >&-", 0),
        ("judge none 2>&-", 1),
        (f"sql '{QUERY}' >/dev/full", 1),
    ],
)
def test_a_closed_stream_leads_nowhere(env: dict[str, str], redirection: str, status: int) -> None:
    done = subprocess.run(["bash", "-c", f'"$0" "$@" {redirection}', *CALLQA], env=env, capture_output=True, text=True)
    assert done.returncode == status
    assert "unforeseen" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_reader_that_goes_is_no_error(env: dict[str, str], form: str) -> None:
    query = "SELECT range, repeat('x', 100) FROM range(2000000)"
    command = f'set -o pipefail; "$0" "$@" sql "{query}" --format {form} | head -n 2'
    done = subprocess.run(["bash", "-c", command, *CALLQA], env=env, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 2
    assert done.returncode == 141, "as a shell has it"


@pytest.mark.slow
def test_a_short_answer_to_a_reader_that_has_gone_is_no_error(env: dict[str, str]) -> None:
    command = 'set -o pipefail; "$0" "$@" settings | true'
    done = subprocess.run(["bash", "-c", command, *CALLQA], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (141, "")
