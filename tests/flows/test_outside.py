"""No library of callqa's reports anything to its maker, whatever the environment says; by the settings in force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.outside import NO_TELEMETRY, keep_inside
from pipeline.intake import rows
from pipeline.results.parts import NOTHING_LOADED
from pipeline.results.sql import run_query
from pipeline.results.store import build_database
from pipeline.settings import CHECKOUT, Sql, load_settings
from pipeline.storage.home import Home

IN_FORCE = """
import json
from pathlib import Path
import sys
from flows.prefect_server import quiet_environment
quiet_environment(Path(sys.argv[1]))
from prefect.settings import get_current_settings
from prefect._internal.analytics.enabled import is_telemetry_enabled
from huggingface_hub import constants
from opentelemetry.sdk.trace import TracerProvider
settings = get_current_settings()
print(json.dumps([
    settings.server.analytics_enabled, settings.cloud.enable_orchestration_telemetry,
    settings.telemetry.enable_resource_metrics, is_telemetry_enabled(), not constants.HF_HUB_DISABLE_TELEMETRY,
    TracerProvider().get_tracer("x").start_span("y").is_recording(),
]))
"""
"""What the libraries hold to, asked of themselves; pyannote.audio and onnxruntime are asked in tests/models."""

SWITCHED_ON = {name: {"1": "0", "true": "false", "false": "true"}[value] for name, value in NO_TELEMETRY.items()}


@pytest.mark.slow
def test_nothing_reports_whatever_the_environment_says(tmp_path: Path) -> None:
    env = {**os.environ, **SWITCHED_ON, "PYTHONPATH": str(CHECKOUT), "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", IN_FORCE, str(tmp_path)], env=env, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [False] * 6


def test_the_database_engine_fetches_no_extensions(tmp_home: Home) -> None:
    build_database(tmp_home, load_settings())
    asked = ", ".join(
        f"current_setting('{name}')"
        for name in ("autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions")
    )
    assert run_query(tmp_home.database, f"SELECT {asked}", Sql())[0].rows == ((False, False, False),)  # type: ignore[call-arg]
    for configuration in (NOTHING_LOADED, rows._NOTHING_LOADED):
        assert configuration["autoinstall_known_extensions"] == configuration["autoload_known_extensions"] == "false"


def test_a_proxy_carries_only_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy:1")
    monkeypatch.setenv("ALL_PROXY", "http://proxy:2")
    for name in NO_TELEMETRY:
        monkeypatch.setenv(name, "")
    keep_inside()
    left = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") and "proxy:" in value}
    assert left == {"HTTPS_PROXY": "http://proxy:2"}
