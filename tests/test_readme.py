"""What READMEs and docs tell to type exists: commands, options, benchmarks, files that are linked to."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from flows.cli import app
from pipeline.settings import CHECKOUT

PAIRS = (
    ("README.md", "README.zh-CN.md"),
    ("docs/measured.md", "docs/measured.zh-CN.md"),
    ("docs/sql.md", "docs/sql.zh-CN.md"),
    ("docs/export.md", "docs/export.zh-CN.md"),
    ("docs/telephone-systems.md", "docs/telephone-systems.zh-CN.md"),
    ("docs/operations.md", "docs/operations.zh-CN.md"),
    ("docs/privacy.md", "docs/privacy.zh-CN.md"),
    ("docs/desk-access.md", "docs/desk-access.zh-CN.md"),
    ("docs/desk.md", "docs/desk.zh-CN.md"),
    ("docs/dashboards.md", "docs/dashboards.zh-CN.md"),
    ("rules/README.md", "rules/README.zh-CN.md"),
)
PAGES = tuple(
    str(page.relative_to(CHECKOUT))
    for page in sorted((*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("rules/*.md")))
)


def written(page: str) -> Iterator[str]:
    """The lines of code of a page, in blocks and within sentences, without remarks."""
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    for kind, block in re.findall(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        if kind in ("", "sh"):
            yield from (re.sub(r"\s+#.*", "", line).strip() for line in block.splitlines())
    for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines():
        yield from re.findall(r"`([^`]+)`", line)


def commands(page: str) -> list[list[str]]:
    """What follows `callqa` in each command of a page."""
    lines = (re.fullmatch(r"(?:\.venv/bin/)?callqa (.+)", line) for line in written(page))
    return [shlex.split(line[1].split(" > ")[0]) for line in lines if line]


def fault(words: list[str]) -> str | None:
    """Why a command line cannot be meant; arguments are not looked at."""
    command: Any = typer.main.get_command(app)
    options = {name for option in command.params for name in option.opts} | {"--help"}
    for word in words:
        if word.startswith("-") and word.split("=")[0] not in options:
            return f"no option {word}"
        inner = getattr(command, "commands", None)
        if inner is not None and not word.startswith("-") and word not in ("zh", "en"):
            if word not in inner:
                return f"no command {word}"
            command = inner[word]
            options |= {name for option in command.params for name in option.opts}
    return None


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    assert [(words, why) for words in commands(page) if (why := fault(words))] == []


def alike(words: list[str]) -> list[str]:
    """A command without what a translation changes: queries, names of files, the language of the answer."""
    return [word for word in words if re.fullmatch(r"--?[a-z-]+|[a-z]+", word) and word not in ("--lang", "zh")]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_tell_of_the_same_commands(english: str, chinese: str) -> None:
    in_english, in_chinese = ([alike(words) for words in commands(page)] for page in (english, chinese))
    assert in_english == in_chinese
    assert in_english


def test_both_languages_give_the_same_figures() -> None:
    english, chinese = (
        Counter(re.findall(r"\d+(?:[.,]\d+)*", (CHECKOUT / page).read_text(encoding="utf-8"))) for page in PAIRS[1]
    )
    assert english == chinese


def test_the_readmes_are_read_in_one_sitting() -> None:
    for page in PAIRS[0]:
        assert len((CHECKOUT / page).read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES)
def test_benchmarks_have_the_options_that_are_told(page: str) -> None:
    for line in written(page):
        if found := re.match(r"python (bench/\S+\.py)(.*)", line):
            source = (CHECKOUT / found[1]).read_text(encoding="utf-8")
            assert all(f'"{option}"' in source for option in re.findall(r"--[a-z-]+", found[2])), line


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", text)
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in targets if not ((CHECKOUT / page).parent / target).exists()] == []
