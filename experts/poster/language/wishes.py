"""What was read: wishes with the commands that carry them out, from the worlds before and after each clause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experts.poster.instruction import Instruction
from experts.poster.language.altering import replace
from experts.poster.language.clauses import Clause
from experts.poster.language.compiling import commands, drawn
from experts.poster.language.world import World
from experts.poster.scene import Scene, SceneError

NOTHING = "nothing here that a poster can show"
TAKEN_BACK, LATER_WORD = "taken back", "the later word stands"


@dataclass(frozen=True)
class Wish:
    """What one clause asks for.

    Attributes:
        text, span: its words, and where they stand in the prompt.
        instructions: the commands that carry it out, in order; () where nothing is to be done.
        end: '' (to be carried out, or already so), 'not understood', 'not possible'.
        reason: why, in words; for '' what is to be known about it.
    """

    text: str
    span: tuple[int, int]
    instructions: tuple[Instruction, ...] = ()
    end: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Reading:
    """A prompt as it was understood: wishes in the order in which they are carried out, notes about what was chosen,
    and the scene that they lead to (None: no picture was asked for)."""

    wishes: tuple[Wish, ...]
    notes: tuple[str, ...]
    target: Scene | None


@dataclass(frozen=True)
class Step:
    """A clause that was read: the world before and after it, its wish to be, and whether it opens a description."""

    clause: Clause
    before: World
    after: World
    wish: Wish
    opening: bool

    @property
    def idle(self) -> bool:
        """Whether it leads nowhere: it failed, was taken back, or asks for nothing."""
        return bool(self.wish.end) or self.before is self.after or self.wish.reason in (TAKEN_BACK, LATER_WORD)

    def undone(self, reason: str) -> Step:
        """It, with nothing done, and why."""
        return replace(self, after=self.before, wish=replace(self.wish, reason=reason))


def wishes_of(prompt: str, steps: Sequence[Step], new: bool) -> list[Wish]:
    """The wishes of all steps; those that describe a picture which is yet to be drawn (`new`) are one."""
    wishes: list[Wish] = []
    opened = not new
    k = 0
    while k < len(steps):
        step = steps[k]
        if step.idle:
            wishes.append(step.wish)
        elif not opened and step.opening and step.after.ground is not None:
            opened = True
            size = _described(steps[k:])
            wishes += _drawing(prompt, steps[k : k + size])
            k += size - 1
        else:
            wishes.append(_change(step))
        k += 1
    return wishes or [Wish(prompt.strip(), (0, len(prompt)), (), "not understood", NOTHING)]


def _described(steps: Sequence[Step]) -> int:
    """How many steps describe the same new picture."""
    last = steps[0]
    for k, step in enumerate(steps[1:], 1):
        if step.idle:
            continue
        bare = not last.after.things and step.clause.verb in ("add", "fill", "draw", "")
        if not (step.opening or bare):
            return k
        last = step
    return len(steps)


def _drawing(prompt: str, steps: Sequence[Step]) -> list[Wish]:
    """One wish for the picture that the steps describe, and those of steps that lead nowhere."""
    done = [step for step in steps if not step.idle]
    scene = done[-1].after.scene
    assert scene is not None
    span = min(step.wish.span[0] for step in done), max(step.wish.span[1] for step in done)
    whole = replace(done[0].wish, text=prompt[slice(*span)], span=span, instructions=tuple(drawn(scene)))
    return [whole, *(step.wish for step in steps if step.idle)]


def _change(step: Step) -> Wish:
    try:
        made = tuple(commands(step.before, step.after))
    except SceneError as error:
        return replace(step.wish, end="not possible", reason=str(error))
    return replace(step.wish, instructions=made, reason="" if made else "it is so already")
