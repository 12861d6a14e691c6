"""The extractor of the embedded world: its reader understands people's words, on the picture that the critic reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from experts.poster.instruction import canonical
from experts.poster.language.reading import Wish, read
from experts.poster.scene import Scene
from experts.poster.understanding import understand
from experts.types import Verb
from poser.planning._following import Following
from poser.planning._net import net
from poser.plugins import Context
from poser.protocols import Planned
from poser.types import Command, End, Plan, Task

KEYS = ("reorder", "requeue", "net")


@dataclass(frozen=True)
class PosterExtractor(Following):
    """Plans of canonical commands, each with the clause that it comes from; goes on by scores.

    What nobody understands, and what cannot be done here, is dropped before a call is spent, with its reason; what is
    so already, a prohibition, or a condition that does not hold is settled without one. With `net`, commands that touch
    the same item become their net change (`planning._net`).
    """

    net: bool = False
    id = "poster-1"
    sees = True

    def start(self, tasks: Sequence[Task], seen: Sequence[Scene | None] = ()) -> list[Planned]:
        """The first plans; `seen` are the scenes of the input pictures, None where there is none."""
        scenes = seen or [None] * len(tasks)
        return [Planned(first(task, scene, self.net)) for task, scene in zip(tasks, scenes, strict=True)]


def first(task: Task, scene: Scene | None, short: bool = False) -> Plan:
    """The first plan of a task whose input picture shows `scene`; `short`: with the net change of its commands."""
    if task.image is not None and scene is None:
        whole = Command(task.prompt.strip(), reason="nobody can read the picture", end="not possible")
        return Plan(dropped=(whole,))
    reading = understand(task.prompt, scene)
    pending, dropped, settled = list[Command](), list[Command](), list[Command]()
    for wish in reading.wishes:
        if wish.end:
            dropped.append(Command(wish.text, span=wish.span, end=cast(End, wish.end), reason=wish.reason))
        elif not wish.instructions:
            settled.append(Command(wish.text, span=wish.span, end="done", reason=wish.reason))
        pending += _commands(wish, len(pending))
    left, undone = net(pending, scene) if short else (tuple(pending), ())
    return Plan(
        current=left[0] if left else None,
        remaining=left[1:],
        dropped=tuple(dropped),
        settled=(*settled, *undone),
        notes=reading.notes,
    )


def _commands(wish: Wish, start: int) -> Iterator[Command]:
    for order, instruction in enumerate(wish.instructions, start):
        words = canonical(instruction)
        verb = cast(Verb, instruction.verb)
        own = "" if words == wish.text else words
        yield Command(wish.text, verb, wish.span, own, meaning=instruction, order=order)


def understood(plan: Plan, scene: Scene | None) -> Plan:
    """A plan of somebody else's (a language model's) with what each pending command means on a picture that shows
    `scene`; one that the reader does not understand as a single command keeps its words alone."""
    pending = []
    for order, command in enumerate(plan.pending):
        reading = read(command.wording, scene)
        made = [instruction for wish in reading.wishes for instruction in wish.instructions]
        if len(made) == 1 and not any(wish.end for wish in reading.wishes):
            command, scene = replace(command, meaning=made[0]), reading.target
        pending.append(replace(command, order=order))
    return replace(plan, current=pending[0] if pending else None, remaining=tuple(pending[1:]))


def load(settings: Mapping[str, Any], context: Context) -> PosterExtractor:
    """The extractor that `settings` describes: reorder, requeue, net."""
    return PosterExtractor(context.attempts, context.threshold, **settings)
