"""What words stand for: things, places, relations, attributes; the elements that a clause is made of."""

from __future__ import annotations

from dataclasses import dataclass

from experts.poster.language.altering import replace
from experts.poster.language.tokens import Token

GROUNDS = ("poster", "ground")
HEADS = ("shape", "thing", "things", *GROUNDS)


@dataclass(frozen=True)
class Place:
    """Words for a place: 'top', 'bottom', 'left', 'right' as far as named, 'mid' for a middle that is named, and the
    kind of stretch ('corner', 'row', 'column', 'side', 'diagonal', 'block' or ''); `many`: every such place ('each
    corner'); `cells`: those of a figure ('a cross') or a way ('from the top left to the bottom right')."""

    v: str = ""
    h: str = ""
    mid: bool = False
    kind: str = ""
    many: bool = False
    count: int | None = None
    link: str = ""
    free: bool = False
    cells: tuple[int, ...] = ()


@dataclass(frozen=True)
class Spec:
    """Attributes that something gets, or has: `more` is a comparative, `most` an extreme, `gone` to be removed;
    `listed`: colours of a list ('red, white and blue'), one for each thing, or those that what is meant may have.
    `denied`: attributes that it must not have; `same`: attributes taken from `like` (None: from what was named last).
    """

    colour: str = ""
    size: str = ""
    more: bool = False
    most: bool = False
    gone: bool = False
    denied: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    like: Noun | None = None
    clash: str = ""
    link: str = ""
    listed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Noun:
    """Words for one thing or several: determiner, how many, attributes, and what narrows them down (`of`: the group
    that they are taken from)."""

    head: str = ""
    shape: str = ""
    det: str = ""
    count: int | None = None
    plural: bool = False
    spec: Spec = Spec()
    places: tuple[Place, ...] = ()
    relation: Relation | None = None
    denied: tuple[Noun, ...] = ()
    other: bool = False
    attr: str = ""
    strange: tuple[Token, ...] = ()
    start: int = 0
    end: int = 0
    link: str = ""
    negative: bool = False
    ordinal: str = ""
    bare: bool = False
    past: bool = False
    near: bool = False
    which: bool = False
    name: str = ""
    of: Noun | None = None

    @property
    def definite(self) -> bool:
        """Whether it speaks of what is there already."""
        return self.det in ("the", "all", "both", "it", "them", "that", "former", "latter") or self.other

    @property
    def several(self) -> bool:
        """Whether more than one thing may be meant."""
        return self.plural or self.det in ("all", "both", "them") or (self.count or 1) > 1


@dataclass(frozen=True)
class Relation:
    """'above the star', 'between the star and the heart', 'left of the centre': a kind and what it is about."""

    kind: str
    nouns: tuple[Noun, ...]
    link: str = ""
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Except:
    """'except the star', 'except at the top': what is left out."""

    nouns: tuple[Noun, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Direction:
    """'up', 'two to the right': a step on the grid."""

    to: str
    steps: int = 1


@dataclass(frozen=True)
class Mark:
    """A word that decides how others go together: its tag and value."""

    tag: str
    value: str = ""


@dataclass(frozen=True)
class Strange:
    """Words that nobody understands."""

    tokens: tuple[Token, ...]


Element = Noun | Place | Spec | Relation | Except | Direction | Mark | Strange


def number(value: str) -> int | None:
    """A count in digits; None for what is none."""
    return int(value) if value.isdigit() and len(value) < 7 else None


def with_word(spec: Spec, token: Token) -> Spec:
    """The attributes with one more word; a second, different one of the same kind is a clash."""
    if token.tag == "colour":
        if spec.colour and (spec.listed or spec.colour != token.value):
            listed = (*(spec.listed or (spec.colour,)), token.value)
            return replace(spec, clash=f"{spec.colour} and {token.value}", listed=listed)
        return replace(spec, colour=token.value)
    if spec.size and spec.size != (token.value or spec.size):
        return replace(spec, clash=f"{spec.size} and {token.value}")
    return replace(spec, size=token.value, more=token.tag == "more", most=token.tag == "most")


def joined(one: Spec, other: Spec) -> Spec:
    """Both together."""
    clash = one.clash or other.clash
    if one.colour and other.colour and one.colour != other.colour:
        clash = clash or f"{one.colour} and {other.colour}"
    if one.size and other.size and one.size != other.size:
        clash = clash or f"{one.size} and {other.size}"
    return Spec(
        other.colour or one.colour,
        other.size or one.size,
        other.more or one.more,
        other.most or one.most,
        other.gone or one.gone,
        one.denied + other.denied,
        one.same + other.same,
        other.like or one.like,
        clash,
        one.link,
        other.listed or one.listed,
    )
