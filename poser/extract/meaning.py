"""What a clause asks for: its verb, and words that stand alone (pronouns resolved, descriptions made commands).

Understanding goes as far as the poster language; other text keeps its words and gets its verb from a table of keywords.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from experts.poster.instruction import Instruction, Ref, apply, become, resolve
from experts.poster.language import canonical, parse
from experts.poster.scene import COLOURS, Item, Scene, SceneError
from experts.types import Verb
from poser.extract.keywords import bare, keyword
from poser.extract.split import imperative

_DESCRIBES = re.compile(
    r"(?:(?:with|plus|there(?:\s+is|\s+are|'s)|it\s+(?:has|shows|contains)|we see|you see)\s+)+", re.I
)
_COPULA = re.compile(
    r"\s+(?:(?:that|which)\s+)?(?:is|are|sits?|stands?|lies?|goes)(?:\s+(?:placed|located|positioned))?\b", re.I
)
_PLACE_FIRST = re.compile(
    r"((?:at|in|on)\s+(?:the\s+)?[\w -]{3,40}?),?\s+(?:there\s+)?(?:is|are|sits?|stands?)\s+(.*)", re.I
)
_POSSESSIVE = re.compile(r"\bits\s+(colou?r|size)\b", re.I)
_PRONOUN = re.compile(r"\b(?:it|that one|this one)\b(?!')", re.I)
_LIST = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+", re.I)
_EDITS = {"remove", "recolour", "replace", "move", "resize"}
_LONG = 600
_LINKS = 12


@dataclass(frozen=True)
class Meaning:
    """What one clause asks for; `instruction` is None beyond the poster language, `words` '' where not rewritten."""

    verb: Verb
    instruction: Instruction | None = None
    words: str = ""


@dataclass(frozen=True)
class Context:
    """What the clauses before have led to.

    Attributes:
        scene: the poster expected after them, None where it is not known.
        last: words for the one item that the clause before was about, None where there is none or more than one.
        opening: nothing has been asked for yet and there is no picture.
    """

    scene: Scene | None = None
    last: str | None = None
    opening: bool = False


def safe(instruction: Instruction) -> str | None:
    """`canonical`, or None where it has no words for the instruction (two items in one place)."""
    try:
        return canonical(instruction)
    except SceneError:
        return None


def understand(text: str, context: Context) -> Meaning:
    """What `text` asks for after the clauses of `context`."""
    instruction, rewritten = _instruction(text, context.last) if len(text) < _LONG else (None, False)
    if instruction is None:
        return Meaning("generate" if context.opening else keyword(text))
    fitted = _fitted(instruction, context.opening, "background" in text.lower())
    words = safe(fitted)
    if words is None:
        return Meaning("generate" if context.opening else keyword(text))
    changed = rewritten or fitted != instruction
    return Meaning(_verb(fitted), fitted, words if changed else "")


def _verb(instruction: Instruction) -> Verb:
    return instruction.verb  # type: ignore[return-value]  # the poster's verbs are among the agent's


def _instruction(text: str, last: str | None) -> tuple[Instruction | None, bool]:
    """The poster instruction, and whether the words had to be changed to see it."""
    plain = parse(text)
    if plain is not None:
        return plain, False
    core = bare(text)
    if last is not None:
        core = _PRONOUN.sub(last, _POSSESSIVE.sub(r"the \1 of it", core))
    return parse(core) or described(core), True


def described(text: str) -> Instruction | None:
    """'there is a red star at the top', 'a blue circle', 'the background is red': what a description adds, or None."""
    if imperative(text):
        return None
    lead = _DESCRIBES.match(text)
    core = text[lead.end() :] if lead else text
    swapped = _PLACE_FIRST.fullmatch(core)
    options = [core, _COPULA.sub(" ", core)] + ([f"{swapped[2]} {swapped[1]}"] if swapped else [])
    for option in options:
        made = parse("add " + option) or parse(option)
        if made is not None and (made.verb == "add" or (made.verb == "generate" and not made.items)):
            return made
    return None


def _fitted(instruction: Instruction, opening: bool, explicit: bool) -> Instruction:
    """A first 'draw a star' is a whole poster; a later 'the background is red' is a change of background.

    A poster whose background nobody named is white, or a colour that none of its items has.
    """
    if instruction.verb == "add" and opening:
        instruction = Instruction("generate", items=instruction.items, background="white")
    if instruction.verb == "generate" and not instruction.items and not opening:
        return Instruction("background", background=instruction.background)
    inks = {item.colour for item in instruction.items}
    if instruction.verb == "generate" and not explicit and instruction.background == "white" and "white" in inks:
        free = [name for name in ("black", *COLOURS) if name not in inks]
        instruction = replace(instruction, background=free[0] if free else "white")
    return instruction


def follow(context: Context, instruction: Instruction | None) -> Context:
    """The context after a clause."""
    if instruction is None:
        return Context(context.scene, None, False)
    scene: Scene | None = None
    if context.scene is not None or instruction.verb == "generate":
        try:
            scene = apply(context.scene, instruction)
        except SceneError:
            scene = None
    return Context(scene, _mentioned(context.scene, instruction, scene), False)


def _mentioned(before: Scene | None, instruction: Instruction, after: Scene | None) -> str | None:
    """Words for the one item that an instruction leaves behind, as it is then."""
    if instruction.verb in ("generate", "add"):
        if len(instruction.items) != 1:
            return None
        item = instruction.items[0]
        return _shortest(item, after) if after else str(Ref(item.shape, item.colour, item.size, item.place))
    if instruction.ref is None or instruction.verb == "remove":
        return None
    if before is not None and after is not None:
        return _shortest(become(resolve(before, instruction.ref), instruction), after)
    old = instruction.ref
    if old.side and instruction.verb in ("replace", "move"):
        old = replace(old, side=None)
        if instruction.place is None:
            return None
    new = Ref(
        instruction.shape or old.shape,
        instruction.colour or old.colour,
        instruction.size or old.size,
        old.place if instruction.place is None else instruction.place,
        old.side,
    )
    return str(new)


def _shortest(item: Item, scene: Scene) -> str | None:
    """The fewest words that mean just `item` in `scene`; None where none do."""
    shape, colour, size, place = item.shape, item.colour, item.size, item.place
    options = [Ref(shape), Ref(shape, colour), Ref(shape, colour, size), Ref(shape, place=place)]
    for ref in [*options, Ref(shape, colour, place=place), Ref(shape, colour, size, place)]:
        if [other for other in scene.items if ref.fits(other)] == [item]:
            return str(ref)
    return None


def shared(text: str) -> list[tuple[int, int, str]]:
    """'make the star green and the circle blue' -> (start, end, words) of each part, all with the first one's verb.

    [] where `text` is one command, or where not every part is understood so.
    """
    if len(text) >= _LONG or parse(_PRONOUN.sub("the item", text)) is not None:
        return []
    joints = [hit.span() for hit in _LIST.finditer(text)][:_LINKS]
    for k, (a, b) in enumerate(joints):
        head = text[:a]
        made = parse(_PRONOUN.sub("the item", head))
        if made is None or made.verb not in _EDITS:
            continue
        ends = [*(start for start, _ in joints[k + 1 :]), len(text)]
        starts = [b, *(end for _, end in joints[k + 1 :])]
        parts = [(0, a, head)]
        for start, end in zip(starts, ends, strict=True):
            words = _completed(head, text[start:end])
            if not words:
                break
            parts.append((start, end, words))
        else:
            return parts
    return []


def _completed(head: str, part: str) -> str:
    """`part` after the fewest first words of `head` that make it an edit; '' where none do."""
    words = head.split()
    for count in range(1, len(words)):
        whole = " ".join([*words[:count], part])
        made = parse(_PRONOUN.sub("the item", whole))
        if made is not None and made.verb in _EDITS:
            return whole
    return ""


def merged(opening: Instruction, more: Instruction) -> Instruction | None:
    """A whole poster and what a further description adds to it, as one poster; None where they do not go together."""
    if opening.verb != "generate" or more.verb not in ("add", "background", "generate"):
        return None
    named = more.verb == "background" or (more.verb == "generate" and more.background != "white")
    background = more.background if named else opening.background
    whole = replace(opening, items=opening.items + more.items, background=background)
    try:
        apply(None, whole)
    except SceneError:
        return None
    return whole
