"""What callqa's processes tell nobody: no library reports anything to its maker, and no proxy reads what it carries."""

from __future__ import annotations

import os

NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",  # Prefect's own analytics, huggingface_hub, and whoever heeds it
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "OTEL_SDK_DISABLED": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYANNOTE_METRICS_ENABLED": "false",  # reports lengths of calls otherwise
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime reports processes, sessions and runs otherwise
}
"""Set whatever the environment says, and before anything of theirs is imported."""


def keep_inside() -> None:
    """Switch off telemetry and proxies that read, for this process and those that it starts.

    What goes through a proxy by https is encrypted for the other end; what goes by http, the proxy reads. So proxies
    for http are not used.
    """
    os.environ.update(NO_TELEMETRY)
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        for spelt in (name, name.lower()):
            address = os.environ.pop(spelt, None)
            if address and name == "ALL_PROXY":
                os.environ.setdefault("HTTPS_PROXY" if spelt == name else "https_proxy", address)
