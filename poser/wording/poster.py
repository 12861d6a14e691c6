"""What an expert is handed: the same in the words that the poster experts were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from experts.poster.instruction import Instruction, apply
from experts.poster.language import canonical, caption, parse
from experts.poster.scene import Scene, SceneError
from experts.types import Card
from poser.types import Action, Call, Command, State, Words
from poser.wording.plain import sentences, told


class Poster:
    """The canonical language of the poster experts.

    An editor gets canonical commands, joined by ', then '; a text-to-image expert gets the caption of the whole scene
    that the commands amount to. Items without a place get a free one that no other command of the plan names, the
    center first, and the same one at every step. What the poster language does not know keeps the user's words.
    """

    id = "poster"

    def write(self, calls: Sequence[Call]) -> list[Words]:
        """Same length and order; see `poser.types.Wording`."""
        return [self._one(*call) for call in calls]

    def _one(self, state: State, action: Action, card: Card) -> Words:
        commands = told(state, action, card)
        asked = sentences(c.text for c in commands)
        named = _named(state.plan.commands)
        if card.mode == "text-to-image":
            scene, strange = _followed(commands, named)
            if scene is None:
                return Words(sentences(c.wording for c in commands), asked)
            return Words(", ".join([caption(scene), *strange]), asked)
        known, _ = _followed(state.plan.done, named) if state.task.image is None else (None, [])
        return Words(", then ".join(_edits(known, commands, named)), asked)


def _named(commands: Sequence[Command]) -> frozenset[int]:
    """Cells that any command puts something into by name, so that nothing placeless takes them."""
    cells: set[int | None] = set()
    for command in commands:
        instruction = parse(command.wording)
        if instruction is not None:
            cells |= {instruction.place, *(item.place for item in instruction.items)}
    return frozenset(cell for cell in cells if cell is not None)


def _settled(scene: Scene, named: frozenset[int]) -> Scene:
    """`scene` with a place for every item that has none; raises `SceneError` where the poster is full."""
    cells = sorted(scene.free(), key=lambda cell: (cell in named, cell != 4, cell))
    items = []
    for item in scene.items:
        if item.place is None:
            if not cells:
                raise SceneError("no free place is left on the poster")
            item = replace(item, place=cells.pop(0))
        items.append(item)
    return replace(scene, items=tuple(items))


def _after(scene: Scene | None, instruction: Instruction, named: frozenset[int]) -> Scene:
    if scene is None and instruction.verb in ("add", "background"):
        scene = Scene("white" if all(item.colour != "white" for item in instruction.items) else "black")
    return _settled(apply(scene, instruction), named)


def _followed(commands: Iterable[Command], named: frozenset[int]) -> tuple[Scene | None, list[str]]:
    """The scene that the commands amount to (None: nothing is known of it), and those it leaves out, in words."""
    scene, strange = None, []
    for command in commands:
        instruction = parse(command.wording)
        try:
            if instruction is None:
                raise SceneError("not about posters")
            scene = _after(scene, instruction, named)
        except SceneError:
            strange.append(command.wording)
    return scene, strange


def _edits(scene: Scene | None, commands: Iterable[Command], named: frozenset[int]) -> list[str]:
    """Canonical words of commands, items without a place settled as far as the scene before them is known."""
    texts = []
    for command in commands:
        instruction = parse(command.wording)
        try:
            if instruction is None:
                raise SceneError("not about posters")
            if scene is not None:
                instruction, scene = _placed(scene, instruction, named)
            texts.append(canonical(instruction))
        except SceneError:
            texts.append(command.wording)
    return texts


def _placed(scene: Scene, instruction: Instruction, named: frozenset[int]) -> tuple[Instruction, Scene]:
    """The instruction with a place for every item that it adds, and the scene after it (before it, where it fails)."""
    try:
        after = _after(scene, instruction, named)
    except SceneError:
        return instruction, scene
    if instruction.verb not in ("add", "generate"):
        return instruction, after
    before = scene if instruction.verb == "add" else Scene(after.background)
    return replace(instruction, items=tuple(item for item in after.items if item not in before.items)), after


def load(settings: Mapping[str, Any]) -> Poster:
    """It has no settings."""
    return Poster()
