"""Help pages: every command has one in both languages, whole at 80 columns, without a word of the other language."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cli.help import columns, wrapped
from tests.support.nights import callqa, environment

COMMANDS = (
    "nightly", "rejudge", "rebuild", "schedule", "worker", "transcribe", "judge", "mask", "cdr", "sql", "report",
    "export", "evaluate", "metrics", "settings", "doctor", "models", "models list", "models fetch", "models check",
    "rules", "rules test", "rules lint", "rules try", "rules sample", "rules explain", "rules replay", "rules publish",
    "rules schema",
)  # fmt: skip

WITHOUT_EXAMPLES = ("models", "models list", "models check", "rules", "rules schema")

ALL_HELP = """
import json, sys
from typer.testing import CliRunner
from flows.cli import app
runner = CliRunner()
print(json.dumps({name: (r.exit_code, r.stdout) for name in json.loads(sys.argv[1])
                  for r in [runner.invoke(app, [*name.split(), "--help"], prog_name="callqa")]}))
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("help")
    return environment(folder / "prefect", CALLQA_HOME=str(folder / "home"), COLUMNS="80")


@pytest.fixture(scope="module", params=["zh", "en"])
def pages(request: pytest.FixtureRequest, env: dict[str, str]) -> tuple[str, dict[str, tuple[int, str]]]:
    """The language, and of every command the exit status and the page."""
    command = [sys.executable, "-c", ALL_HELP, json.dumps(["", *COMMANDS])]
    chosen = env | {"CALLQA_LANG": request.param}
    done = subprocess.run(command, env=chosen, capture_output=True, text=True, check=True)
    return request.param, json.loads(done.stdout)


def test_every_command_has_help_with_examples(pages: tuple[str, dict[str, tuple[int, str]]]) -> None:
    language, texts = pages
    for name, (status, text) in texts.items():
        assert status == 0, name
        described = re.sub(r"--?[a-z-]+|callqa .*", "", text)
        assert bool(re.search(r"[\u4e00-\u9fff]", described)) == (language == "zh"), name
        assert (("例：" if language == "zh" else "Examples:") in text) == (name not in WITHOUT_EXAMPLES), name


def test_no_page_is_cut_off_or_wider_than_the_terminal(pages: tuple[str, dict[str, tuple[int, str]]]) -> None:
    for name, (_, text) in pages[1].items():
        cut_off = [line for line in text.splitlines() if "…" in line and not line.startswith(("用法", "Usage"))]
        assert not cut_off, name
        wide = [line for line in text.splitlines() if width(line) > 80]
        assert not wide, name


def test_no_english_is_left_in_chinese_pages(pages: tuple[str, dict[str, tuple[int, str]]]) -> None:
    language, texts = pages
    if language == "zh":
        for name, (_, text) in texts.items():
            left = re.search(r"Usage|Options|Commands|Arguments|Show this|default |required|<bool>", text)
            assert not left, name
        assert "rules/README.zh-CN.md" in texts["rules"][1]
    else:
        assert "rules/README.md" in texts["rules"][1]


def test_help_lists_every_command(pages: tuple[str, dict[str, tuple[int, str]]]) -> None:
    for name in COMMANDS:
        group, _, last = name.rpartition(" ")
        assert re.search(rf"^  {last} ", pages[1][group][1], re.MULTILINE), name


def test_commands_start_quickly_because_nothing_heavy_is_imported(env: dict[str, str]) -> None:
    """`--help` has no rulebook, `rules lint` does not match, and what matches leaves torch to what hears."""
    code = (
        "import sys, flows.cli\n"
        "def heavy(): print([m for m in ('torch', 'prefect', 'spacy', 'duckdb', 'scipy') if m in sys.modules])\n"
        "heavy()\n"
        "import flows.console, pipeline.judging.loader\n"
        "heavy()\n"
        "import pipeline.judging.entities.matching\n"
        "heavy()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]", "['spacy']"]


@pytest.mark.slow
def test_a_group_without_a_command_shows_its_help(env: dict[str, str]) -> None:
    done = callqa("rules", env=env)
    assert done.returncode == 2
    assert "Usage: callqa rules" in done.stdout + done.stderr


@pytest.mark.slow
def test_the_package_runs_as_a_module(env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "flows.cli", "--lang", "zh", "--help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "用法：callqa" in done.stdout


def width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("转写一通电话", ["转写一通", "电话"]),
        ("转写一通，电话", ["转写一", "通，电话"]),  # a line does not begin with a comma
        ("用 callqa 转写", ["用", "callqa", "转写"]),
        ("as it is said", ["as it is", "said"]),
        ("transcription", ["transcription"]),
        ("a\n\nb", ["a", "", "b"]),
    ],
)
def test_lines_break_at_han_characters_and_between_words(text: str, lines: list[str]) -> None:
    assert wrapped(text, 8) == lines


@given(st.text(alphabet="转写，。（）ab -", max_size=60), st.integers(min_value=8, max_value=30))
def test_wrapping_loses_nothing_and_keeps_the_width(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(columns(line) <= width or " " not in line.strip() for line in lines)


def test_the_cell_width_counts_wide_characters_twice() -> None:
    assert columns("ab转写") == 6
