"""Serves the nightly flow to Prefect's scheduler: ``callqa schedule --cron "30 1 * * *"``."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from collections.abc import Callable
from types import FrameType
from zoneinfo import ZoneInfo

from flows.prefect_server import quiet_environment, quiet_server
from pipeline.errors import BadSetting
from pipeline.messages import Message
from pipeline.settings import Settings

DEPLOYMENT = "callqa"
"""Name of the deployment; with the flow's it is "nightly/callqa"."""


def check_schedule(cron: str, timezone: str) -> None:
    """Raises BadSetting when either is not understood."""
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise BadSetting(
            Message(
                "--timezone {zone}: no such time zone; use a name such as Asia/Shanghai or Europe/London", zone=timezone
            )
        ) from error
    try:
        CronSchedule(cron=cron, timezone=timezone)
        # Prefect would take a sixth field, for seconds
        understood = len(cron.split()) == 5
    except (ValidationError, ValueError):
        understood = False
    if not understood:
        raise BadSetting(
            Message(
                "--cron '{cron}': not understood; five fields: minute hour day month weekday, "
                "e.g. '30 1 * * *' is 01:30 every night",
                cron=cron,
            )
        )


def serve(settings: Settings, cron: str, timezone: str, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is told the API's URL once the schedule is registered.

    Raises BadSetting, or the CallQAError of a server that does not start.
    """
    quiet_environment(settings.paths.home)
    check_schedule(cron, timezone)
    with quiet_server(settings.paths.home, services=True) as url:
        _serve(cron, timezone, lambda: ready(url))


def _serve(cron: str, timezone: str, ready: Callable[[], None]) -> None:
    from prefect.runner import Runner
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.nightly import nightly_flow

    errors: list[Exception] = []
    started = threading.Event()
    handle: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []
    over = threading.Event()

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        handle.append((asyncio.get_running_loop(), task))
        started.set()
        # one night at a time; one that is due while another lasts waits for its turn
        runner = Runner(name=DEPLOYMENT, limit=1)
        await runner.aadd_flow(
            nightly_flow,
            name=DEPLOYMENT,
            schedule=Cron(cron, timezone=timezone),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        ready()
        await runner.start()

    def work() -> None:
        try:
            asyncio.run(run())
        except asyncio.CancelledError:
            pass
        except Exception as error:
            errors.append(error)
        finally:
            started.set()
            over.set()

    # In the main thread Prefect's runner would take SIGTERM for itself and exit in the middle of its loop.
    asked = threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        asked.set()
        over.set()

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    # the server's address is in this thread's context
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(work), name="schedule", daemon=True)
    try:
        thread.start()
        over.wait()
        started.wait(10)
        if asked.is_set() and handle:
            loop, task = handle[0]
            loop.call_soon_threadsafe(task.cancel)
            # a night that is going on ends with us; what it has done stays done
            thread.join(10)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors and not asked.is_set():
        raise errors[0]
