"""``callqa rules try`` and ``callqa rules sample``, as rule authors use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support.nights import callqa, environment
from tests.support.rulebooks import CASES, HEAD, write_book

pytestmark = pytest.mark.slow

PHRASES = """
refund:
  title: 要求退款
  phrases: |
    我[真的]要退(款|钱)
    /退[0-9]+次/
  except: 不是说
late: [来得太晚了]
"""
RULE = {
    "id": "trial", "title": {"zh": "试", "en": "trial"}, "dimension": "one", "why": "试", "cases": CASES,
    "forbid": {"said": {"by": "customer", "any": ["$refund", "$late"]}},
}  # fmt: skip


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "prefect", CALLQA_HOME=str(tmp_path / "home"))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    rule = yaml.safe_dump(RULE, allow_unicode=True)
    return write_book(tmp_path / "book", {"trial": rule}, PHRASES, HEAD.format(language="zh"))


def tried(book: Path, env: dict[str, str], *arguments: str, lang: str = "en") -> list[str]:
    done = callqa("--lang", lang, "rules", "try", *arguments, "--book", book, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_try_tells_the_list_the_line_and_why(book: Path, env: dict[str, str]) -> None:
    assert tried(book, env, "那我真的要退钱") == [
        "$refund 要求退款 (used by trial)",
        "  phrases.yaml:5: 我[真的]要退(款|钱): “我真的要退钱”, as written",
        "said by the customer and nothing else: trial fail",
    ]
    assert tried(book, env, "莱得太晚了，不是说我要退款", lang="zh") == [
        "$refund 要求退款：已被例外排除（用于 trial）",
        "  phrases.yaml:5: 我[真的]要退(款|钱)：“我要退款”，按写法",
        "    被例外排除：phrases.yaml:7: 不是说：“不是说”，按写法",
        "$late（用于 trial）",
        "  phrases.yaml:8: 来得太晚了：“莱得太晚了”，读音同“来得太晚了”",
        "通话里客户只说这一句时：trial 未达成",
    ]
    assert tried(book, env, "我要退款", "--by", "agent") == ["No list matches this sentence."]


def test_try_says_so_where_nothing_matches(book: Path, env: dict[str, str]) -> None:
    assert tried(book, env, "来得太早了", lang="zh") == [
        "没有词表符合这句话。",
        "最接近的几行：",
        "  $late  来得太晚了",
    ]


def test_try_as_json(book: Path, env: dict[str, str]) -> None:
    told = json.loads("\n".join(tried(book, env, "退3次", "--json")))
    assert (told["sentence"], told["rulebook"], told["language"]) == ("退3次", "trial", "zh")
    (listed,) = told["lists"]
    assert (listed["name"], listed["rules"]) == ("refund", ["trial"])
    (line,) = listed["lines"]
    assert (line["line"], line["how"], line["heard"]) == ("/退[0-9]+次/", "pattern", "退3次")
    assert line["taken_back_by"] == []


def test_sample_prints_what_a_list_says(book: Path, env: dict[str, str]) -> None:
    for name in ("$refund", "refund"):
        done = callqa("--lang", "zh", "rules", "sample", name, "-n", "50", "--book", book, env=env)
        assert set(done.stdout.splitlines()) == {"我要退款", "我要退钱", "我真的要退款", "我真的要退钱"}
        assert done.stderr == "未列出的正则：1 条。\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["try", "……"], "没有字词"),
        (["try", "退款", "--by", "boss"], "请选 agent 或 customer"),
        (["sample", "$refnd"], "$refund"),
        (["sample", "refund", "-n", "0"], "至少为 1"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(arguments: list[str], says: str, book: Path, env: dict[str, str]) -> None:
    done = callqa("--lang", "zh", "rules", *arguments, "--book", book, env=env)
    assert done.returncode != 0
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_rulebooks_of_the_settings_are_asked_by_the_sentence_and_the_list(env: dict[str, str]) -> None:
    assert "$" in callqa("rules", "try", "非常抱歉，让您久等了", env=env).stdout
    assert "$" in callqa("rules", "try", "I am so sorry to keep you waiting", env=env).stdout
    english = callqa("--lang", "en", "rules", "sample", "$name-asking", "-n", "3", env=env).stdout
    assert english.isascii()


@pytest.mark.parametrize("name", ["trial.yaml", "phrases.yaml"])
def test_the_cases_of_one_rule_are_run_by_its_file(name: str, book: Path, env: dict[str, str]) -> None:
    """Its other rules are left alone; a file that is no rule's is refused in one line."""
    (book / "other.yaml").write_text((book / "trial.yaml").read_text().replace("id: trial", "id: other"))
    assert "6 cases" in callqa("rules", "test", book, env=env).stdout
    done = callqa("rules", "test", book / name, env=env)
    (book / "other.yaml").unlink()
    if name == "trial.yaml":
        assert f"{book / name}: 3 cases" in done.stdout
        assert "other" not in done.stdout
    else:
        assert (done.returncode, done.stderr) == (
            1, f"callqa: {book / name}: no rule's file; name one, or the folder {book}\n",
        )  # fmt: skip
