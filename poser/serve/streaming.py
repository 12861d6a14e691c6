"""A request as a stream of server-sent events: partial pictures, one a step, and the delivered ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import StreamingResponse

from poser.seats import Played
from poser.serve import answering, faults
from poser.serve.asking import Ask
from poser.serve.engine import Event
from poser.serve.faults import Fault
from poser.serve.hearing import Hearing
from poser.types import PoserError, Step, Trajectory

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def stream(ask: Ask, hearing: Hearing, kind: str, config: Any) -> AsyncIterator[str]:
    """The events of a request, in the order in which they happen. `kind`: 'image_generation' or 'image_edit'.

    `hearing` is entered already, so that a full queue is an answer with its own status; `Streamed` ends it.
    """
    counts = [0] * len(hearing.runs)
    try:
        async for heard in hearing.events():
            if heard is None:
                yield ": working\n\n"
                continue
            number, event = heard
            counts[number] += isinstance(event, Step)
            data = await asyncio.to_thread(
                _event, ask, event, number, counts[number], hearing.runs[number], kind, config
            )
            if data is not None:
                yield line(data)
            if data is not None and "error" in data:
                return
    except (Fault, PoserError) as error:
        yield line(_error(faults.of(error)))


class Streamed(StreamingResponse):
    """The answer that sends a stream; whatever ends it, also before its first event, ends the hearing."""

    def __init__(self, events: AsyncIterator[str], hearing: Hearing) -> None:
        super().__init__(events, 200, HEADERS, "text/event-stream")
        self._hearing = hearing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends it."""
        with contextlib.closing(self._hearing):
            await super().__call__(scope, receive, send)


def _event(ask: Ask, event: Event, number: int, count: int, run: str, kind: str, config: Any) -> dict[str, Any] | None:
    """The data of one event; None for what this caller did not ask for."""
    if isinstance(event, Trajectory):
        commands = [command.text for command in event.plan.commands]
        about = {"candidate": number, "commands": commands, "seed": event.task.seed, "policy": event.policy}
        return {"type": "poser.plan", "poser": about} if ask.details else None
    if isinstance(event, Step):
        told = {"candidate": number, **answering.step_told(event, count, config)}
        image = event.result.image if event.result else None
        if image is not None and count <= ask.partial_images:
            more = {"partial_image_index": count - 1, "poser": told}
            return answering.picture_event(f"{kind}.partial_image", ask, image, **more)
        return {"type": "poser.step", "poser": told} if ask.details else None
    assert isinstance(event, Played)
    refusal = answering.refusal(event)
    if refusal is not None:
        return _error(refusal)
    return answering.completed(kind, ask, event.trajectory, run, number)


def _error(fault: Fault) -> dict[str, Any]:
    return {"type": "error", **fault.body}


def line(data: dict[str, Any]) -> str:
    """One server-sent event. JSON without raw line breaks: nothing in it can begin another event."""
    return f"event: {data['type']}\ndata: {json.dumps(data, allow_nan=False)}\n\n"
