"""Fetches the scripts of others that the desk's pages load, and holds them to desk/vendor.toml: `make vendor`.

Nothing is written unless every package has the hash that is written down for it. Needs npm, and a network.
"""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
LIST, FOLDER = CHECKOUT / "desk" / "vendor.toml", CHECKOUT / "desk" / "static" / "vendor"


def fetched(package: dict[str, Any]) -> dict[str, bytes]:
    """The files of a package that are taken, by their path in it. Exits where it is not what it should be."""
    wanted = f"{package['name']}@{package['version']}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", wanted], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = (file.read_bytes() for file in Path(folder).iterdir())
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if integrity != package["integrity"]:
        sys.exit(f"{wanted}: its hash is {integrity}; desk/vendor.toml has another. Nothing was written")
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        members = {name: packed.extractfile(f"package/{name}") for name in package["files"]}
        return {name: member.read() for name, member in members.items() if member}


def main() -> None:
    text = LIST.read_text("utf-8")
    found = [(package, fetched(package)) for package in tomllib.loads(text)["package"]]
    for package, files in found:
        folder = FOLDER / f"{package['name']}-{package['version']}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / Path(name).name).write_bytes(content)
            line = f'"{name}" = "{package["files"][name]}"'
            own = text.index(line, text.index(f'"{package["integrity"]}"'))
            text = text[:own] + f'"{name}" = "{hashlib.sha256(content).hexdigest()}"' + text[own + len(line) :]
            print(f"{package['name']} {package['version']}  {name}  {len(content)} bytes")
    LIST.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
