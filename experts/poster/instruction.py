"""What an instruction means, `apply(scene, instruction)`, and how the experts were trained to read it, `canonical`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experts.poster.scene import MAX_ITEMS, PLACES, Item, Scene, SceneError, caption

VERBS = ("generate", "add", "remove", "recolour", "replace", "move", "resize", "background")
SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class Ref:
    """'the small red star at the top left', 'the star on the left': unset fields match anything.

    `side` picks the one item furthest to that side among those that match the rest.
    """

    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    place: int | None = None
    side: str | None = None

    def fits(self, item: Item) -> bool:
        """Whether `item` has every attribute that is named (the side apart)."""
        return all(
            wish in (None, have)
            for wish, have in (
                (self.shape, item.shape),
                (self.colour, item.colour),
                (self.size, item.size),
                (self.place, item.place),
            )
        )

    def __str__(self) -> str:
        words = [self.size, self.colour, self.shape or "item"]
        where = f" at {PLACES[self.place]}" if self.place is not None else f" on the {self.side}" if self.side else ""
        return "the " + " ".join(filter(None, words)) + where


@dataclass(frozen=True)
class Instruction:
    """One symbolic command. Which fields are set depends on the verb:

    generate: items, background (None: white) · add: items · remove: ref · recolour: ref, colour ·
    replace: ref, shape, optionally colour and size · move: ref, place · resize: ref, size · background: background.
    """

    verb: str
    items: tuple[Item, ...] = ()
    ref: Ref | None = None
    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    place: int | None = None
    background: str | None = None


def resolve(scene: Scene, ref: Ref) -> Item:
    """The one item that `ref` means. Raises `SceneError` where there is none, or more than one."""
    fits = [item for item in scene.items if ref.fits(item)]
    if ref.side and fits:
        sign = -1 if ref.side in ("right", "bottom") else 1
        axis = 1 if ref.side in ("left", "right") else 0
        depth = [sign * divmod(item.place or 0, 3)[axis] for item in fits]
        fits = [item for item, d in zip(fits, depth, strict=True) if d == min(depth)]
    if not fits:
        raise SceneError(f"there is nothing like {ref}")
    if len(fits) > 1:
        raise SceneError(f"{ref} could mean {len(fits)} items")
    return fits[0]


def become(item: Item, instruction: Instruction) -> Item:
    """`item` after a recolour, replace, move or resize."""
    return Item(
        item.place if instruction.place is None else instruction.place,
        instruction.shape or item.shape,
        instruction.colour or item.colour,
        instruction.size or item.size,
    )


def apply(scene: Scene | None, instruction: Instruction) -> Scene:
    """The scene that `instruction` asks for. `scene` may be None for 'generate' alone.

    Raises `SceneError`: nothing or more than one thing is meant, a place is taken, an item has the colour of the
    background, the poster is full.
    """
    if instruction.verb == "generate":
        new = Scene(instruction.background or "white", instruction.items)
    elif scene is None:
        raise SceneError("there is no picture to change; describe one first")
    elif instruction.verb == "add":
        new = scene.with_items(*instruction.items)
    elif instruction.verb == "background":
        new = replace(scene, background=instruction.background or "white")
    else:
        if instruction.ref is None:
            raise SceneError(f"{instruction.verb} what?")
        item = resolve(scene, instruction.ref)
        new = scene.without(item)
        if instruction.verb != "remove":
            new = new.with_items(become(item, instruction))
    if len(new.items) > MAX_ITEMS and (scene is None or len(new.items) > len(scene.items)):
        raise SceneError(f"a poster holds at most {MAX_ITEMS} items")
    for item in new.items:
        if item.colour == new.background:
            raise SceneError(f"a {item.colour} {item.shape} cannot be seen on a {new.background} background")
    return new


def changed(scene: Scene | None, instructions: Sequence[Instruction]) -> Scene:
    """`apply` over a list, in order."""
    for instruction in instructions:
        scene = apply(scene, instruction)
    if scene is None:
        raise SceneError("no instruction")
    return scene


def canonical(instruction: Instruction) -> str:
    """An instruction in the words that the experts were trained on."""
    verb, ref = instruction.verb, instruction.ref
    if verb == "generate":
        return caption(Scene(instruction.background or "white", instruction.items))
    if verb == "add":
        return "add " + caption(Scene("white", instruction.items)).removesuffix(", white background")
    if verb == "remove":
        return f"remove {ref}"
    if verb == "recolour":
        return f"make {ref} {instruction.colour}"
    if verb == "resize":
        return f"make {ref} {instruction.size}"
    if verb == "move":
        return f"move {ref} to {PLACES[instruction.place or 0]}"
    if verb == "replace":
        new = " ".join(filter(None, (instruction.size, instruction.colour, instruction.shape)))
        return f"replace {ref} with a {new}"
    return f"make the background {instruction.background}"
