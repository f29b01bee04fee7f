"""What is imported is asked for, and what is asked for is pinned: a dependency's dependency may go away."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from pipeline.settings import CHECKOUT

PACKAGES = ("pipeline", "models", "flows", "desk")


def plain(name: str) -> str:
    """A distribution's name as PEP 503 writes it, without extras and versions."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", name, maxsplit=1)[0]).lower()


def imported(folder: str) -> Iterator[str]:
    """Top-level modules that a folder's files import from elsewhere, wherever in the file."""
    for file in (CHECKOUT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            yield from (name.split(".")[0] for name in names)


def test_every_import_is_asked_for_and_pinned() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = {
        plain(name) for name in [*project["dependencies"], *extras["remote"], *extras["cluster"], *extras["oidc"]]
    }
    tests = {plain(name) for name in extras["test"]} - {"callqa"}
    pins = re.findall(r"^(\S+)==", (CHECKOUT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert needed | tests <= {plain(name) for name in pins}
    known = packages_distributions()
    foreign = {name for folder in PACKAGES for name in imported(folder)} - {*sys.stdlib_module_names, *PACKAGES}
    foreign -= {"soundfile"}  # evaluate writes GSM with it where somebody installed it, and says so elsewhere
    missing = {name for name in foreign if needed.isdisjoint(map(plain, known.get(name, ())))}
    assert not missing
