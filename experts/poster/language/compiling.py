"""Two states of a world -> the commands of the experts that lead from one to the other."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.instruction import Instruction, Ref, apply
from experts.poster.language.altering import replace
from experts.poster.language.world import World
from experts.poster.scene import MOST_DRAWN, Item, Scene, SceneError

_MOST = 8
"""Commands a change, beyond which the changes wait for one another without end."""


def shortest(scene: Scene, item: Item) -> Ref:
    """The fewest words that mean just `item` in `scene`."""
    shape, colour, size, place = item.shape, item.colour, item.size, item.place
    options = [Ref(shape), Ref(shape, colour), Ref(shape, colour, size), Ref(shape, place=place)]
    for ref in [*options, Ref(shape, colour, place=place)]:
        if [other for other in scene.items if ref.fits(other)] == [item]:
            return ref
    return Ref(shape, colour, size, place)


def drawn(scene: Scene) -> list[Instruction]:
    """The commands that draw a scene: as much as one drawing holds, then the rest one by one."""
    first, rest = scene.items[:MOST_DRAWN], scene.items[MOST_DRAWN:]
    whole = Instruction("generate", items=first, background=scene.background)
    return [whole, *(Instruction("add", items=(item,)) for item in rest)]


def commands(before: World, after: World) -> list[Instruction]:
    """The commands that lead from one world to the next, each of which its scene can follow."""
    start, target = before.scene, after.scene
    if target is None or start == target:
        return []
    if start is None:
        return drawn(target)
    wanted = _differences(before, after)
    return _ordered(start, wanted)


def _differences(before: World, after: World) -> list[tuple[Item | None, Item | None, str]]:
    """(item before, item after, background after) of everything that changes, in the order of the things."""
    old = {thing.number: thing.item for thing in before.things}
    new = {thing.number: thing.item for thing in after.things}
    out: list[tuple[Item | None, Item | None, str]] = [(item, None, "") for n, item in old.items() if n not in new]
    out += [(item, new[n], "") for n, item in old.items() if n in new and new[n] != item]
    if before.ground != after.ground:
        out.append((None, None, after.ground or ""))
    return out + [(None, item, "") for n, item in new.items() if n not in old]


def _ordered(scene: Scene, wanted: Sequence[tuple[Item | None, Item | None, str]]) -> list[Instruction]:
    """The changes as commands, each put off until its scene can follow it."""
    out, left = list[Instruction](), [_steps(old, new, ground) for old, new, ground in wanted]
    while any(left):
        for steps in left:
            if steps and (made := _try(scene, steps[0])) is not None:
                out.append(made[0])
                scene = made[1]
                steps.pop(0)
                break
        else:
            made_way = _exchange(scene, left) or _aside(scene, left)
            if made_way is None or len(out) > _MOST * (len(wanted) + 1):
                raise SceneError("these changes cannot be made one after the other")
            for instruction in made_way:
                out.append(instruction)
                scene = apply(scene, instruction)
        left = [steps for steps in left if steps]
    return out


class _Step:
    """One command to be: the item that it is about, and what it becomes."""

    def __init__(self, old: Item | None, new: Item | None, ground: str = "") -> None:
        self.old, self.new, self.ground = old, new, ground


def _steps(old: Item | None, new: Item | None, ground: str) -> list[_Step]:
    if old is None or new is None:
        return [_Step(old, new, ground)]
    out = []
    if old.place != new.place:
        at = replace(old, place=new.place)
        out.append(_Step(old, at))
        old = at
    if old.shape != new.shape:
        out.append(_Step(old, new))
        return out
    if old.colour != new.colour:
        out.append(_Step(old, replace(old, colour=new.colour)))
        old = replace(old, colour=new.colour)
    if old.size != new.size:
        out.append(_Step(old, new))
    return out


def _try(scene: Scene, step: _Step) -> tuple[Instruction, Scene] | None:
    """The command of a step with the scene after it; None where the scene cannot follow it now."""
    try:
        instruction = _instruction(scene, step)
        return instruction, apply(scene, instruction)
    except SceneError:
        return None


def _instruction(scene: Scene, step: _Step) -> Instruction:
    old, new = step.old, step.new
    if old is None:
        return Instruction("background", background=step.ground) if new is None else Instruction("add", items=(new,))
    if old not in scene.items:
        raise SceneError("it is not there yet")
    ref = shortest(scene, old)
    if new is None:
        return Instruction("remove", ref=ref)
    if old.place != new.place:
        return Instruction("move", ref=ref, place=new.place)
    if old.shape != new.shape:
        colour = new.colour if new.colour != old.colour else None
        return Instruction(
            "replace", ref=ref, shape=new.shape, colour=colour, size=new.size if new.size != old.size else None
        )
    if old.colour != new.colour:
        return Instruction("recolour", ref=ref, colour=new.colour)
    return Instruction("resize", ref=ref, size=new.size)


def _exchange(scene: Scene, left: list[list[_Step]]) -> list[Instruction] | None:
    """Two or more things that wait for one another's places: each becomes the other where it stands."""
    moves = [steps for steps in left if steps[0].old and steps[0].new and steps[0].old.place != steps[0].new.place]
    for steps in moves:
        ring, at = [steps], steps
        while True:
            target = at[0].new
            assert target is not None
            nxt = next((other for other in moves if other[0].old and other[0].old.place == target.place), None)
            if nxt is None:
                break
            if nxt is steps:
                return _turned(scene, ring)
            if nxt in ring:
                break
            ring.append(nxt)
            at = nxt
    return None


def _turned(scene: Scene, ring: list[list[_Step]]) -> list[Instruction]:
    out = []
    arrives = {steps[0].new.place: steps[0].new for steps in ring if steps[0].new}
    for steps in ring:
        step = steps.pop(0)
        assert step.old is not None
        here, new = step.old, arrives[step.old.place]
        if here == new:
            continue
        for one in _steps(here, new, ""):
            instruction = _instruction(scene, one)
            scene = apply(scene, instruction)
            out.append(instruction)
    return out


def _aside(scene: Scene, left: list[list[_Step]]) -> list[Instruction] | None:
    """A thing whose colour the background is to get, and which waits for that: it gets a third colour first."""
    for steps in filter(None, left):
        step = steps[0]
        if step.old and step.new and step.old in scene.items and step.new.colour == scene.background:
            grounds = {other[0].ground for other in left if other}
            free = next(
                c for c in ("red", "blue", "green", "yellow") if c not in grounds | {scene.background, step.old.colour}
            )
            instruction = Instruction("recolour", ref=shortest(scene, step.old), colour=free)
            step.old = replace(step.old, colour=free)
            return [instruction]
    return None
