"""The episodes of one request, heard from an event loop while the engine's thread plays them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence

from poser.seats import Played
from poser.serve.engine import Engine, Event, Ride, Stopping, Tell
from poser.serve.faults import Fault
from poser.serve.metrics import Metrics
from poser.serve.recording import Recorded
from poser.serve.settings import Settings
from poser.types import Task

BEAT = 10.0
"""A stream that has nothing to say says so, s."""


class Hearing:
    """Episodes from `begin`, which queues them, to `close`, which cancels what is not over.

    Attributes:
        runs: the folder of each episode's record, by name; '' where nothing is recorded.
    """

    def __init__(
        self, engine: Engine, model: str, tasks: Sequence[Task], settings: Settings, metrics: Metrics | None = None
    ) -> None:
        self._engine, self._model, self._tasks = engine, model, tasks
        self._settings, self._metrics = settings, metrics
        self._events: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
        self._rides: list[Ride] = []
        self._loop = asyncio.get_running_loop()
        self.runs = [f"{secrets.token_hex(8)}" if settings.runs else "" for _ in tasks]

    def begin(self) -> Hearing:
        """Queues them all, or none. Raises Busy, Stopping, PoserError."""
        tells = [self._tell(k) for k in range(len(self._tasks))]
        self._rides = self._engine.submit(self._model, self._tasks, tells)
        return self

    def close(self) -> None:
        """Nobody hears any more: what is not over is cancelled."""
        self._engine.cancel(self._rides)

    def _tell(self, k: int) -> Tell:
        def tell(event: Event) -> None:
            if self._metrics:
                self._metrics.heard(self._model, event)
            self._loop.call_soon_threadsafe(self._events.put_nowait, (k, event))

        return Recorded(self._settings.runs / self.runs[k], tell) if self._settings.runs else tell

    async def events(self) -> AsyncIterator[tuple[int, Event] | None]:
        """(number of the task, event) until all are over; None now and then while nothing happens.

        Raises Fault where the time of a request is up.
        """
        left, until = len(self._tasks), time.monotonic() + self._settings.timeout
        while left:
            wait = until - time.monotonic()
            if wait <= 0:
                raise Fault(504, f"no answer within {self._settings.timeout:g} s; the episode was ended", "timeout")
            try:
                number, event = await asyncio.wait_for(self._events.get(), min(wait, BEAT))
            except TimeoutError:
                yield None
                continue
            left -= isinstance(event, Played)
            yield number, event

    async def played(self) -> list[Played]:
        """How each ended. Raises Fault, and Stopping where the engine closed."""
        found = dict[int, Played]()
        async for heard in self.events():
            if heard is not None and isinstance(heard[1], Played):
                found[heard[0]] = heard[1]
        ended = [found[k] for k in range(len(self._tasks))]
        stopped = next((played.error for played in ended if isinstance(played.error, Stopping)), None)
        if stopped is not None:
            raise stopped
        return ended
