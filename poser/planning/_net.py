"""Pending commands of the poster world -> the fewest that come to the same: their net change, item by item. Pure.

'Make the star green. Move it to the top left. Make it blue.' is a move and one colour. Commands that touch the same
item belong together; a group is rewritten where its net change takes fewer commands, and only where the picture that
results is exactly the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

from experts.poster.instruction import Instruction, Ref, apply, become, canonical, resolve
from experts.poster.scene import Item, Scene, SceneError
from experts.types import Verb
from poser.types import Command

UNDONE = "a later command undoes it"


class Net(NamedTuple):
    """What is left to do, in order, and the commands that come to nothing, as settled ones."""

    pending: tuple[Command, ...]
    settled: tuple[Command, ...] = ()


def net(pending: Sequence[Command], scene: Scene | None) -> Net:
    """The net change of `pending` on a picture that shows `scene` (None: nothing yet).

    A description that comes first stays as it is: what it draws is where the others begin. The commands stay as they
    are where one of them has no meaning here, or cannot be followed.
    """
    whole = Net(tuple(pending))
    head = 1 if pending and pending[0].verb == "generate" else 0
    try:
        for command in pending[:head]:
            scene = apply(scene, _meaning(command))
        if scene is None:
            return whole
        ledger = _Ledger.of(scene, pending[head:])
        groups = [group for group in ledger.groups() if len(group.changes) < len(group.commands)]
        made, gone = _merged(pending[head:], groups)
        for command in made:
            scene = apply(scene, _meaning(command))
    except SceneError:
        return whole
    if scene != ledger.scene:
        return whole
    ordered = (replace(command, order=k) for k, command in enumerate([*pending[:head], *made]))
    return Net(tuple(ordered), tuple(gone))


def _meaning(command: Command) -> Instruction:
    if command.meaning is None:
        raise SceneError("not about posters")
    return command.meaning


@dataclass(frozen=True)
class _Group:
    """Commands, by number, that touch the same items; and the instructions that come to the same."""

    commands: tuple[int, ...]
    changes: tuple[Instruction, ...]


@dataclass
class _Ledger:
    """Items by number, as they were and as they are, and which items each command touches (-1: the background)."""

    first: Scene
    scene: Scene
    old: dict[int, Item] = field(default_factory=dict)
    now: dict[int, Item] = field(default_factory=dict)
    touched: list[set[int]] = field(default_factory=list)
    count: int = 0

    @classmethod
    def of(cls, scene: Scene, commands: Sequence[Command]) -> _Ledger:
        """Follows all commands. Raises `SceneError` where one cannot be followed."""
        items = dict(enumerate(scene.items))
        ledger = cls(scene, scene, items, dict(items), count=len(items))
        for command in commands:
            ledger._follow(_meaning(command))
        return ledger

    def _follow(self, given: Instruction) -> None:
        if given.verb == "generate" or any(item.place is None for item in (*self.scene.items, *given.items)):
            raise SceneError("not item by item")
        target = resolve(self.scene, given.ref) if given.ref else None
        self.scene = apply(self.scene, given)
        if given.verb == "background":
            self.touched.append({-1})
        elif target is None:
            fresh = range(self.count, self.count + len(given.items))
            self.count = fresh.stop
            self.now |= dict(zip(fresh, given.items, strict=True))
            self.touched.append(set(fresh))
        else:
            number = next(number for number, item in self.now.items() if item == target)
            del self.now[number]
            if given.verb != "remove":
                self.now[number] = become(target, given)
            self.touched.append({number})

    def groups(self) -> Iterator[_Group]:
        """Groups of commands that share items, by their first command."""
        left = list(range(len(self.touched)))
        while left:
            commands = [left.pop(0)]
            items = set(self.touched[commands[0]])
            while (more := next((k for k in left if self.touched[k] & items), None)) is not None:
                left.remove(more)
                commands.append(more)
                items |= self.touched[more]
            yield _Group(tuple(sorted(commands)), tuple(self._changes(items)))

    def _changes(self, items: set[int]) -> Iterator[Instruction]:
        for number in sorted(items):
            if number == -1:
                if self.scene.background != self.first.background:
                    yield Instruction("background", background=self.scene.background)
                continue
            yield from _change(self.old.get(number), self.now.get(number))


def _change(old: Item | None, new: Item | None) -> list[Instruction]:
    """The fewest instructions that turn one item into another (None: there is none)."""
    if old == new:
        return []
    if old is None or new is None:
        item = cast(Item, old or new)
        return [Instruction("add", items=(item,)) if old is None else Instruction("remove", ref=_named(item))]
    steps, ref = list[Instruction](), _named(old)
    if new.shape != old.shape:
        colour = new.colour if new.colour != old.colour else None
        steps.append(Instruction("replace", ref=ref, shape=new.shape, colour=colour))
        ref = replace(ref, shape=new.shape, colour=new.colour)
    elif new.colour != old.colour:
        steps.append(Instruction("recolour", ref=ref, colour=new.colour))
        ref = replace(ref, colour=new.colour)
    if new.size != old.size:
        steps.append(Instruction("resize", ref=ref, size=new.size))
    if new.place != old.place:
        steps.append(Instruction("move", ref=ref, place=new.place))
    if len(steps) < 3:
        return steps
    return [Instruction("remove", ref=_named(old)), Instruction("add", items=(new,))]


def _named(item: Item) -> Ref:
    return Ref(item.shape, item.colour, place=item.place)


def _merged(commands: Sequence[Command], groups: Sequence[_Group]) -> tuple[list[Command], list[Command]]:
    """The commands with those of each group replaced, where its last one stood; and those that come to nothing."""
    of = {k: group for group in groups for k in group.commands}
    made, gone = list[Command](), list[Command]()
    for k, command in enumerate(commands):
        if k not in of:
            made.append(command)
        elif k == of[k].commands[-1]:
            told = [commands[n] for n in of[k].commands]
            made += _rewritten(told, of[k].changes)
            gone += [] if of[k].changes else [replace(c, end="done", reason=UNDONE) for c in told]
    return made, gone


def _rewritten(told: Sequence[Command], changes: Sequence[Instruction]) -> list[Command]:
    """Commands for `changes`, each with the words of those that it stands for: of its own verb first, the rest last."""
    left, found = list(told), list[Command]()
    for k, change in enumerate(changes):
        own = left if k == len(changes) - 1 else [c for c in left if c.verb == change.verb]
        own = own or left[:1]
        left = [c for c in left if not any(c is other for other in own)]
        text = "; ".join(c.text for c in own) or told[-1].text
        span = (own or told)[-1].span
        found.append(Command(text, cast(Verb, change.verb), span, canonical(change), meaning=change))
    return found
