"""The supply chain: each pin has its hashes, and the bill of materials names the weights by what they are held to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
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


def test_the_bill_of_materials_names_the_weights_with_their_hashes(tmp_path: Path) -> None:
    bill = tmp_path / "sbom.json"
    package = {"type": "library", "bom-ref": "x==1", "name": "x", "version": "1", "licenses": [{"expression": "MIT"}]}
    bill.write_text(json.dumps({"bomFormat": "CycloneDX", "components": [package]}), encoding="utf-8")
    for _ in range(2):  # a second time adds nothing
        subprocess.run([sys.executable, "supply/sbom.py", str(bill)], cwd=CHECKOUT, check=True, capture_output=True)
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    assert [entry["name"] for entry in components] == ["x", *(model.name for model in CATALOGUE)]
    told = {file["hashes"][0]["content"] for entry in components[1:] for file in entry["components"]}
    assert told == {file.sha256 for model in CATALOGUE for file in model.files}
    assert "| MIT | " in (tmp_path / "licences.md").read_text(encoding="utf-8")
