"""Stops the command when another project's `pipeline` or `models` would be imported instead of ours.

The packages have the names of their folders, which are common ones; a PYTHONPATH left over from elsewhere is
enough. Import this before anything of theirs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent

for _name in ("pipeline", "models"):
    _spec = importlib.util.find_spec(_name)
    _place = Path(_spec.origin).resolve() if _spec and _spec.origin else None
    if _place is None or _place.parent.parent != _CHECKOUT:
        # in both languages: the catalogue is in the package that was not found
        raise SystemExit(
            f"callqa: Python finds another `{_name}` ({_place}) before callqa's: unset PYTHONPATH"
            f" / 先找到了别处的 `{_name}`：请清除 PYTHONPATH"
        )
