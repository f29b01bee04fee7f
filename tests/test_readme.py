"""What the READMEs tell to type exists: commands, options, benchmarks, files that are linked to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from flows.cli import app
from pipeline.settings import CHECKOUT

PAGES = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/truth.md", "rules/README.md", "rules/README.zh-CN.md")


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


def test_both_readmes_tell_of_the_same_commands() -> None:
    english, chinese = (
        [[word for word in words if re.fullmatch(r"--?[a-z-]+|[a-z]+", word)] for words in commands(page)]
        for page in PAGES[:2]
    )
    assert len(english) > 10
    assert [words for words in english if words != ["--help"]] == [words for words in chinese if "--lang" not in words]


@pytest.mark.parametrize("page", PAGES)
def test_benchmarks_have_the_options_that_are_told(page: str) -> None:
    for line in written(page):
        if found := re.match(r"python (bench/\S+\.py)(.*)", line):
            source = (CHECKOUT / found[1]).read_text(encoding="utf-8")
            assert all(f'"{option}"' in source for option in re.findall(r"--[a-z-]+", found[2])), line


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in targets if not ((CHECKOUT / page).parent / target).exists()] == []
