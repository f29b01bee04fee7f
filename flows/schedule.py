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
    """Serve in a thread of its own: in the main thread Prefect's runner would take SIGTERM for itself and exit in the
    middle of its loop.
    """
    asked = threading.Event()
    serving = _Serving(cron, timezone, ready)

    def leave(number: int, frame: FrameType | None) -> None:
        asked.set()
        serving.over.set()

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        thread = serving.start()
        serving.over.wait()
        if asked.is_set():
            serving.cancel()
            # a run that is going on ends with us; what it has done stays done
            thread.join(10)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if serving.error is not None and not asked.is_set():
        raise serving.error


class _Serving:
    """Prefect's runner with the schedule. `over` is set when it has ended, `error` is what ended it."""

    def __init__(self, cron: str, timezone: str, ready: Callable[[], None]) -> None:
        self._cron, self._timezone, self._ready = cron, timezone, ready
        self._started = threading.Event()
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self.over = threading.Event()
        self.error: Exception | None = None

    def start(self) -> threading.Thread:
        # the server's address is in this thread's context
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(self._work), name="schedule", daemon=True)
        thread.start()
        return thread

    def cancel(self) -> None:
        self._started.wait(10)
        if self._task:
            loop, task = self._task
            loop.call_soon_threadsafe(task.cancel)

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self.error = error
        finally:
            self._started.set()
            self.over.set()

    async def _run(self) -> None:
        from prefect.runner import Runner
        from prefect.schedules import Cron
        from prefect.types.entrypoint import EntrypointType

        from flows.nightly import nightly_flow

        task = asyncio.current_task()
        assert task is not None
        self._task = (asyncio.get_running_loop(), task)
        self._started.set()
        # one run at a time; one that is due while another lasts waits for its turn
        runner = Runner(name=DEPLOYMENT, limit=1)
        await runner.aadd_flow(
            nightly_flow,
            name=DEPLOYMENT,
            schedule=Cron(self._cron, timezone=self._timezone),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        self._ready()
        await runner.start()
