"""``callqa metrics``: figures for Prometheus."""

from __future__ import annotations

from typing import Annotated

from flows.cli.root import app, command
from flows.language import say
from flows.options import flag, read_settings
from pipeline.errors import BadSetting
from pipeline.messages import Message
from pipeline.storage.home import Home


@command(
    app,
    "metrics",
    say(
        "Print figures of the last night, the database and the disk, in Prometheus' text format. Nothing that was said "
        "is in them, and nobody's name or number."
    ),
    ("metrics", say("what there is now")),
    ("metrics --write", say("into the file of the settings, for node_exporter")),
)
def metrics_command(
    write: Annotated[bool, flag("--write", say("Write metrics.file of the settings, and print nothing."))] = False,
) -> None:
    from flows.metrics import metrics_of, write_metrics
    from flows.night_state import last_night

    settings = read_settings()
    if not write:
        print(metrics_of(settings), end="")
        return
    if settings.metrics.file is None:
        raise BadSetting(Message("metrics.file is not set; name a .prom file that node_exporter reads"))
    write_metrics(settings, last_night(Home(settings.paths.home)))
