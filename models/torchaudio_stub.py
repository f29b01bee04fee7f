"""Lets torchaudio load beside a CPU build of torch.

The torchaudio wheel on the package index is built for CUDA: its native extension looks for libc10_cuda and
fails to load where torch is the CPU build. pyannote.audio needs only parts that are pure Python (Kaldi filter
banks, resampling). So where the real extension fails, and only there, an empty one takes its place; the parts
that need it (forced alignment, some filters) then say that they are not available.
"""

from __future__ import annotations

import sys
from types import ModuleType


def load_torchaudio() -> None:
    """Import torchaudio, with an empty native extension when its own cannot be loaded. Safe to call again."""
    if "torchaudio" in sys.modules:
        return
    try:
        import torchaudio
    except (ImportError, OSError, RuntimeError):
        for name in [name for name in sys.modules if name == "torchaudio" or name.startswith("torchaudio.")]:
            del sys.modules[name]
        stub = ModuleType("torchaudio._extension")
        stub.__dict__.update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, fail_if_no_align=lambda function: function)
        sys.modules["torchaudio._extension"] = stub
        import torchaudio  # noqa: F401
