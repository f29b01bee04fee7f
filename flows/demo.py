"""A home of its own with the samples and a generated history in it, for those who want to look at the desk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

from flows.demo_history import add_history
from flows.language import LANGUAGE, say
from pipeline.errors import CallQAError
from pipeline.judging.rulebook import Rulebook
from pipeline.messages import Message
from pipeline.settings import CHECKOUT, Settings, load_settings


def demo_settings() -> Settings:
    """Settings whose home is the demo's. Raises CallQAError."""
    settings = load_settings()
    home, samples = CHECKOUT / "data" / "demo-home", CHECKOUT / "data" / "samples"
    return settings.model_copy(update={"paths": settings.paths.model_copy(update={"home": home, "inbox": samples})})


def fill_demo(settings: Settings, rulebooks: Callable[[], Mapping[str, Rulebook]]) -> None:
    """Judge the history and the samples where they are not, and publish them. Raises CallQAError."""
    print(say("judging generated calls of some weeks, for trends and coaching…"), flush=True)
    add_history(settings, rulebooks(), LANGUAGE)
    command = [sys.executable, "-m", "flows.cli", "--lang", LANGUAGE, "--home", str(settings.paths.home)]
    command += ["nightly", "--inbox", str(settings.paths.inbox)]
    if subprocess.run(command, check=False, cwd=CHECKOUT).returncode:
        raise CallQAError(Message("the samples could not be judged; the lines above say why"))
