"""bench/gpu.sh where there is no GPU: it says so, and is sound as a script. Its table needs one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.settings import CHECKOUT

SCRIPT = CHECKOUT / "bench" / "gpu.sh"


def run(tmp_path: Path, *arguments: str, smi: str | None = None) -> subprocess.CompletedProcess[str]:
    """The script with an nvidia-smi of our own, or without one."""
    path = os.environ["PATH"] if shutil.which("nvidia-smi") is None else "/usr/bin:/bin"
    if smi is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{smi}\n")
        tool.chmod(0o755)
        path = f"{tmp_path}:{path}"
    return subprocess.run(
        ["bash", SCRIPT, *arguments], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("smi", [None, "exit 9"])
def test_without_a_gpu_it_says_so_and_makes_nothing(tmp_path: Path, smi: str | None) -> None:
    done = run(tmp_path, smi=smi)
    assert done.returncode == 1
    assert done.stderr.startswith("gpu.sh: no GPU here")
    assert done.stderr.count("\n") == 1
    assert not (CHECKOUT / ".venv-gpu").exists()


def test_a_wrong_option_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "--fast")
    assert (done.returncode, done.stderr) == (2, "gpu.sh: no such option: --fast (bash bench/gpu.sh --help)\n")
    assert "--dry-run" in run(tmp_path, "--help").stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed (Debian: shellcheck)")
def test_it_is_sound_as_a_script() -> None:
    done = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True)
    assert done.stdout == ""
