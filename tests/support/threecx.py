"""Lines of 3CX's cdr.log, by the names of its fields."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.intake.readers.threecx import ORDERS


def threecx_line(*chain: str, order: Sequence[str] = ORDERS[0], last: str = "missed-queue-calls", **said: str) -> str:
    """A line of a call along its chain, the caller first; `last` is the last field that the administrator chose."""
    fields = {
        "historyid": "Call 5001",
        "callid": "00000163F5AD7E1E_31",
        "duration": "00:04:38",
        "time-start": "2026/11/20 09:31:00",
        "time-answered": "2026/11/20 09:31:15",
        "time-end": "2026/11/20 09:35:40",
        "reason-terminated": "TerminatedBySrc",
        "from-no": chain[0],
        "to-no": chain[1],
        "from-dn": "Ext.10001" if chain[0][0].isdigit() else chain[0],
        "to-dn": chain[1] if chain[1].startswith("Ext.") else "Ext.10001",
        "dial-no": chain[1].removeprefix("Ext."),
        "chain": "Chain: " + "".join(f"{each};" for each in chain),
    }
    if len(chain) > 2:
        fields |= {
            "reason-changed": "ReplacedDst",
            "final-number": chain[-1],
            "final-dn": chain[-1].removeprefix("Ext."),
        }
    fields |= {name.replace("_", "-"): text for name, text in said.items()}
    written = order[: order.index(last) + 1] if last in order else order
    return ",".join(fields.get(name, "") for name in written) + "\n"
