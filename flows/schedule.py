"""Serves the nightly flow to Prefect's scheduler: ``callqa schedule --cron "30 1 * * *"``.

Whoever leaves this running relies on it: a night that does not come is noticed weeks later. So it looks again and
again whether its deployment is still there and makes it anew, and it begins again with another server when the one it
had is gone; each is told in a line. What was wrong from the start ends it at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from flows.faults import explained
from flows.language import LANGUAGE, say
from flows.prefect_server import prefect_folder, quiet_environment, quiet_server, server_fault
from pipeline.errors import BadSetting
from pipeline.messages import Message
from pipeline.settings import Settings

if TYPE_CHECKING:
    from prefect.runner import Runner

WATCH_S = 5.0
"""How often the deployment is looked for."""

RECONNECT_S = 30.0
"""How long to wait before another server is tried."""

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


def serve(
    settings: Settings, cron: str, timezone: str, ready: Callable[[str], None], tell: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is told the API's URL each time the schedule is registered, `tell` what
    went wrong since.

    Raises BadSetting, or the CallQAError of a server that does not start, unless one did before.
    """
    home = settings.paths.home
    quiet_environment(home)
    # for as long as it serves: Prefect starts every night where we stand
    with chdir(prefect_folder(home)):
        check_schedule(cron, timezone)
        _serve_on(home, cron, timezone, ready, tell)


def _serve_on(home: Path, cron: str, timezone: str, ready: Callable[[str], None], tell: Callable[[str], None]) -> None:
    """Serve, with another server whenever the one there was is gone."""
    served, told = False, ""
    while True:
        try:
            with quiet_server(home, services=True) as url:

                def registered(url: str = url) -> None:
                    nonlocal served, told
                    served, told = True, ""
                    ready(url)

                _serve(cron, timezone, registered, tell)
            return
        except Exception as error:
            fault = server_fault(error, home) or error
            if not served:
                raise fault from None
            why = explained(fault).in_language(LANGUAGE)
        if why != told:
            told = why
            tell(
                say(
                    "the schedule lost Prefect; it tries again every {retry_s:.0f} s: {why}",
                    retry_s=RECONNECT_S,
                    why=why,
                )
            )
        time.sleep(RECONNECT_S)


def _serve(cron: str, timezone: str, ready: Callable[[], None], tell: Callable[[str], None]) -> None:
    """Serve in a thread of its own: in the main thread Prefect's runner would take SIGTERM for itself and exit in the
    middle of its loop.
    """
    asked = threading.Event()
    serving = _Serving(cron, timezone, ready, tell)

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

    def __init__(self, cron: str, timezone: str, ready: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._cron, self._timezone, self._ready, self._tell = cron, timezone, ready, tell
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

        task = asyncio.current_task()
        assert task is not None
        self._task = (asyncio.get_running_loop(), task)
        self._started.set()
        # Prefect's own troubles with a lost server would be told there, frame by frame; ours is told in a line
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        # one run at a time; one that is due while another lasts waits for its turn
        runner = Runner(name=DEPLOYMENT, limit=1)
        deployment = await self._register(runner)
        self._ready()
        tasks = [asyncio.create_task(work) for work in (self._watch(runner, deployment), runner.start())]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in ended:
                one.result()
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _register(self, runner: Runner) -> UUID:
        from prefect.schedules import Cron
        from prefect.types.entrypoint import EntrypointType

        from flows.nightly import nightly_flow

        return await runner.aadd_flow(
            nightly_flow,
            name=DEPLOYMENT,
            schedule=Cron(self._cron, timezone=self._timezone),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )

    async def _watch(self, runner: Runner, deployment: UUID) -> None:
        """Register the schedule anew where it is gone. Raises what tells that the server is."""
        import httpx
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        missed = 0
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                async with get_client() as client:
                    there = bool((await client.read_deployment(deployment)).schedules)
                missed = 0
            except ObjectNotFound:
                there = False
            except httpx.TransportError:
                missed += 1
                if missed > 1:
                    runner.pause_on_shutdown = False  # it would ask the lost server for a minute
                    raise
                continue
            if not there:
                self._tell(say("the schedule was gone from Prefect; it is registered again"))
                deployment = await self._register(runner)
