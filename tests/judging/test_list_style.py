"""How readable lists are."""

from __future__ import annotations

from pathlib import Path

from pipeline.judging.list_style import LongLines, long_lines, regexes_in
from tests.support.rulebooks import make_book


def test_regular_expressions_are_counted_wherever_they_stand(tmp_path: Path) -> None:
    phrases = "a: [/要?退/, 好的]\nb: [$a, /不+行/]"
    said = {"by": "agent", "any": ["/不+行/", "/再?见/"]}
    book = make_book(tmp_path, phrases=phrases, require={"any": [{"said": said}, {"said": {"pattern": "喂+"}}]})
    assert regexes_in(book) == 4


def test_long_lines_of_lists_are_told_with_the_first(tmp_path: Path) -> None:
    long = "我" * 121
    make_book(
        tmp_path, phrases=f"a: [好]\nb:\n  phrases: |\n    好\n    {long}\n    {long}\n", require="said: {any: $a}"
    )
    assert list(long_lines(tmp_path)) == [LongLines(tmp_path / "phrases.yaml", 2, 5)]
