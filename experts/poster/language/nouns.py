"""Tokens of a clause -> its elements: things, places, relations, attributes, in the order in which they were said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from experts.poster.language.tokens import Token

GROUNDS = ("poster", "ground")
HEADS = ("shape", "thing", "things", "poster", "ground")
_BEFORE = {"a", "the", "all", "both", "other", "another", "count", "colour", "size", "most", "more", "v", "h", "mid",
           "fill", "only", "no", "not", "same", "unknown", "row", "corner", "that", "ordinal", "outer"}  # fmt: skip
_PLACES = ("v", "h", "mid", "corner", "row", "column", "side", "diagonal", "everywhere")
_POINTS = ("v", "h", "mid")
_LINKS = ("in", "to", "the", "of", "a", "fill", "from")
_MANY = ("all", "both")


@dataclass(frozen=True)
class Place:
    """Words for a place: 'top', 'bottom', 'left', 'right' as far as named, 'mid' for a middle that is named, and the
    kind of stretch ('corner', 'row', 'column', 'side', 'diagonal' or ''); `many`: every such place ('each corner')."""

    v: str = ""
    h: str = ""
    mid: bool = False
    kind: str = ""
    many: bool = False
    count: int | None = None
    link: str = ""
    free: bool = False


@dataclass(frozen=True)
class Spec:
    """Attributes that something gets, or has: `more` is a comparative, `most` an extreme, `gone` to be removed;
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


@dataclass(frozen=True)
class Noun:
    """Words for one thing or several: determiner, how many, attributes, and what narrows them down."""

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
    where: bool = False
    ordinal: str = ""
    bare: bool = False
    past: bool = False
    near: bool = False

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
    """'above the star', 'between the star and the heart': a kind and the things it is about."""

    kind: str
    nouns: tuple[Noun, ...]
    link: str = ""


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


@dataclass
class Scan:
    """A position in a clause's tokens."""

    tokens: Sequence[Token]
    at: int = 0
    elements: list[Element] = field(default_factory=list)

    def tag(self, ahead: int = 0) -> str:
        """The tag `ahead` of here; '' beyond the ends."""
        k = self.at + ahead
        return self.tokens[k].tag if 0 <= k < len(self.tokens) else ""

    def value(self, ahead: int = 0) -> str:
        """The value `ahead` of here."""
        k = self.at + ahead
        return self.tokens[k].value if 0 <= k < len(self.tokens) else ""

    def skip(self, *tags: str) -> None:
        """Steps over tokens of these tags."""
        while self.at < len(self.tokens) and self.tag() in tags:
            self.at += 1


def number(value: str) -> int | None:
    """A count in digits; None for what is none."""
    return int(value) if value.isdigit() and len(value) < 7 else None


def _spec_with(spec: Spec, token: Token) -> Spec:
    """The attributes with one more word; a second, different one of the same kind is a clash."""
    if token.tag == "colour":
        if spec.colour and spec.colour != token.value:
            return replace(spec, clash=f"{spec.colour} and {token.value}")
        return replace(spec, colour=token.value)
    if spec.size and spec.size != (token.value or spec.size):
        return replace(spec, clash=f"{spec.size} and {token.value}")
    return replace(spec, size=token.value, more=token.tag == "more", most=token.tag == "most")


def noun_at(scan: Scan) -> Noun | None:
    """The noun phrase here, with the scan behind its head; None (and the scan where it was) where there is none."""
    start, k = scan.at, scan.at
    tokens = scan.tokens
    if scan.tag() in ("it", "them", "former", "latter"):
        scan.at += 1
        det, near = tokens[k].tag, tokens[k].value == "that"
        return _tail(scan, Noun("thing", det=det, plural=det == "them", start=k, end=scan.at, near=near))
    noun, strange, sides, adjectives = Noun(start=start), list[Token](), list[Token](), 0
    while k < len(tokens) and tokens[k].tag in (*_BEFORE, *HEADS, "of", "and"):
        token = tokens[k]
        tag, value = token.tag, token.value
        following = tokens[k + 1].tag if k + 1 < len(tokens) else ""
        if tag in HEADS:
            if tag == "thing" and value == "" and following in ("shape", "colour", "size") and token.text == "one" and noun.det not in ("the", "that", "all"):
                noun = replace(noun, count=1)
            elif tag == "shape" and following == "thing" and token.sense.form != "s" or (tag == "shape" and token.text.startswith("round") and following in ("shape", "colour", "size")):
                noun = replace(noun, shape=value)
            elif tag == "shape" and noun.shape and noun.shape != value and following not in HEADS:
                return None
            elif tag == "poster" and following in ("ground", "poster"):
                pass
            else:
                noun = replace(
                    noun, head=tag, shape=value if tag == "shape" else noun.shape, plural=token.sense.form == "s" or value == "all" or token.text == "ones"
                )
                if tag == "things":
                    noun = replace(noun, det=noun.det if value == "which" and noun.det else "all", plural=True)
                    if following in ("colour", "size") and _told_after(tokens, k + 2):
                        k, noun = k + 1, replace(noun, spec=_spec_with(noun.spec, tokens[k + 1]))
                k += 1
                break
        elif tag == "of":
            if not (tokens[k - 1].tag in ("all", "both", "other", "count") and k > start):
                break
        elif tag == "and":
            if not (k > start and tokens[k - 1].tag in ("colour", "size") and following in ("colour", "size") and adjectives and _headed(tokens, k + 1)):
                break
            if tokens[k - 1].tag == following:
                break
        elif tag in ("colour", "size", "most", "more"):
            noun, adjectives = replace(noun, spec=_spec_with(noun.spec, token)), adjectives + 1
        elif tag in ("v", "h", "mid", "row", "corner", "outer"):
            sides.append(token)
        elif tag == "ordinal":
            noun = replace(noun, ordinal=value, det=noun.det or "the")
        elif tag == "unknown":
            strange.append(token)
        elif tag == "count":
            many = number(value)
            noun = replace(noun, count=many, det=noun.det if noun.det in ("the", "all", "both", "them", "no") else "")
        elif tag == "other":
            noun = replace(noun, other=True, plural=noun.plural or token.text in ("others", "rest", "remaining", "remainder", "leftover"))
            if token.text in ("others", "rest", "remainder") or following not in (*_BEFORE, *HEADS):
                if not _headed(tokens, k + 1) or token.text in ("others", "rest", "remainder"):
                    k += 1
                    if token.text in ("rest", "remainder") and following == "of":
                        inner = Scan(tokens, k + 1)
                        group = noun_at(inner)
                        if group is not None:
                            noun, k = replace(noun, shape=group.shape, spec=group.spec), inner.at
                    noun = replace(noun, head="thing", det=noun.det or "the")
                    break
        elif tag == "another":
            noun = replace(noun, det="another")
        elif tag == "all":
            noun = replace(noun, det="all")
        elif tag == "both":
            noun = replace(noun, det="both", plural=True)
            if not _headed(tokens, k + 1):
                k += 1
                noun = replace(noun, head="thing")
                break
        elif tag == "a":
            if noun.det in ("no", "all"):
                pass
            else:
                noun = replace(noun, det="a")
        elif tag == "the":
            noun = replace(noun, det=noun.det or "the")
        elif tag == "that":
            noun = replace(noun, det=noun.det or "that")
        elif tag == "no":
            noun = replace(noun, det="no", negative=True)
        elif tag == "not":
            if k == start and following in ("colour", "size"):
                return None  # 'not red': an attribute
            noun = replace(noun, negative=True)
        elif tag in ("only", "same"):
            if tag == "same":
                return None
        k += 1
    if not noun.head:
        counted = bool(noun.count) and bool(adjectives)
        lines = any(token.tag in ("corner", "row") for token in sides)
        counted = counted or (bool(noun.count) and noun.det == "the" and not lines)
        headless = (noun.det in ("the", "that", "all") or counted) and not strange and (not sides or counted)
        nextish = tokens[k].tag if k < len(tokens) else ""
        if noun.det == "all" and not adjectives and not sides and nextish in ("corner", "side", "row", "column"):
            return None
        paired = noun.det in ("a", "") and noun.det and adjectives and nextish in ("and", "comma") and _headed(tokens, k + 1)
        another = noun.det == "another" and not strange
        if not ((headless and (adjectives or counted or noun.det == "all")) or paired or another):
            scan.at = start
            return None
        noun = replace(noun, head="paired" if paired else "thing", plural=noun.plural or noun.det == "all", bare=True)
    if sides:
        noun = replace(noun, places=(_sides(sides),))
    noun = replace(noun, strange=tuple(strange), end=k)
    scan.at = k
    return _tail(scan, noun)


def _told_after(tokens: Sequence[Token], k: int) -> bool:
    """Whether attributes right behind a noun narrow it down, as something else is said of it behind them."""
    after = tokens[k].tag if k < len(tokens) else ""
    return after in ("is", "verb", "grow", "to", "colour") or (after == "not" and tokens[k - 1].tag == "colour" and False)


def _sides(tokens: Sequence[Token]) -> Place:
    place = Place()
    for token in tokens:
        place = _place_with(place, token)
    return place


def _headed(tokens: Sequence[Token], k: int) -> bool:
    """Whether a noun phrase with a head begins at `k`."""
    while k < len(tokens) and tokens[k].tag in (*_BEFORE, "of"):
        if tokens[k].tag == "of" and k and tokens[k - 1].tag in _PLACES:
            return False  # 'every corner of a red poster'
        k += 1
    return k < len(tokens) and tokens[k].tag in HEADS


def _tail(scan: Scan, noun: Noun) -> Noun:
    """What follows the head at once: a possessive attribute, a relative clause, 'of the same colour'."""
    if scan.tag() == "of" and scan.tokens[scan.at].text == "'s" and scan.tag(1) == "fill" and scan.tag(2) == "attr":
        noun, scan.at = replace(noun, attr=scan.value(2)), scan.at + 3
    elif scan.tag() == "of" and scan.tokens[scan.at].text == "'s" and scan.tag(1) in ("attr", "verb", "colour", "size"):
        if scan.tag(1) == "attr" or scan.tokens[scan.at + 1].text in ("colour", "color", "size", "shade", "hue"):
            noun = replace(noun, attr=scan.value(1) if scan.tag(1) == "attr" else "colour")
            scan.at += 2
    elif noun.det in ("it", "them") and scan.tag() == "attr":
        noun, scan.at = replace(noun, attr=scan.value()), scan.at + 1
    if scan.tag() == "of" and scan.tokens[scan.at].text == "of":
        k = 1
        while scan.tag(k) in ("the", "count", "them", "both", "all", "it"):
            k += 1
        if k > 1 and scan.tag(k - 1) in ("count", "them", "both") and scan.tag(k) not in (*HEADS, "colour", "size", "of"):
            scan.at += k  # 'the middle star of the three'
    k = 0
    while scan.tag(k) in ("fill", "that"):
        k += 1
    if noun.det == "the" and k and scan.tag(k) == "verb" and scan.tokens[scan.at + k].sense.form == "ed" and scan.value(k) in ("add", "draw"):
        scan.at += k + 1  # 'the one you just added'
        return replace(noun, det="it", near=True)
    while True:
        start = scan.at
        if scan.tag() == "comma" and scan.tag(1) == "that":
            scan.at += 1
        if scan.tag() == "that" and (scan.tag(1) in ("is", "with", "not") or scan.value() == "rel"):
            scan.at += 1
            scan.skip("is", "fill", "that")
            spec = spec_at(scan)
            place = place_at(scan) if spec is None else None
            if spec is None and place is None and scan.tag() == "not":
                scan.at += 1
                inner = noun_at(scan)
                if inner is not None:
                    noun = replace(noun, denied=(*noun.denied, inner), end=scan.at)
                    continue
                place = None
            if spec is not None:
                noun = replace(noun, spec=joined(noun.spec, spec), end=scan.at)
                continue
            if place is not None:
                noun = replace(noun, places=(*noun.places, place), end=scan.at)
                continue
            if scan.tag() in ("a", "the") or scan.tag() == "shape":
                inner = noun_at(scan)
                if inner is not None:
                    noun = replace(noun, shape=inner.shape or noun.shape, spec=joined(noun.spec, inner.spec), end=scan.at)
                    continue
            scan.at = start
        else:
            scan.at = start
            same = _same_at(scan)
            if same is not None:
                noun = replace(noun, spec=joined(noun.spec, same), end=scan.at)
                continue
        return noun


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
    )


def _same_at(scan: Scan) -> Spec | None:
    """'of the same colour (and size) (as the heart)', 'as big as the star', 'like the heart'."""
    start = scan.at
    scan.skip("of", "in", "with", "the", "comma", "and", "a", "fill", "also", "is", "to", "but")
    if scan.tag() == "as" and scan.at <= start + 1 and scan.tag(1) in ("the", "it", "them", "that"):
        scan.at += 1
        model = noun_at(scan)
        if model is not None:
            return Spec(same=("colour", "size", "shape"), like=model)
    if scan.tag() != "same":
        scan.at = start
        return None
    scan.at += 1
    scan.skip("the", "of")
    if scan.tag() in ("colour", "size") and not _headed(scan.tokens, scan.at):
        found = _spec_with(Spec(), scan.tokens[scan.at])
        scan.at += 1
        return found
    kinds: list[str] = []
    while scan.tag() in ("attr", "and", "verb", "the", "same", "a") or (scan.tag() == "ground"):
        if scan.tag() == "attr":
            kinds.append(scan.value())
        elif scan.tag() == "verb":
            name = scan.tokens[scan.at].text
            if name in ("colour", "color", "shade", "tint"):
                kinds.append("colour")
            elif name in ("place", "position"):
                kinds.append("place")
            else:
                break
        elif scan.tag() == "and" and scan.tag(1) not in ("attr", "verb", "same", "the"):
            break
        scan.at += 1
        if scan.tag(-1) == "and" and scan.tag() not in ("attr", "verb", "same", "the"):
            scan.at -= 1
            break
    like = None
    if scan.tag() in ("as", "of", "than", "to", "with"):
        behind = scan.at
        scan.at += 1
        scan.skip("that", "of", "is", "the" if scan.tag(1) == "of" else "")
        like = noun_at(scan)
        if like is None:
            scan.at = behind
        else:
            like = _placed(scan, like)
    elif scan.tag() in ("the", "it"):
        like = noun_at(scan)
    if like is not None and like.attr and not kinds:
        kinds.append(like.attr)
    return Spec(same=tuple(kinds) or ("colour",), like=like)


def _placed(scan: Scan, noun: Noun) -> Noun:
    """A thing that others are compared with or stand near, with the place that narrows it down."""
    behind = scan.at
    place = place_at(scan)
    if place is not None and place.link in ("in", "of", ""):
        return replace(noun, places=(*noun.places, place))
    scan.at = behind
    return noun


def _place_with(place: Place, token: Token) -> Place:
    if token.tag == "v":
        return replace(place, v=token.value)
    if token.tag == "h":
        return replace(place, h=token.value)
    if token.tag == "mid":
        return replace(place, mid=True)
    if token.tag in ("everywhere", "outer"):
        return replace(place, kind=token.tag, many=True, free=token.value == "free")
    many = place.many or token.sense.form == "s" or token.text.endswith("ken")
    return replace(place, kind="" if token.tag == "side" and place.kind else token.tag, many=many)


def place_at(scan: Scan) -> Place | None:
    """'in the top left corner', 'at the bottom', 'in each corner': one place; None where there is none."""
    start, place, found = scan.at, Place(), False
    link = ""
    while True:
        tag = scan.tag()
        if tag in _PLACES:
            if tag == "h" and place.h and place.h != scan.value():
                break
            if tag == "v" and place.v and place.v != scan.value():
                break
            place, found = _place_with(place, scan.tokens[scan.at]), True
        elif not found and (tag in _LINKS or (tag == "for" and scan.tag(1) in (*_MANY, "the"))):
            link = tag if tag in ("in", "to", "from") and (not link or tag == "to") else link
        elif not found and tag in _MANY and not _headed(scan.tokens, scan.at):
            place = replace(place, many=True)
        elif not found and tag == "count" and scan.tag(1) in _PLACES:
            place = replace(place, count=number(scan.value()), many=(number(scan.value()) or 1) > 1)
        elif not found and tag in ("void", "other") and _leads(scan):
            place = replace(place, free=True, many=place.many or tag == "other")
        elif found and tag in ("that", "is", "fill", "void") and _vacant(scan):
            place = replace(place, free=True)
        elif not found and tag == "another" and scan.tag(1) in _PLACES or found and tag in ("in", "of", "the", "fill") and _continues(scan, place):
            pass
        else:
            break
        scan.at += 1
    if not found:
        scan.at = start
        return None
    if place.kind and scan.tag() == "of" and scan.tokens[scan.at].text == "of" and scan.tag(1) in ("count", "size", "colour", "shape"):
        scan.at += 1  # 'a row of three stars'
        place = replace(place, link="of")
        return place
    return replace(place, link=link)


def _leads(scan: Scan) -> bool:
    """Whether 'empty' or 'other' stands before a corner, a row or a column."""
    k = 1
    while scan.tag(k) in ("count", "fill", "void", "v", "h"):
        k += 1
    return scan.tag(k) in ("corner", "row", "column") or (scan.tag() == "void" and scan.tag(k) == "attr")


def _vacant(scan: Scan) -> bool:
    """Whether 'that is still empty' follows."""
    k = 0
    while scan.tag(k) in ("that", "is", "fill"):
        k += 1
    return scan.tag(k) == "void" and (scan.tag() == "that" or scan.value() == "rel" or scan.tag() == "void" or scan.tag(-1) in ("that", "is", "fill"))


def _continues(scan: Scan, place: Place) -> bool:
    """Whether a place goes on after a link: 'top of the left column', 'left on the top'."""
    k = 1
    while scan.tag(k) in ("of", "the", "in", "fill"):
        k += 1
    tag = scan.tag(k)
    full = (place.v and place.h) or (place.mid and (place.v or place.h)) or (place.mid and tag == "mid")
    full = full or (scan.tag() == "in" and tag in _POINTS and scan.tag(k + 1) in _POINTS)
    again = (tag == "v" and place.v) or (tag == "h" and place.h)
    return tag in _PLACES and not full and not again and not _headed(scan.tokens, scan.at + k)


def spec_at(scan: Scan) -> Spec | None:
    """A run of attributes without a head: 'red', 'small and blue', 'not red', 'gone', 'the same colour as the heart'."""
    start, spec, found = scan.at, Spec(), False
    link = ""
    while True:
        tag = scan.tag()
        if tag in ("colour", "size", "more", "most"):
            if not found and _headed(scan.tokens, scan.at):
                break  # the attribute of a thing
            spec, found = _spec_with(spec, scan.tokens[scan.at]), True
            scan.at += 1
        elif tag == "gone":
            spec, found = replace(spec, gone=True), True
            scan.at += 1
        elif tag == "not" and not found or (tag == "not" and scan.tag(1) in ("colour", "size")):
            behind = scan.at
            scan.at += 1
            scan.skip("is", "fill", "a")
            if scan.tag() not in ("colour", "size", "more", "most") or _headed_here(scan):
                scan.at = behind
                break
            spec, found = replace(spec, denied=(*spec.denied, scan.value())), True
            scan.at += 1
        elif not found and tag in ("in", "to", "from", "fill", "of", "a", "is", "as", "with", "yes") and scan.at - start < 6:
            link = (scan.value() or tag) if tag in ("to", "in") else link or ("is" if tag == "is" else "")
            scan.at += 1
        elif found and tag in ("and", "comma", "but", "fill", "or", "is") and _more_spec(scan) or found and tag == "attr":
            scan.at += 1
        else:
            break
    if found and scan.tag() in ("than", "as") and (spec.more or spec.size):
        scan.at += 1
        like = noun_at(scan)
        spec = replace(spec, like=like)
    if not found:
        scan.at = start
        same = _same_at(scan)
        return same
    return replace(spec, link=link)


def _headed_here(scan: Scan) -> bool:
    return _headed(scan.tokens, scan.at)


def _more_spec(scan: Scan) -> bool:
    """Whether attributes go on after a comma or 'and', and do not begin another thing."""
    k = scan.at + 1
    while k < len(scan.tokens) and scan.tokens[k].tag in ("fill", "and", "not", "also", "is", "yes", "in"):
        k += 1
    if k >= len(scan.tokens) or scan.tokens[k].tag not in ("colour", "size", "more", "most"):
        return False
    return not _headed(scan.tokens, k)


def elements(tokens: Sequence[Token]) -> list[Element]:
    """The elements of a clause in order."""
    scan = Scan(tokens)
    while scan.at < len(tokens):
        _element(scan)
    return scan.elements


def _element(scan: Scan) -> None:
    """Reads one element; steps over a word that carries nothing."""
    tag, value, start = scan.tag(), scan.value(), scan.at
    if tag == "except":
        scan.at += 1
        scan.elements.append(_except_at(scan))
        return
    if tag == "rel":
        scan.elements.append(_relation_at(scan))
        return
    where = _there_at(scan)
    if where is not None:
        scan.elements.append(where)
        return
    side = _its_side(scan)
    if side is not None:
        scan.elements.append(side)
        return
    if tag == "from" and scan.tag(1) in ("colour", "size") and not _headed(scan.tokens, scan.at + 1):
        scan.at += 2  # 'from red to blue': what it was
        return
    if tag in ("order", "pile", "axis", "only", "hedge", "void", "instead"):
        scan.at += 1
        scan.elements.append(Mark(tag, value))
        return
    step = _direction(scan)
    if step is not None:
        scan.elements.append(step)
        return
    behind = _postposed(scan)
    if behind is not None:
        scan.elements.append(behind)
        return
    noun = _attribute_of(scan) or noun_at(scan)
    if noun is not None:
        noun = replace(noun, link=_linked(scan, start))
        if noun.attr in ("colour", "size") and noun.definite and any(isinstance(e, Noun) for e in scan.elements):
            scan.elements.append(Spec(same=(noun.attr,), like=replace(noun, attr="")))
            return
        if scan.tag() == "rel" and scan.value().endswith("post"):
            kind = scan.value().split()[0]
            scan.at += 1
            scan.elements.append(Relation(kind, (noun,), "in"))
            return
        scan.elements.append(noun)
        return
    place = place_at(scan)
    if place is not None:
        if scan.tag() == "of" and scan.tokens[scan.at].text in _BEHIND:
            scan.at += 1
            noun = noun_at(scan)
            if noun is not None:
                scan.elements.append(replace(noun, places=(*noun.places, place)))
                return
        scan.elements.append(place)
        return
    if tag in ("colour", "size", "more", "most", "gone", "not", "in", "to", "same", "of", "is", "as", "a", "with") or (
        tag == "the" and scan.tag(1) == "same"
    ):
        unknown = _strange_at(scan)
        if unknown is not None:
            scan.elements.append(unknown)
            return
        spec = spec_at(scan)
        if spec is not None:
            if spec.colour and scan.tag() in ("ground", "poster"):
                scan.at = start
            else:
                scan.elements.append(spec)
                return
    unknown = _strange_at(scan)
    if unknown is not None:
        scan.elements.append(unknown)
        return
    if tag in ("and", "comma", "but", "colon", "attr", "is", "both", "to", "for", "of", "in", "as", "with", "all", "count", "or", "not", "no", "from", "thing", "than"):
        scan.elements.append(Mark(tag, value))
    scan.at = start + 1


def _postposed(scan: Scan) -> Spec | None:
    """'heart black small': attributes right behind a noun that has none, where the next noun may follow at once."""
    last = scan.elements[-1] if scan.elements else None
    plain = isinstance(last, Noun) and bool(last.shape) and last.det in ("", "a") and last.spec == Spec() and not last.count
    if not plain or scan.tag() not in ("colour", "size") or scan.tag(-1) != "shape":
        return None
    if scan.tokens[scan.at].start - scan.tokens[scan.at - 1].end > 1:
        return None  # a verb stood between
    spec = Spec()
    while scan.tag() in ("colour", "size"):
        spec = _spec_with(spec, scan.tokens[scan.at])
        scan.at += 1
    return spec


def _attribute_of(scan: Scan) -> Noun | None:
    """'the colour of the star'."""
    start = scan.at
    scan.skip("the")
    if scan.tag() == "attr" and scan.tag(1) == "of":
        kind = scan.value()
        scan.at += 2
        noun = noun_at(scan)
        if noun is not None:
            return replace(noun, attr=kind)
    scan.at = start
    return None


def _relation_at(scan: Scan) -> Relation | Place:
    """'above the star', 'flanked by two hearts' (link 'by': of the thing before), 'in the opposite corner'."""
    start, kind, passive = scan.at, scan.value().split()[0], scan.tokens[scan.at].text.endswith(" by")
    scan.at += 1
    if passive:
        return Relation(kind, (), "by")
    if kind == "opposite" and scan.tag() in ("corner", "side"):
        kind = "opposite" if scan.tag() == "corner" else "across"
        scan.at += 1
        if scan.tag() not in ("of", "from", "to") or scan.tag(1) not in ("the", "it", "that"):
            return Relation(kind, (), _linked(scan, start))
    nouns = tuple(_listed(scan))
    side = _POSTER_SIDES.get(kind)
    if side is not None and nouns and nouns[0].head in GROUNDS:
        scan.at = start + 1
        return side
    return Relation(kind, nouns, _linked(scan, start))


_BEHIND = ("的", "の", "にある", "上的")
"""Words between a place and the thing that stands there, in languages that name the place first."""
_POSTER_SIDES = {"left": Place(h="left"), "right": Place(h="right"), "above": Place(v="top"), "below": Place(v="bottom")}


def _there_at(scan: Scan) -> Relation | None:
    """'there', 'where the heart was', "to the heart's old spot", 'on the other side'."""
    start = scan.at
    if scan.tag() == "here":
        scan.at += 1
        return Relation("at", (), "in")
    ahead = 0
    while scan.tag(ahead) in ("in", "to", "the", "fill"):
        ahead += 1
    if scan.tag(ahead) == "other" and scan.tag(ahead + 1) in ("side", "corner") and scan.tokens[scan.at + ahead + 1].sense.form != "s":
        scan.at += ahead + 2
        kind = "across" if scan.tag(-1) == "side" else "opposite"
        nouns = tuple(_listed(scan)) if scan.tag() in ("of", "from") else ()
        return Relation(kind, nouns, "in")
    if scan.tag() == "where":
        scan.at += 1
        scan.skip("of")
        noun = noun_at(scan)
        if noun is not None:
            text = scan.tokens[scan.at].text if scan.tag() == "is" else ""
            scan.skip("is", "then", "fill")
            past = text in ("was", "were", "had been") or "used" in scan.tokens[scan.at - 1].text
            return Relation("at", (replace(noun, past=past),), "in")
    if scan.tag() in ("to", "in"):
        scan.skip("to", "in", "fill")
        noun = noun_at(scan)
        if noun is not None and noun.attr == "place" and noun.head != "":
            return Relation("at", (replace(noun, attr="", past=True),), "in")
    scan.at = start
    return None


def _linked(scan: Scan, start: int) -> str:
    """The link word right before a position."""
    k = start - 1
    while k >= 0 and scan.tokens[k].tag == "fill":
        k -= 1
    return scan.tokens[k].tag if k >= 0 and scan.tokens[k].tag in ("to", "with", "for", "of", "in", "from", "is", "as", "by") else ""


def _strange_at(scan: Scan) -> Strange | None:
    """Unknown words, with the attributes before them: 'a striped', 'a black outline', 'rotated by 45 degrees'."""
    k = scan.at
    while k < len(scan.tokens) and scan.tokens[k].tag in ("a", "the", "colour", "size", "count", "more", "all", "no", "another", "most"):
        k += 1
    if k >= len(scan.tokens) or scan.tokens[k].tag != "unknown":
        return None
    while k < len(scan.tokens) and (scan.tokens[k].tag == "unknown" or (scan.tokens[k].tag == "count" and k + 1 < len(scan.tokens) and scan.tokens[k + 1].tag == "unknown")):
        k += 1
    found = Strange(tuple(scan.tokens[scan.at : k]))
    scan.at = k
    return found


def _except_at(scan: Scan) -> Except:
    """What follows 'except': things, or places."""
    scan.skip("for", "in", "from", "fill", "not")
    if scan.tag() == "where":
        scan.at += 1
    nouns, places = list[Noun](), list[Place]()
    while True:
        start = scan.at
        noun = noun_at(scan)
        if noun is not None:
            nouns.append(_placed(scan, noun))
        else:
            place = place_at(scan)
            if place is None:
                spec = spec_at(scan) if scan.tag() in ("colour", "size") else None
                if spec is None:
                    scan.at = start
                    break
                nouns.append(Noun("thing", det="all", plural=True, spec=spec))
            else:
                places.append(place)
        if scan.tag() in ("and", "comma") and scan.tag(1) not in ("verb", "grow"):
            ahead = Scan(scan.tokens, scan.at + 1)
            if (noun_at(ahead) is not None and ahead.tag() not in ("colour", "size", "is")) or place_at(Scan(scan.tokens, scan.at + 1)) is not None:
                scan.at += 1
                continue
        break
    return Except(tuple(nouns), tuple(places))


def _listed(scan: Scan) -> list[Noun]:
    """The things of a relation: one, or two joined by 'and'."""
    found: list[Noun] = []
    scan.skip("fill", "of")
    first = noun_at(scan)
    if first is None:
        return found
    found.append(_placed(scan, first))
    between = scan.elements is not None and scan.at < len(scan.tokens) and scan.tag() == "and"
    if between:
        ahead = Scan(scan.tokens, scan.at + 1)
        second = noun_at(ahead)
        if second is not None and second.definite and scan.tokens[scan.at].tag == "and" and _is_between(scan):
            scan.at = ahead.at
            found.append(_placed(scan, second))
    return found


def _is_between(scan: Scan) -> bool:
    for k in range(scan.at, -1, -1):
        if scan.tokens[k].tag == "rel":
            return scan.tokens[k].value == "between"
    return False


def _its_side(scan: Scan) -> Relation | None:
    """'to its right', 'on the right of it' (the latter is one phrase), 'to the right of the star'."""
    start = scan.at
    scan.skip("in", "to")
    if scan.at > start and scan.tag() in ("it", "them") and scan.tag(1) in ("h", "v") and scan.tag(2) not in HEADS:
        noun = noun_at(scan)
        side = scan.value()
        if noun is not None and scan.tag() in ("h", "v"):
            scan.at += 1
            scan.skip("side")
            return Relation({"top": "above", "bottom": "below"}.get(side, side), (noun,), "to")
    scan.at = start
    return None


def _direction(scan: Scan) -> Direction | None:
    """'up', 'up one', 'one to the right', 'two cells left', 'a bit to the left'."""
    start = scan.at
    steps = 1
    scan.skip("fill", "a", "hedge")
    if scan.tag() in ("count", "thing"):
        if scan.tag() == "thing" and scan.tokens[scan.at].text != "one":
            scan.at = start
            return None
        steps = number(scan.value()) or 1
        scan.at += 1
        if scan.tag() in ("row", "column", "attr", "thing", "side", "cell") or scan.tokens[min(scan.at, len(scan.tokens) - 1)].text in ("cell", "cells", "place", "step", "spot", "places", "steps"):
            scan.at += 1
        before = scan.at
        scan.skip("to", "the")
        if scan.tag() in ("h", "v") and scan.tag() == "h" and scan.tag(1) not in HEADS and scan.tag(1) not in ("side", "column", "corner"):
            scan.at += 1
            return Direction(scan.value(-1), steps)
        scan.at = before
    if scan.tag() == "dir":
        to = scan.value()
        scan.at += 1
        scan.skip("in" if scan.tag(1) in ("count",) else "")
        if scan.tag() == "count" and scan.tag(1) not in (*HEADS, "colour", "size"):
            steps = number(scan.value()) or 1
            scan.at += 1
            if scan.tag() in ("cell", "row", "column", "attr"):
                scan.at += 1
        elif scan.tag() == "with" and scan.tag(1) in ("count", "thing"):
            steps = number(scan.value(1)) or 1
            scan.at += 2
            scan.skip("cell", "row", "column")
        elif scan.tag() == "thing" and scan.tokens[scan.at].text == "one":
            scan.at += 1
        elif scan.tag() == "a" and scan.tag(1) in ("row", "column"):
            scan.at += 2
        return Direction(to, steps)
    scan.at = start
    return None
