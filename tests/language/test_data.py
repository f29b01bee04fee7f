"""Language as data: what is read from the files, and what a broken one says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import BadLanguageData
from pipeline.language.data import FOLDER, Characters, Expression, Words, read_table, read_words
from pipeline.settings import CHECKOUT


@dataclass(frozen=True)
class Table:
    titles: Words
    stops: Characters
    digits: Mapping[str, int]
    patterns: tuple[Expression, ...] = ()


GOOD = "titles: >-\n  先生 女士\n  小姐\nstops: 的 会在\ndigits: {一: 1}\n"


def written(folder: Path, text: str, name: str = "table.yaml") -> Path:
    (folder / "zh").mkdir()
    (folder / "zh" / name).write_text(text, encoding="utf-8")
    return folder


def test_a_table_becomes_its_dataclass(tmp_path: Path) -> None:
    table = read_table("zh", "table", Table, written(tmp_path, GOOD))
    assert table == Table(("先生", "女士", "小姐"), frozenset("的会在"), {"一": 1})


def test_a_pattern_knows_what_han_is(tmp_path: Path) -> None:
    folder = written(tmp_path, GOOD + "patterns: ['^\\p{Han}{2,3}先生$']\n")
    (pattern,) = read_table("zh", "table", Table, folder).patterns
    assert [bool(pattern.search(text)) for text in ("王先生", "欧阳先生", "mr先生")] == [False, True, False]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("stops: 的 会在\n", "", "zh/table.yaml: stops: Field required"),
        ("stops", "stop", "zh/table.yaml: unknown: stop"),
        ("{一: 1}", "{一: one}", "zh/table.yaml: digits / 一: Input should be a valid integer"),
        ("{一: 1}", "{一: 1", "zh/table.yaml:6: not YAML:"),
        ("的 会在", "no", "zh/table.yaml: stops: Input should be"),
        (
            "stops",
            "patterns: ['(先生']\nstops",
            "zh/table.yaml: patterns / 0: Value error, (先生 is not",
        ),
    ],
)
def test_a_broken_table_tells_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    folder = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BadLanguageData) as caught:
        read_table("zh", "table", Table, folder)
    assert str(caught.value).startswith(said)


def test_a_missing_file_tells_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadLanguageData, match="install callqa again") as caught:
        read_words("zh", "surnames", tmp_path)
    assert "请重新安装" in caught.value.in_language("zh")


def test_a_list_is_words_without_comments(tmp_path: Path) -> None:
    assert read_words("zh", "list", written(tmp_path, "# 称呼\n先生 女士 # 常用\n\n小姐\n", "list.txt")) == (
        "先生",
        "女士",
        "小姐",
    )


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLanguageData, match="no word"):
        read_words("zh", "list", written(tmp_path, "# nothing\n", "list.txt"))


def test_every_file_is_installed_with_the_package() -> None:
    listed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = {
        file
        for package, patterns in listed["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for file in (CHECKOUT / package.replace(".", "/")).glob(pattern)
    }
    files = {file for file in FOLDER.rglob("*.*") if file.suffix in (".txt", ".yaml")}
    assert files
    assert files <= installed
