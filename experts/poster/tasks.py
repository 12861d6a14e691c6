"""Seeded scenes and multi-step tasks in three splits, each with its exact target scene.

The splits differ in phrasings (`phrases`), in scenes, and in combinations: a scene belongs to one split by a hash of
its background and the set of its (colour, shape) pairs, so no combination of a test scene is ever trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from experts.poster.instruction import Instruction, Ref, apply, become, canonical, resolve
from experts.poster.phrases import SPLITS, phrase
from experts.poster.scene import COLOURS, MAX_ITEMS, SHAPES, SIZES, Item, Scene, SceneError

KINDS = ("few", "crowded", "count")
"""Kinds of generated scene: 1 or 2 items; 4 or 5; one group of 3 to 5 like items (and perhaps one more)."""
FULL = "full"
"""A fourth kind: 6 to 9 items."""


@dataclass(frozen=True)
class TaskClass:
    """What a class of tasks asks for.

    Attributes:
        commands: fewest and most, the description of a picture that is to be drawn included.
        calls: expert calls of an episode.
        items: most items that a poster has at any time.
        full: it begins with 6 to 9 items.
    """

    commands: tuple[int, int]
    calls: int
    items: int = 5
    full: bool = False


CLASSES = {
    "short": TaskClass((2, 5), 6),
    "long": TaskClass((8, 12), 8, MAX_ITEMS),
    "crowded": TaskClass((2, 5), 6, MAX_ITEMS, full=True),
    "tight": TaskClass((5, 8), 4, MAX_ITEMS),
}
"""Classes of tasks: in 'long' and 'tight' there are fewer calls than commands."""
EVERY = "all"
"""Tasks of every class, equally often."""
EDITS = ("add", "remove", "recolour", "replace", "move", "resize", "background")


def split_of(scene: Scene) -> str:
    """The split a scene belongs to: 80 % train, 10 % validation, 10 % test of all combinations."""
    pairs = sorted({(item.colour, item.shape) for item in scene.items})
    digest = hashlib.sha256(f"{scene.background}|{pairs}".encode()).digest()[0] % 10
    return "validation" if digest == 0 else "test" if digest == 1 else "train"


def _choice(rng: np.random.Generator, options: tuple[str, ...] | list[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _item(rng: np.random.Generator, background: str, place: int) -> Item:
    inks = [name for name in COLOURS if name != background]
    return Item(place, _choice(rng, SHAPES), _choice(rng, inks), _choice(rng, SIZES))


def draw_scene(rng: np.random.Generator, split: str | None = "train", kind: str = "any") -> Scene:
    """A random scene of a split (None: any split) and a kind of `KINDS`, `FULL`, or 'any' (1 to 5 items)."""
    while True:
        background = _choice(rng, list(COLOURS))
        cells = [int(cell) for cell in rng.permutation(9)]
        if kind == "count":
            count = int(rng.integers(3, 6))
            like = _item(rng, background, 0)
            items = [replace(like, place=cell) for cell in cells[:count]]
            if count < 5 and rng.random() < 0.5:
                items.append(_item(rng, background, cells[count]))
        else:
            low, high = {"few": (1, 3), "crowded": (4, 6), "any": (1, 6), FULL: (6, 10)}[kind]
            items = [_item(rng, background, cell) for cell in cells[: int(rng.integers(low, high))]]
        scene = Scene(background, tuple(items))
        if split is None or split_of(scene) == split:
            return scene


def draw_ref(scene: Scene, item: Item, rng: np.random.Generator) -> Ref:
    """The shortest words that mean just `item` in `scene`, or sometimes more than needed."""
    options = [
        Ref(item.shape),
        Ref(item.shape, item.colour),
        Ref(item.shape, item.colour, item.size),
        Ref(item.shape, side=_choice(rng, ("left", "right", "top", "bottom"))),
        Ref(item.shape, place=item.place),
        Ref(item.shape, item.colour, place=item.place),
        Ref(item.shape, item.colour, item.size, item.place),
    ]
    start = int(rng.choice(5, p=(0.4, 0.3, 0.1, 0.1, 0.1)))
    for ref in options[start:]:
        try:
            others = sum(replace(ref, side=None).fits(other) for other in scene.items)
            if resolve(scene, ref) == item and not (ref.side and others == 1):
                return ref
        except SceneError:
            continue
    return options[-1]


def draw_edit(scene: Scene, rng: np.random.Generator, verb: str, most: int = 5) -> Instruction | None:
    """A random instruction of a verb of `EDITS` that `scene` can follow, or None where there is none.

    `most`: items that the poster has at most afterwards.
    """
    inks = [name for name in COLOURS if name != scene.background]
    if verb == "add":
        room = min(len(scene.free()), most - len(scene.items))
        if room < 1:
            return None
        return Instruction("add", items=(_item(rng, scene.background, int(rng.choice(scene.free()))),))
    if verb == "background":
        taken = {item.colour for item in scene.items} | {scene.background}
        options = [name for name in COLOURS if name not in taken]
        return Instruction("background", background=_choice(rng, options)) if options else None
    if not scene.items or (verb == "remove" and len(scene.items) < 2):
        return None
    item = scene.items[int(rng.integers(len(scene.items)))]
    ref = draw_ref(scene, item, rng)
    if verb == "recolour":
        return Instruction(verb, ref=ref, colour=_choice(rng, [ink for ink in inks if ink != item.colour]))
    if verb == "replace":
        shape = _choice(rng, [shape for shape in SHAPES if shape != item.shape])
        colour = _choice(rng, inks) if rng.random() < 0.3 else None
        return Instruction(verb, ref=ref, shape=shape, colour=colour)
    if verb == "move":
        if not scene.free():
            return None
        return Instruction(verb, ref=ref, place=int(rng.choice(scene.free())))
    if verb == "resize":
        return Instruction(verb, ref=ref, size="small" if item.size == "big" else "big")
    return Instruction(verb, ref=ref)


@dataclass(frozen=True)
class PosterTask:
    """A prompt with its exact meaning.

    `start` is the scene of the input picture (None: text-to-image), `instructions` the commands in order, `target` the
    scene that the last one leads to, `kept` the items of `start` that no command touches, `seed` seeds the picture;
    `name` is one of `CLASSES`, `calls` the expert calls that its class allows.
    """

    id: str
    prompt: str
    start: Scene | None
    instructions: tuple[Instruction, ...]
    target: Scene
    kept: tuple[Item, ...]
    seed: int
    name: str = "short"

    @property
    def calls(self) -> int:
        """The expert calls of an episode."""
        return CLASSES[self.name].calls


def _kept(start: Scene | None, instructions: tuple[Instruction, ...]) -> tuple[Item, ...]:
    if start is None:
        return ()
    kept, scene = set(start.items), start
    for instruction in instructions:
        if instruction.ref is not None:
            kept.discard(resolve(scene, instruction.ref))
        scene = apply(scene, instruction)
    return tuple(sorted(kept & set(scene.items)))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def join(sentences: list[str], rng: np.random.Generator) -> str:
    """Commands as one prompt: sentences, 'then', semicolons or numbered lines."""
    form = int(rng.integers(4)) if len(sentences) > 1 else 0
    if form == 0:
        return " ".join(_sentence(s) for s in sentences)
    if form == 1:
        return _sentence(", then ".join(sentences))
    if form == 2:
        return _sentence("; ".join(sentences))
    return "\n".join(f"{k}. {_sentence(s)}" for k, s in enumerate(sentences, 1))


def draw_task(
    rng: np.random.Generator, split: str = "test", kind: str | None = None, name: str = "short"
) -> PosterTask:
    """A task of `split`: kind 't2i' (describe, then edits) or 'i2i' (a picture and edits), None: either; and of a class
    of `CLASSES`, or `EVERY`.

    Raises `ValueError` for an unknown split, kind or class.
    """
    if split not in SPLITS or kind not in (None, "t2i", "i2i") or name not in (*CLASSES, EVERY):
        raise ValueError(f"no such split, kind or class: {split!r}, {kind!r}, {name!r}; splits are {', '.join(SPLITS)}")
    if name == EVERY:
        return draw_task(rng, split, kind, _choice(rng, list(CLASSES)))
    kind = kind or ("t2i" if rng.random() < 0.5 else "i2i")
    asked, spoken = CLASSES[name], int(kind == "t2i")
    first = draw_scene(rng, split, FULL if asked.full else _choice(rng, KINDS))
    wanted = int(rng.integers(asked.commands[0] - spoken, asked.commands[1] - spoken + 1))
    scene, edits = first, list[Instruction]()
    touched: list[tuple[str, Item]] = []  # (verb, item as it is now): no verb twice on one item, nothing is undone
    for _ in range(200 if wanted < 6 else 100 * wanted):
        if len(edits) == wanted:
            break
        edit = draw_edit(scene, rng, _choice(rng, EDITS), asked.items)
        if edit is None:
            continue
        after = apply(scene, edit)
        item = resolve(scene, edit.ref) if edit.ref else None
        if split_of(after) != split or (item and (edit.verb, item) in touched):
            continue
        if edit.verb == "background" and any(other.verb == "background" for other in edits):
            continue
        if item and edit.verb == "remove" and any(item == other for _, other in touched):
            continue
        if item:
            now = become(item, edit)
            touched = [(verb, now if other == item else other) for verb, other in touched] + [(edit.verb, now)]
        touched += [("add", new) for new in edit.items]
        scene, edits = after, [*edits, edit]
    else:
        return draw_task(rng, split, kind, name)
    start = first if kind == "i2i" else None
    opening = [Instruction("generate", items=first.items, background=first.background)] if kind == "t2i" else []
    instructions = tuple(opening + edits)
    prompt = join([phrase(instruction, rng, split) for instruction in instructions], rng)
    seed = int(rng.integers(2**31))
    code = hashlib.sha256("|".join([str(start), *map(canonical, instructions), str(seed)]).encode()).hexdigest()[:12]
    kept = _kept(start, instructions)
    return PosterTask(f"{kind}-{split}-{code}", prompt, start, instructions, scene, kept, seed, name)


@dataclass(frozen=True)
class Deck:
    """A source of tasks: `draw(rng)` for environments, `first(n)` for a fixed held-out list.

    `name`: a class of `CLASSES`, or `EVERY`.
    """

    split: str = "test"
    kind: str | None = None
    name: str = "short"

    def draw(self, rng: np.random.Generator) -> PosterTask:
        """One task; everything random comes from `rng`."""
        return draw_task(rng, self.split, self.kind, self.name)

    def first(
        self, count: int, seed: int = 0, keep: Callable[[PosterTask], bool] = lambda task: True
    ) -> list[PosterTask]:
        """The first `count` tasks of a seed's sequence (those that `keep` accepts)."""
        rng, found = np.random.default_rng((seed, SPLITS.index(self.split))), list[PosterTask]()
        while len(found) < count:
            task = self.draw(rng)
            if keep(task):
                found.append(task)
        return found
