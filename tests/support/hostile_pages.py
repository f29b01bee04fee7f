"""What somebody sends to the desk's SQL page who should not, beside the statements of hostile_sql.txt; and how an
answer shows that it got through."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser

from pipeline.messages import STEERING

SCRIPT = "<script>window.hit=1</script>"
MARKUP = (
    SCRIPT,
    "<img src=x onerror=window.hit=1>",
    "<svg onload=window.hit=1>",
    "<div hx-post=/sign-out hx-trigger=load>",
    '" onmouseover="window.hit=1" autofocus onfocus="window.hit=1',
    "</textarea></td></table></title><form action=//evil.example>",
    "<a href=javascript:window.hit=1>x</a>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
)
_ENDLESS = "WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM a)"


def page_statements() -> Mapping[str, str]:
    """Statements by what they try."""
    quoted = [text.replace("'", "''") for text in MARKUP]
    names = [text.replace('"', '""') for text in MARKUP]
    made = {f"markup as a value {n}": f"SELECT '{text}' AS a" for n, text in enumerate(quoted)}
    made |= {f"markup as a column's name {n}": f'SELECT 1 AS "{text}"' for n, text in enumerate(names)}
    made |= {f"markup in what is wrong {n}": f"SELECT error('{text}')" for n, text in enumerate(quoted)}
    made |= {f"markup as a name that is not there {n}": f'SELECT "{text}" FROM calls' for n, text in enumerate(names)}
    return made | {
        "markup in a chart": f'SELECT \'{SCRIPT}\' || range AS "{SCRIPT}", range AS "{SCRIPT}2" FROM range(5)',
        "markup in a chart of days": f"SELECT DATE '2025-01-01' + range::INTEGER AS d, 1 AS \"{SCRIPT}\" FROM range(5)",
        "markup in a struct, a list, a map": f"SELECT {{'{SCRIPT}': '{SCRIPT}'}}, ['{SCRIPT}'], MAP {{'{SCRIPT}': 1}}",
        "markup in a type": f"SELECT NULL::STRUCT(\"{SCRIPT}\" INTEGER), 'a'::ENUM('a', '{SCRIPT}')",
        "markup behind a cut": f"SELECT repeat('x', 199) || '{SCRIPT}', repeat('x', 4990) || '{SCRIPT}'",
        "what a template would run": 'SELECT \'{{ 7 * 7 }}{% include "x" %}${7*7}\' AS "{{ 7 * 7 }}"',
        "a script as a call's address": "SELECT 'javascript:alert(1)' AS sha256, 'javascript:alert(2)' AS call_id",
        "a path as a call's address": "SELECT '../../accounts' AS sha256, '//evil.example' AS call_id",
        "a recording that is not there": "SELECT repeat('a', 64) AS sha256, repeat('f', 64) AS SHA256",
        "markup as a call's id": f"SELECT '{quoted[4]}' AS call_id",
        "characters that steer": "SELECT chr(0), chr(27) || '[2J', chr(8238) || 'abc', chr(8203), chr(65279), chr(133)",
        "characters that steer, as a name": 'SELECT 1 AS "\x1b[2J\u202e\u200b\ufeff"',
        "characters that steer, in what is wrong": "SELECT error(chr(27) || chr(8238) || chr(10) || 'x')",
        "a zero byte": "SELECT 1 \x00; SELECT 2",
        "halves of characters": "SELECT '\ud800', 1",
        "no end of rows": "SELECT * FROM range(100000000000)",
        "no end of rows, each long": "SELECT repeat('字', 100000) FROM range(100000000)",
        "no end of rows, slowly": "SELECT sleep_ms(200), range FROM range(1000000)",
        "a thousand rows of sixty long values": "SELECT "
        + ", ".join(f"repeat('<', 6000) AS c{n}" for n in range(60))
        + " FROM range(1000)",
        "twenty thousand columns": "SELECT " + ", ".join(f"{n} AS c{n}" for n in range(9000)),
        "lists without end": "SELECT range(5000000) FROM range(100)",
        "one value of a gigabyte": "SELECT repeat('x', 1000000000)",
        "nested twenty thousand deep": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
        "nested selects": "SELECT 1 FROM " + "(SELECT 1 FROM " * 2000 + "calls" + ")" * 2000,
        "lists in lists": "SELECT " + "[" * 5000 + "1" + "]" * 5000,
        "half a million statements": "SELECT 1;" * 11_000,
        "twenty bombs": "SELECT count(*) FROM range(100000000000);" * 20,
        "recursion without end": f"{_ENDLESS} SELECT count(*) FROM a",
        "recursion that shows all it finds": f"{_ENDLESS} SELECT x FROM a",
        "recursion that grows": "WITH RECURSIVE a AS (SELECT 'x' AS x UNION ALL SELECT x || x FROM a) SELECT x FROM a",
        "sleeping": "SELECT pg_sleep(100000)",
        "sleeping, in every row": "SELECT sleep_ms(100000) FROM range(1000)",
        "all of the memory": "SELECT list(range::VARCHAR) FROM range(500000000)",
        "all of both processors": "SELECT sum(hash(a.range + b.range)) FROM range(1000000) a, range(1000000) b",
        "another's home": "SELECT * FROM read_text('/proc/self/environ')",
        "the accounts": "SELECT * FROM read_blob('accounts.sqlite')",
        "the accounts, attached": "ATTACH 'accounts.sqlite' AS a (TYPE sqlite); SELECT * FROM a.accounts",
        "the log": "SELECT * FROM read_text('audit.log')",
        "a comment and nothing": "-- " + "x" * 90_000,
        "as long as may be": "SELECT '" + "x" * 99_000 + "'",
    }


def got_through(text: str) -> list[str]:
    """What of hostile texts has become a part of a page, or would steer it."""
    page = _Page()
    page.feed(text)
    if "{{" in text and "49" in page.texts:
        page.wrong.append("a template ran it")
    steering = {found for found in STEERING.findall(text) if found not in "\t\r\n"}
    return page.wrong + ([f"steers: {sorted(map(ascii, steering))}"] if steering else [])


class _Page(HTMLParser):
    """What stands in a page that our templates do not write."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.texts: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("img", "iframe", "object", "embed", "base", "style") or "http-equiv" in given:
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.wrong.append("<script>")
        self.wrong += [f"{tag} {name}" for name in given if name.startswith(("on", "style"))]
        for name in ("href", "src", "action", "formaction", "hx-post", "hx-get"):
            if not (given.get(name) or "/").startswith(("/", "#", "data:,")) or (given.get(name) or "").startswith(
                "//"
            ):
                self.wrong.append(f"{tag} {name}={given[name]}")

    def handle_data(self, data: str) -> None:
        self.texts.add(data.strip().strip("$"))
