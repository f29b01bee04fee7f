"""Whose turn it is to ask the database: one query a person, a few in all; a query ends when nobody waits for it.

All of it happens in the server's event loop: who waits holds no thread, and only a query that runs holds one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from anyio import CancelScope, Event, create_task_group, move_on_after, sleep, to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.errors import CallQAError
from pipeline.results.sql import QueryStop, StoppedQuery

TAKING_S = 30.0
"""So long somebody may take nothing of a file that is sent."""


class NoTurn(Exception):
    """As many people ask as may at once."""


@dataclass(frozen=True, slots=True)
class _Turn:
    stop: QueryStop = field(default_factory=QueryStop)
    ended: Event = field(default_factory=Event)


class QueryTurns:
    """Up to `most` people at once, each with one query, the last that they asked."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._last: dict[str, _Turn] = {}

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[QueryStop]:
        """The turn of somebody, whose query before is stopped and has ended. Raises NoTurn."""
        before = self._last.get(who)
        if before is None and len(self._last) >= self._most:
            raise NoTurn
        mine = self._last[who] = _Turn()
        try:
            if before is not None:
                before.stop.stop()
                await before.ended.wait()
            yield mine.stop
        finally:
            mine.stop.stop()
            mine.ended.set()
            if self._last.get(who) is mine:
                del self._last[who]

    def stop(self, who: str) -> None:
        """End the query of somebody, if there is one."""
        if turn := self._last.get(who):
            turn.stop.stop()


class QueryResponse(Response):
    """An answer that a query makes, in a thread, while others are answered: `answer` gives it, `busy` what is said when
    it is nobody's turn. Whoever leaves ends it, and so does `limit_s`."""

    def __init__(
        self, turns: QueryTurns, who: str, answer: Callable[[QueryStop], Response], busy: Callable[[], Response],
        limit_s: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self._turns, self._who, self._answer, self._busy, self._limit_s = turns, who, answer, busy, limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response
        try:
            async with self._turns.turn(self._who) as stop, _watched(receive, stop, self._limit_s):
                response = await to_thread.run_sync(self._answer, stop)
        except NoTurn:
            response = await to_thread.run_sync(self._busy)
        await _with_policy(response, self)(scope, receive, send)


class QueryDownload(Response):
    """A file that a query makes, sent as it comes. `blocks` gives it; where it raises CallQAError before its first
    block, `problem` is the answer. A file that is cut short because it was stopped does not end as a file does."""

    def __init__(
        self, turns: QueryTurns, who: str, blocks: Callable[[QueryStop], Generator[bytes]],
        problem: Callable[[CallQAError], Response], busy: Callable[[], Response], limit_s: float,
        headers: dict[str, str],
    ) -> None:  # fmt: skip
        super().__init__(headers=headers)
        self._turns, self._who, self._blocks = turns, who, blocks
        self._problem, self._busy, self._limit_s = problem, busy, limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response | None = None
        try:
            async with self._turns.turn(self._who) as stop, _watched(receive, stop, self._limit_s):
                blocks = self._blocks(stop)
                try:
                    first = await to_thread.run_sync(next, blocks)
                    await self._send(send, first, blocks)
                except StoppedQuery:
                    return
                except CallQAError as error:
                    response = await to_thread.run_sync(self._problem, error)
                finally:
                    stop.stop()
                    with CancelScope(shield=True), suppress(ValueError):  # it may still run where the desk is ended
                        await to_thread.run_sync(blocks.close)
        except NoTurn:
            response = await to_thread.run_sync(self._busy)
        if response:
            await _with_policy(response, self)(scope, receive, send)

    async def _send(self, send: Send, first: bytes, blocks: Generator[bytes]) -> None:
        del self.headers["content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        block: bytes | None = first
        while block is not None:
            with move_on_after(TAKING_S) as patience:
                await send({"type": "http.response.body", "body": block, "more_body": True})
            if patience.cancelled_caught:
                return
            block = await to_thread.run_sync(next, blocks, None)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def _watched(receive: Receive, stop: QueryStop, limit_s: float) -> AsyncIterator[None]:
    """While this lasts, who leaves and what takes too long is stopped."""

    async def until_left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stop.stop()

    async def until_late() -> None:
        await sleep(limit_s)
        stop.stop()

    failed: Exception | None = None
    async with create_task_group() as tasks:
        tasks.start_soon(until_left)
        tasks.start_soon(until_late)
        try:
            yield
        except Exception as error:  # as it is, and not in a group
            failed = error
        tasks.cancel_scope.cancel()
    if failed is not None:
        raise failed


def _with_policy(response: Response, outer: Response) -> Response:
    """What is answered in the place of another response has that one's policy."""
    response.headers["content-security-policy"] = outer.headers["content-security-policy"]
    return response
