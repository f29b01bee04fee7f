"""One adapter per engine, behind the protocols of :mod:`pipeline.datatypes`."""

import os

# onnxruntime reports every process, session and run to its maker unless this is set before it is first imported
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
