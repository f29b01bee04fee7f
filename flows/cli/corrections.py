"""``callqa corrections``: the calls in which people corrected who speaks."""

from __future__ import annotations

import json

from flows.cli.root import app, command
from flows.language import localised, say
from flows.options import Json, read_settings
from pipeline.storage.home import Home


@command(
    app,
    "corrections",
    say(
        "Calls in which people corrected who speaks, those first of which something was not carried over to what was "
        "heard since."
    ),
    ("corrections", say("what has to be looked at again comes first")),
)
def corrections_command(json_output: Json = False) -> None:
    from rich.table import Table

    from flows.console import out, print_json
    from pipeline.results.display import clock
    from pipeline.reviews.carried_over import NOT_CARRIED, standing_corrections
    from pipeline.reviews.store import Reviews

    calls = standing_corrections(Reviews(Home(read_settings().paths.home)))
    if json_output:
        listed = [
            {
                "sha256": call.sha256,
                "call_id": call.cdr.call_id,
                "corrections": call.acts,
                "judged": call.is_judged,
                "not_carried_over": [
                    {"start_s": left.turn and round(left.turn.span.start_s, 2), "why": left.why}
                    for left in call.left_out
                ],
            }
            for call in calls
        ]
        print_json(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    if not calls:
        print(say("nobody has corrected who speaks in any call"))
        return
    table = Table(box=None, pad_edge=False)
    for title in (say("Call"), say("Agent"), say("Corrections"), say("Not carried over")):
        table.add_column(title)
    for call in calls:
        why = [
            f"{clock(left.turn.span.start_s) if left.turn else ''} {localised(NOT_CARRIED[left.why])}".strip()
            for left in call.left_out
        ]
        agent = call.cdr.agent_name or call.cdr.agent_id or ""
        table.add_row(call.cdr.call_id or call.sha256[:16], agent, str(call.acts), "; ".join(why))
    out.print(table)
    waiting = sum(not call.is_judged for call in calls)
    if waiting:
        print(say("{count} of them judged by the next run", count=waiting))
