"""``callqa worker``: this machine takes its part in shared nights."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from flows.cli.root import app, command
from flows.language import say
from flows.options import Inbox, read_settings
from pipeline.errors import BadSetting
from pipeline.settings import Machines, Settings
from pipeline.validation import told


@command(
    app,
    "worker",
    say(
        "Work for shared nights: joins the Dask scheduler, transcribes and scores what it is given, until Ctrl-C. "
        "Mount home and inbox under the same paths as everywhere, and use the same settings, models and version "
        "(docs/machines.md). A machine that cannot do the work says why and leaves, with status 78."
    ),
    ("worker", say("the scheduler of the settings")),
    ("worker --scheduler tls://10.0.0.5:8786 --workers 8", say("eight recordings at a time")),
)
def worker_command(
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help=say("The scheduler, instead of machines.scheduler."))
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help=say("Parallel processes, instead of hear.workers."))
    ] = None,
    inbox: Inbox = None,
) -> None:
    from flows.cluster import check_installed, cluster_security

    check_installed()
    settings = with_scheduler(read_settings(inbox, workers), scheduler)
    cluster_security(settings.machines)

    from flows.machine import join, own_prefect_folder
    from flows.prefect_server import quiet_environment

    quiet_environment(own_prefect_folder())
    join(settings)


def with_scheduler(settings: Settings, address: str | None) -> Settings:
    """The settings with the address that the command line gave. Raises BadSetting."""
    if address is None:
        return settings
    try:
        machines = Machines.model_validate(settings.machines.model_dump() | {"scheduler": address})
    except ValidationError as error:
        raise BadSetting(told(error, Machines, before="--")) from error
    return settings.model_copy(update={"machines": machines})
