"""What the picture should show after a list of commands, and which command answers for what. Pure.

Every item of the expected scene carries the commands that made or changed it, so that an earlier command is asked for
its part as later ones left it: a star that was recoloured since is asked for in its new colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from experts.poster.instruction import Instruction, apply, become, resolve
from experts.poster.questions import Question, about, anything, background
from experts.poster.scene import COUNTS, PLACES, UNKNOWN, Item, Scene, SceneError, plural


@dataclass(frozen=True)
class Fact:
    """A question, the answer that the right picture gives, and what to say where it gives the other one.

    `item` is set where the question asks for all of a placed item at once: its single attributes can be asked for too.
    """

    question: Question
    wanted: bool = True
    words: str = ""
    item: Item | None = None


@dataclass(frozen=True)
class Expectation:
    """The scene after all commands; the facts of each command (None: not a poster command); what should be kept.

    `kept` is in groups: each untouched item, the background, all cells that stay empty together; () after a redraw.
    """

    scene: Scene
    facts: tuple[tuple[Fact, ...] | None, ...]
    kept: tuple[tuple[Fact, ...], ...]


@dataclass
class _Ledger:
    """Items by number, and what each command (by number) did to them."""

    scene: Scene
    items: dict[int, Item] = field(default_factory=dict)
    made: dict[int, list[int]] = field(default_factory=dict)
    gone: dict[int, list[Item]] = field(default_factory=dict)
    redrawn: set[int] = field(default_factory=set)
    painted: set[int] = field(default_factory=set)
    literal: dict[int, Instruction] = field(default_factory=dict)
    count: int = 0

    def add(self, items: Sequence[Item], command: int) -> None:
        for item in items:
            self.items[self.count] = item
            self.made.setdefault(command, []).append(self.count)
            self.count += 1

    def follow(self, command: int, instruction: Instruction) -> None:
        """Carries out one instruction; one that this scene cannot follow is kept to be asked for by its words alone."""
        try:
            scene = apply(self.scene, instruction)
            target = resolve(self.scene, instruction.ref) if instruction.ref else None
        except SceneError:
            self.literal[command] = instruction
            return
        if instruction.verb == "generate":
            self.items.clear()
            self.redrawn.add(command)
            self.painted.add(command)
            self.add(scene.items, command)
        elif instruction.verb == "add":
            self.add(instruction.items, command)
        elif target is None:
            self.painted.add(command)
        else:
            number = next(number for number, item in self.items.items() if item == target)
            del self.items[number]
            if instruction.verb != "remove":
                self.items[number] = become(target, instruction)
                self.made.setdefault(command, []).append(number)
            if instruction.verb == "remove" or instruction.place not in (None, target.place):
                self.gone.setdefault(command, []).append(target)
        self.scene = scene


def name_of(item: Item, scene: Scene) -> str:
    """The shortest words that tell `item` from the others of `scene`: 'the heart', 'the red heart', with its place."""
    if sum(other.shape == item.shape for other in scene.items) <= 1:
        return f"the {item.shape}"
    if sum((other.shape, other.colour) == (item.shape, item.colour) for other in scene.items) <= 1:
        return f"the {item.colour} {item.shape}"
    return f"the {item.shape}" + ("" if item.place is None else f" at the {PLACES[item.place]}")


def _like(item: Item, scene: Scene) -> int:
    """How many items of `scene` have the attributes of `item`, wherever they are."""
    wish = (item.shape, item.colour, item.size)
    return sum((other.shape, other.colour, other.size) == wish for other in scene.items)


def _counted(item: Item, count: int) -> Fact:
    noun = f"{item.size} {item.colour} {plural(item.shape, count)}"
    question = Question("count", None, item.shape, item.colour, item.size, count=count)
    return Fact(question, True, f"there {'is' if count == 1 else 'are'} not exactly {COUNTS[count - 1]} {noun}")


def _present(item: Item, scene: Scene) -> Fact:
    """That an item is there: at its place, or anywhere, or as many as there should be of its kind."""
    if item.place is not None:
        return Fact(about(item), True, f"{name_of(item, scene)} is not right", item)
    count = min(_like(item, scene), len(COUNTS))
    if count > 1:
        return _counted(item, count)
    return Fact(about(item), True, f"there is no {item.size} {item.colour} {item.shape}")


def _floating(scene: Scene) -> bool:
    """Whether an item of the scene may stand anywhere, so that no cell is known to be empty."""
    return any(item.place is None for item in scene.items)


def _absent(item: Item, scene: Scene) -> list[Fact]:
    """That an item is no longer where it was."""
    words = f"the {item.shape} is still there"
    if item.place is None:
        count = _like(item, scene)
        return [_counted(item, count)] if count else [Fact(about(item), False, words)]
    now = scene.at(item.place)
    if now is None and not _floating(scene):
        return [Fact(anything(item.place), False, f"the {item.shape} is still at the {PLACES[item.place]}")]
    return [] if now == item else [Fact(about(item), False, words)]


def _bare(scene: Scene) -> list[Fact]:
    """That nothing stands where nothing should."""
    if not _floating(scene):
        return [_empty(place) for place in scene.free()]
    count = len(scene.items)
    if count > len(COUNTS):
        return []
    noun = "item" if count == 1 else "items"
    words = f"there {'is' if count == 1 else 'are'} not exactly {COUNTS[count - 1]} {noun}"
    return [Fact(Question("count", count=count), True, words)]


def _empty(place: int) -> Fact:
    return Fact(anything(place), False, f"something stands at the {PLACES[place]} that nobody asked for")


def _ground(colour: str) -> Fact:
    return Fact(background(colour), True, f"the background is not {colour}")


def _by_words(instruction: Instruction) -> list[Fact]:
    """The facts of an instruction that the expected scene cannot follow, from its own words alone."""
    if instruction.verb == "background":
        return [_ground(instruction.background or "white")]
    if instruction.ref is None:
        anywhere = Scene(UNKNOWN, tuple(item for item in instruction.items if item.place is None))
        facts = [_present(item, anywhere) for item in dict.fromkeys(instruction.items)]
        return facts + ([_ground(instruction.background or "white")] if instruction.verb == "generate" else [])
    ref = instruction.ref
    noun = instruction.shape or ref.shape or "item"
    if instruction.verb == "remove":
        question = Question("item", ref.place, ref.shape, ref.colour, ref.size)
        return [Fact(question, False, f"the {noun} is still there")]
    place = instruction.place if instruction.verb == "move" else ref.place
    question = Question(
        "item", place, instruction.shape or ref.shape, instruction.colour or ref.colour, instruction.size or ref.size
    )
    return [Fact(question, True, f"the {noun} is not as asked")]


def _facts(ledger: _Ledger, command: int) -> tuple[Fact, ...]:
    """The facts that one command answers for."""
    if command in ledger.literal:
        return tuple(_by_words(ledger.literal[command]))
    scene = ledger.scene
    facts = [_present(ledger.items[n], scene) for n in ledger.made.get(command, []) if n in ledger.items]
    for item in ledger.gone.get(command, []):
        facts += _absent(item, scene)
    if command in ledger.painted and scene.background != UNKNOWN:
        facts.append(_ground(scene.background))
    if command in ledger.redrawn:
        facts += _bare(scene)
    return tuple(dict.fromkeys(facts))


def _kept(ledger: _Ledger, start: Scene) -> tuple[tuple[Fact, ...], ...]:
    """What of the input picture no command touches."""
    if ledger.redrawn:
        return ()
    touched = {number for numbers in ledger.made.values() for number in numbers}
    same = [item for number, item in ledger.items.items() if number not in touched]
    groups: list[tuple[Fact, ...]] = [(_present(item, ledger.scene),) for item in same]
    if not ledger.painted:
        groups.append((_ground(start.background),))
    if not _floating(ledger.scene):
        groups.append(tuple(_empty(place) for place in start.free() if ledger.scene.at(place) is None))
    return tuple(group for group in groups if group)


def expect(start: Scene | None, instructions: Sequence[Instruction | None]) -> Expectation:
    """The expected scene after `instructions` on `start` (None: nothing yet), with the facts of each.

    None among the instructions is a command that is not about posters: it has no facts here.
    """
    ledger = _Ledger(start or Scene(UNKNOWN))
    for item in ledger.scene.items:
        ledger.items[ledger.count] = item
        ledger.count += 1
    for command, instruction in enumerate(instructions):
        if instruction is not None:
            ledger.follow(command, instruction)
    facts = tuple(None if given is None else _facts(ledger, k) for k, given in enumerate(instructions))
    return Expectation(ledger.scene, facts, () if start is None else _kept(ledger, start))
