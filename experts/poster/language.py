"""Words <-> symbols: `parse` reads a command in many phrasings, `canonical` writes it in the experts' own words."""

from __future__ import annotations

import re

from experts.poster.instruction import Instruction, Ref
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES, Item, Scene

COUNTS = ("one", "two", "three", "four", "five")

_SYNONYMS = [
    (r"\btop[- ]?(left|right)\b|\bupper[- ](left|right)\b|\b(left|right)[- ]top\b", r"top \1\2\3"),
    (r"\bbottom[- ]?(left|right)\b|\blower[- ](left|right)\b|\b(left|right)[- ]bottom\b", r"bottom \1\2\3"),
    (r"\bcent(?:re|er)d?\b", "center"),
    (r"\b(?:top|upper) (?:center|middle)\b|\b(?:center|middle) (?:of the )?top\b|\btop edge\b", "top center"),
    (r"\b(?:bottom|lower) (?:center|middle)\b|\b(?:center|middle) (?:of the )?bottom\b", "bottom center"),
    (r"\b(?:center|mid|middle)[- ](left|right)\b|\b(left|right)[- ](?:center|middle)\b", r"middle \1\2"),
    (r"\bmiddle (?:of the )?(left|right)\b", r"middle \1"),
    (r"\bmiddle row\b|\bcenter row\b", "middlerow"),
    (r"\b(?:top|upper) row\b", "toprow"),
    (r"\b(?:bottom|lower) row\b", "bottomrow"),
    (r"\b(left|right) column\b", r"\1column"),
    (r"\b(?:middle|center) column\b", "middlecolumn"),
    (r"\bcorner\b|\bof the (?:poster|picture|image|canvas|scene|page)\b|\bside\b", ""),
    (r"\bhalf\b|\bedge\b", ""),
    (r"\b(?:large|huge|giant|bigger|larger)\b", "big"),
    (r"\b(?:little|tiny|smaller)\b", "small"),
    (r"\bviolet\b", "purple"),
    (r"\b(?:dis[ck]|dot|ball)(s?)\b", r"circle\1"),
    (r"\bbox(?:es)?\b", "square"),
    (r"\b(?:rhombus|lozenge)\b", "diamond"),
    (r"\b(?:backdrop|back ground)\b", "background"),
    (r"\bcolou?red\b", ""),
    (r"\bcolor\b", "colour"),
    (r"\b(?:please|kindly|now|also|finally|just|next|afterwards|could you|can you)\b", ""),
]
_ROWS = {"toprow": (0, 1, 2), "middlerow": (3, 4, 5), "bottomrow": (6, 7, 8)}
_ROWS |= {"leftcolumn": (0, 3, 6), "middlecolumn": (1, 4, 7), "rightcolumn": (2, 5, 8)}
_SHAPE = {form: shape for shape in SHAPES for form in (shape, shape + "s")}
_NUMBER = {"a": 1, "an": 1, "another": 1} | {word: k + 1 for k, word in enumerate(COUNTS)}
_NUMBER |= {str(k): k for k in range(1, 6)}
_PLACE = re.compile(r"\b(" + "|".join(sorted(PLACES, key=len, reverse=True)) + r")\b")
_LINKS = {"in", "at", "on", "to", "into", "onto", "the", "of", "near"}

_ADD = {"add", "put", "place", "draw", "insert", "include", "paint", "set"}
_REMOVE = {"remove", "delete", "erase", "drop", "clear"}
_MOVE = {"move", "shift", "slide", "bring", "put", "place", "relocate", "send"}
_CHANGE = {"make", "turn", "paint", "colour", "recolour", "recolor", "change", "dye", "fill", "switch", "set", "tint"}
_CHANGE |= {"resize"}
_SWAP = {"replace", "swap", "exchange", "substitute"}
_DRAW = {"generate", "create", "draw", "make", "design", "produce", "render", "paint", "show", "compose"}
_CANVAS = {"poster", "picture", "image", "scene", "canvas"}


def tokens(text: str) -> list[str]:
    """Lower-case words with synonyms folded; a place is one token '@0'..'@8', a pause is ','."""
    text = text.lower().replace("\u2019", "'")
    for pattern, by in _SYNONYMS:
        text = re.sub(pattern, by, text)
    text = re.sub(r"\bmiddle\b(?! (?:left|right))", "center", text)
    text = _PLACE.sub(lambda hit: f" @{PLACES.index(hit.group(1))} ", text)
    return re.findall(r"@\d|[a-z']+|\d+|[,;.]", text)


class _Reader:
    """A cursor over tokens."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = 0

    @property
    def word(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    @property
    def done(self) -> bool:
        return self.at >= len(self.words)

    def take(self, *options: str) -> bool:
        """Steps over the next word if it is one of `options`."""
        if self.word and self.word in options:
            self.at += 1
            return True
        return False

    def skip(self, words: set[str]) -> None:
        while self.word in words:
            self.at += 1


def _adjectives(reader: _Reader) -> tuple[str | None, str | None]:
    """Size and colour in either order."""
    size = colour = None
    while True:
        if reader.word in SIZES and size is None:
            size = reader.word
        elif reader.word in COLOURS and colour is None:
            colour = reader.word
        else:
            return size, colour
        reader.at += 1


def _places(reader: _Reader, many: bool) -> list[int]:
    """'at the top left', 'at top left and center', 'in the top row'; [] where no place is named."""
    start = reader.at
    reader.skip(_LINKS)
    if reader.word in _ROWS:
        reader.at += 1
        return list(_ROWS[reader.words[reader.at - 1]])
    found: list[int] = []
    while reader.word.startswith("@"):
        found.append(int(reader.word[1:]))
        reader.at += 1
        back = reader.at
        if not many or not (reader.take("and", ",")):
            break
        reader.take("and")
        reader.skip(_LINKS)
        if not reader.word.startswith("@"):
            reader.at = back
            break
    if not found:
        reader.at = start
    return found


def _group(reader: _Reader) -> list[Item] | None:
    """'three small red stars at top left, center and bottom right' -> its items; None where it is no such phrase."""
    start = reader.at
    number = _NUMBER.get(reader.word)
    if number is not None:
        reader.at += 1
    size, colour = _adjectives(reader)
    shape = _SHAPE.get(reader.word)
    if shape is None or colour is None:
        reader.at = start
        return None
    reader.at += 1
    count = number or 1
    places: list[int | None] = list(_places(reader, many=count > 1))
    if len(places) != count:
        if len(places) > count == 2 and places in [list(row) for row in _ROWS.values()]:
            places = [places[0], places[-1]]
        elif places:
            reader.at = start
            return None
        else:
            places = [None] * count
    return [Item(place, shape, colour, size or "big") for place in places]


def _groups(reader: _Reader) -> list[Item]:
    items: list[Item] = []
    while True:
        back = reader.at
        reader.skip({",", "and", "with", "plus", "."})
        group = _group(reader)
        if group is None:
            reader.at = back
            return items
        items += group


def _background(reader: _Reader) -> str | None:
    """'on a yellow background', 'yellow background', 'the background is yellow'."""
    start = reader.at
    reader.skip({",", "and", ".", "with", "on", "over", "against", "in", "a", "an", "the", "before"})
    if reader.word in COLOURS:
        colour = reader.word
        reader.at += 1
        if reader.take("background"):
            return colour
    elif reader.take("background"):
        reader.skip({"is", "in", "colour"})
        if reader.word in COLOURS:
            reader.at += 1
            return reader.words[reader.at - 1]
    reader.at = start
    return None


def _ref(reader: _Reader) -> Ref | None:
    """'the small red star at the top left', 'the left star', 'the star on the left'."""
    start = reader.at
    if not reader.take("the"):
        return None
    side = None
    if reader.word in ("left", "right", "top", "bottom", "leftmost", "rightmost"):
        side = reader.word.removesuffix("most")
        reader.at += 1
    size, colour = _adjectives(reader)
    shape = _SHAPE.get(reader.word)
    if shape is None and not reader.take("item", "object", "shape", "thing", "one"):
        reader.at = start
        return None
    if shape is not None:
        if reader.word.endswith("s"):  # 'the stars' means several: not one item
            reader.at = start
            return None
        reader.at += 1
    reader.take("that", "which")
    reader.take("is")
    back = reader.at
    reader.skip({"on", "in", "at", "the"})
    place = None
    if reader.word.startswith("@") and reader.at > back:
        place = int(reader.word[1:])
        reader.at += 1
    elif reader.word in ("left", "right", "top", "bottom") and side is None:
        side = reader.word
        reader.at += 1
    else:
        reader.at = back
    return Ref(shape, colour, size, place, side)


def _changed(reader: _Reader, ref: Ref) -> Instruction | None:
    """What follows 'make the star': a colour, a size, a shape."""
    reader.skip({"to", "into", "be", "in", "as", "with", "for", "by"})
    article = reader.take("a", "an", "the", "one")
    size, colour = _adjectives(reader)
    shape = _SHAPE.get(reader.word)
    if shape is not None:
        reader.at += 1
        return Instruction("replace", ref=ref, shape=shape, colour=colour, size=size)
    reader.take("colour", "size")
    if article and reader.take("one"):
        return None
    if colour and not size:
        return Instruction("recolour", ref=ref, colour=colour)
    if size and not colour:
        return Instruction("resize", ref=ref, size=size)
    return None


def _edit(reader: _Reader) -> Instruction | None:
    verb = reader.word
    reader.at += 1
    if verb == "take" and reader.take("away", "out"):
        verb = "remove"
    elif verb == "get" and reader.take("rid"):
        reader.take("of")
        verb = "remove"
    elif verb == "give" and (ref := _ref(reader)):
        reader.skip({"a", "an"})
        return _changed(reader, ref)
    elif verb in ("shrink", "enlarge", "grow", "scale") and (ref := _ref(reader)):
        up = verb in ("enlarge", "grow") or (verb == "scale" and reader.take("up"))
        reader.take("down")
        return Instruction("resize", ref=ref, size="big" if up else "small")
    elif verb == "use" or verb == "let":
        back = reader.at
        colour = _background(reader)
        if colour:
            return Instruction("background", background=colour)
        reader.at = back
        return None
    if verb in _CHANGE | _SWAP:
        back = reader.at
        if reader.take("the"):
            if reader.take("background", "ground"):
                reader.skip({"colour", "to", "into", "be", "with", "a", "in"})
                if reader.word in COLOURS:
                    colour = reader.word
                    reader.at += 1
                    reader.take("one", "background")
                    return Instruction("background", background=colour)
                return None
            if reader.take("colour", "size") and reader.take("of"):
                ref = _ref(reader)
                if ref is None and reader.take("the") and reader.take("background"):
                    reader.take("to")
                    if reader.word in COLOURS:
                        reader.at += 1
                        return Instruction("background", background=reader.words[reader.at - 1])
                    return None
                return _changed(reader, ref) if ref else None
        reader.at = back
        ref = _ref(reader)
        if ref and not (verb == "set" and reader.word.startswith("@")):
            made = _changed(reader, ref)
            if made is None or verb not in _SWAP or made.verb == "replace":
                return made
            return None
        reader.at = back
    if verb in _REMOVE or verb == "remove":
        ref = _ref(reader)
        if ref:
            reader.skip({"from", "the"} | _CANVAS)
            return Instruction("remove", ref=ref)
        return None
    if verb in _MOVE:
        back = reader.at
        ref = _ref(reader)
        if ref:
            cells = _places(reader, many=False)
            if not cells and ref.place is not None and verb in ("put", "place"):
                cells, ref = [ref.place], Ref(ref.shape, ref.colour, ref.size, side=ref.side)
            return Instruction("move", ref=ref, place=cells[0]) if cells else None
        reader.at = back
    if verb in _ADD:
        items = _groups(reader)
        if items:
            reader.skip({"to", "the", "onto"} | _CANVAS)
            return Instruction("add", items=tuple(items))
    return None


def _scene(reader: _Reader) -> Instruction | None:
    """'a poster with a red star in the center and ... on a yellow background'."""
    drawn = reader.word in _DRAW
    if drawn:
        reader.at += 1
    back = reader.at
    reader.skip({"a", "an", "the"})
    background = None
    if reader.word in COLOURS and reader.at + 1 < len(reader.words) and reader.words[reader.at + 1] in _CANVAS:
        background = reader.word
        reader.at += 1
    canvas = reader.take(*_CANVAS)
    if not canvas:
        reader.at = back
    reader.skip({"with", "of", "showing", "that", "shows", "has", "containing", ":", "where", "there", "is", "are"})
    background = _background(reader) or background
    reader.skip({"with", "showing", "holding"})
    items = _groups(reader)
    background = _background(reader) or background
    if background and not items:
        reader.skip({"with", "showing"})
    items += _groups(reader)
    if not (canvas or background) or not (items or background):
        return None
    return Instruction("generate", items=tuple(items), background=background or "white")


def parse(text: str) -> Instruction | None:
    """The instruction that one sentence gives, or None where it is not about posters (or not understood)."""
    words = tokens(text)
    while words and words[0] in (",", ".", ";", "then", "and"):
        words.pop(0)
    while words and words[-1] in (",", ".", ";", "and", "instead"):
        words.pop()
    if not words:
        return None
    for rule in (_edit, _scene):
        reader = _Reader(words)
        made = rule(reader)
        if made is not None and reader.done:
            return made
    return None


def plural(shape: str, count: int) -> str:
    """'star', 'stars'."""
    return shape if count == 1 else shape + "s"


def caption(scene: Scene) -> str:
    """A scene in the words that the experts were trained on, like items in one group, in reading order."""
    groups: dict[tuple[str, str, str, bool], list[Item]] = {}
    for item in scene.items:
        groups.setdefault((item.size, item.colour, item.shape, item.place is None), []).append(item)
    parts = []
    for (size, colour, shape, _), items in groups.items():
        count = len(items)
        where = " and ".join(PLACES[item.place] for item in items if item.place is not None)
        number = "" if count == 1 else f"{COUNTS[count - 1] if count <= len(COUNTS) else count} "
        parts.append(f"{number}{size} {colour} {plural(shape, count)}" + (f" at {where}" if where else ""))
    return ", ".join([*parts, f"{scene.background} background"])


def canonical(instruction: Instruction) -> str:
    """An instruction in the words that the experts were trained on; `parse` reads it back."""
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
