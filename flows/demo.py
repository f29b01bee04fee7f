"""A home of its own with the samples in it, for those who want to look at the desk."""

from __future__ import annotations

import subprocess
import sys

from flows.language import LANGUAGE
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.settings import CHECKOUT, Settings, load_settings


def demo_settings() -> Settings:
    """Settings whose home holds the samples, heard and judged now where they are not. Raises CallQAError."""
    settings = load_settings()
    home, samples = CHECKOUT / "data" / "demo-home", CHECKOUT / "data" / "samples"
    command = [sys.executable, "-m", "flows.cli", "--lang", LANGUAGE, "--home", str(home)]
    command += ["nightly", "--inbox", str(samples)]
    if subprocess.run(command, check=False, cwd=CHECKOUT).returncode:
        raise CallQAError(Message("the samples could not be judged; the lines above say why"))
    paths = settings.paths.model_copy(update={"home": home, "inbox": samples})
    return settings.model_copy(update={"paths": paths})
