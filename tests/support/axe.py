"""What axe-core finds wrong with a page for people who do not see it, or have no mouse."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.browser import Browser

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"


@cache
def _axe() -> str:
    script = AXE.read_bytes()
    assert hashlib.sha256(script).hexdigest() == AXE_SHA256, "axe-core was changed"
    return script.decode()


def barriers(page: Browser, within: str = "document") -> list[str]:
    """What is serious or critical, a line each: the rule, and where. Run by the debugger, as no page of ours would."""
    if not page.run("typeof axe === 'object'"):
        page.command("Runtime.evaluate", expression=_axe())
    found: list[dict[str, Any]] = page.run(
        f"axe.run({within}, {{resultTypes: ['violations']}}).then(r => r.violations.map("
        "v => ({id: v.id, impact: v.impact, help: v.help, at: v.nodes.map(n => n.target.join(' ')).slice(0, 4)})))"
    )
    return [
        f"{each['id']} ({each['help']}): {', '.join(each['at'])}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
