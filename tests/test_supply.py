"""The supply chain: each pin has its hashes, and the bill of materials names the weights by what they are held to."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from models.weights import CATALOGUE
from pipeline.settings import CHECKOUT


def test_every_pin_has_its_hashes() -> None:
    """When this fails, constraints.txt has changed: make hashes."""
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (CHECKOUT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    hashed = (CHECKOUT / "requirements-hashed.txt").read_text("utf-8")
    entries = re.findall(r"^(\S+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", hashed, re.MULTILINE)

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    assert {(plain(name), version) for name, version, _ in entries} == {(plain(name), ver) for name, ver in pins}
    assert "://" not in hashed


def calls_in(folder: str) -> Iterator[tuple[str, ast.Call]]:
    for file in (CHECKOUT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{file.relative_to(CHECKOUT)}:{node.lineno} {ast.unparse(node.func)}", node


def test_nothing_is_unpickled_but_weights() -> None:
    """A pickle runs code as it is read. Where torch reads one, it takes tensors and plain values alone."""
    unpickling = {"pickle.load", "pickle.loads", "joblib.load", "marshal.load", "marshal.loads", "shelve.open"}
    loads = [(place, call) for folder in ("pipeline", "models", "flows", "desk") for place, call in calls_in(folder)]
    assert [place for place, _ in loads if place.split()[1] in unpickling] == []
    assert [place for place, call in loads if {key.arg for key in call.keywords} >= {"allow_pickle"}] == []
    torch_loads = [(place, {key.arg: key.value for key in call.keywords}) for place, call in loads
                   if place.split()[1] == "torch.load"]  # fmt: skip
    assert len(torch_loads) >= 2
    for place, given in torch_loads:
        assert isinstance(given.get("weights_only"), ast.Constant), place
        assert given["weights_only"].value is True, place  # type: ignore[attr-defined]


def test_the_desks_scripts_are_those_that_were_written_down() -> None:
    """When this fails, somebody changed a file of others: `make vendor` fetches it again."""
    packages = tomllib.loads((CHECKOUT / "desk" / "vendor.toml").read_text("utf-8"))["package"]
    listed = {
        f"{package['name']}-{package['version']}/{Path(name).name}": sha256
        for package in packages
        for name, sha256 in package["files"].items()
    }
    folder = CHECKOUT / "desk" / "static" / "vendor"
    lying = {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }
    assert lying == listed
    assert all("LICENSE" in package["files"] and package["licence"] for package in packages)


def test_the_bill_of_materials_names_the_weights_with_their_hashes(tmp_path: Path) -> None:
    bill = tmp_path / "sbom.json"
    package = {"type": "library", "bom-ref": "x==1", "name": "x", "version": "1", "licenses": [{"expression": "MIT"}]}
    bill.write_text(json.dumps({"bomFormat": "CycloneDX", "components": [package]}), encoding="utf-8")
    for _ in range(2):  # a second time adds nothing
        subprocess.run([sys.executable, ".ci/sbom.py", str(bill)], cwd=CHECKOUT, check=True, capture_output=True)
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    scripts = [entry["name"] for entry in components if entry["bom-ref"].startswith("npm:")]
    assert scripts == ["htmx.org"]
    assert [entry["name"] for entry in components] == ["x", *scripts, *(model.name for model in CATALOGUE)]
    told = {file["hashes"][0]["content"] for entry in components[2:] for file in entry["components"]}
    assert told == {file.sha256 for model in CATALOGUE for file in model.files}
    assert "| MIT | " in (tmp_path / "licences.md").read_text(encoding="utf-8")
