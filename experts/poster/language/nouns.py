"""Tokens -> noun phrases and attributes: 'the two small red stars', 'small and blue', 'of the same colour'."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experts.poster.language.altering import replace
from experts.poster.language.places import place_at, place_of
from experts.poster.language.scanning import BEFORE, Scan
from experts.poster.language.terms import HEADS, Noun, Spec, joined, number, with_word
from experts.poster.language.tokens import Token

_ATTRIBUTES = ("colour", "size", "more", "most")
_SIDES = ("v", "h", "mid", "row", "corner", "outer")


def noun_at(scan: Scan) -> Noun | None:
    """The noun phrase here, with the scan behind it; None (and the scan where it was) where there is none."""
    if scan.tag() in ("it", "them", "former", "latter"):
        det, near = scan.tag(), scan.value() == "that"
        scan.at += 1
        one = Noun("thing", det=det, plural=det == "them", near=near)
        return _tail(scan, one) if scan.tag() != "same" else one  # 'under it same colour'
    start = scan.at
    noun = _Phrase(scan).read()
    if noun is None:
        scan.at = start
        return None
    return _tail(scan, noun)


class _Phrase:
    """One pass over the words of a noun phrase up to its head."""

    def __init__(self, scan: Scan) -> None:
        self.scan, self.start = scan, scan.at
        self.noun = Noun()
        self.strange: list[Token] = []
        self.sides: list[Token] = []
        self.adjectives = 0
        self.steps: dict[str, Callable[[], str]] = {
            "of": self._of, "and": self._and, "or": self._and, "count": self._count, "other": self._other,
            "both": self._both, "not": self._not, "same": self._same,
        }  # fmt: skip

    def read(self) -> Noun | None:
        """The noun; None where there is none."""
        while self.scan.tag() in BEFORE or self.scan.tag() in (*HEADS, "of", "and", "or"):
            tag = self.scan.tag()
            step = self._head if tag in HEADS else self.steps.get(tag, self._plain)
            told = step()
            if told == "fail":
                return None
            if told == "stop":
                break
            self.scan.at += 1
            if told == "done":
                break
        if not self.noun.head and not self._headless():
            return None
        places = (place_of(self.sides),) if self.sides else ()
        return replace(self.noun, places=places, strange=tuple(self.strange))

    def _set(self, **changes: object) -> None:
        self.noun = replace(self.noun, **changes)

    def _head(self) -> str:
        """A head; one that is the attribute of the next ('star shape', 'one red star') is no end."""
        scan, noun = self.scan, self.noun
        tag, value, token, following = scan.tag(), scan.value(), scan.tokens[scan.at], scan.tag(1)
        attribute = following in ("shape", "colour", "size")
        if (
            tag == "thing"
            and not value
            and attribute
            and token.text == "one"
            and noun.det not in ("the", "that", "all")
        ):
            self._set(count=1)
            return ""
        stepped = scan.text(1) == "one" and scan.tag(2) in (
            "to",
            "dir",
            "h",
            "v",
            "fill",
            "cell",
            "attr",
        )  # 'the star one to the left'
        if tag == "shape" and following == "thing" and token.sense.form != "s" and not stepped:
            self._set(shape=value)
            return ""
        if tag == "shape" and noun.shape not in ("", value) and following not in HEADS:
            return "fail"
        if tag == "poster" and following in ("ground", "poster"):
            return ""
        plural = token.sense.form == "s" or value == "all" or token.text == "ones"
        name = value.removeprefix("name ") if value.startswith("name ") else noun.name
        self._set(head=tag, shape=value if tag == "shape" else noun.shape, plural=plural, name=name)
        if tag == "things":
            self._everything(value)
        return "done"

    def _everything(self, value: str) -> None:
        """'everything', and 'everything red' where something is said of it behind."""
        scan = self.scan
        self._set(
            det=self.noun.det if value == "which" and self.noun.det else "all",
            plural=True,
            which=value == "which",
            negative=self.noun.negative or value == "none",
        )
        k = scan.past("is", "a", "fill", start=1) if value == "which" else 1
        behind = ("is", "verb", "grow", "to", "colour", "size", "more", "gone")
        if scan.tag(k) in ("colour", "size", "shape") and scan.tag(k + 1) in behind:
            token = scan.tokens[scan.at + k]
            shape = token.value if token.tag == "shape" else self.noun.shape
            spec = self.noun.spec if token.tag == "shape" else with_word(self.noun.spec, token)
            self._set(spec=spec, shape=shape, which=False)
            scan.at += k

    def _plain(self) -> str:
        """Words that only add to the noun."""
        scan, tag, value, noun = self.scan, self.scan.tag(), self.scan.value(), self.noun
        token = scan.tokens[scan.at]
        if tag == "colour" and token.sense.form == "s" and not scan.headed(1):  # 'the reds'
            self._set(head="thing", plural=True, spec=with_word(noun.spec, token))
            return "done"
        if tag in _ATTRIBUTES:
            self._set(spec=with_word(noun.spec, token))
            self.adjectives += 1
        elif tag == "newest":
            self._set(name="*new", det=noun.det or "the")
        elif tag == "shaped":
            self._set(shape=value)
        elif tag in _SIDES:
            if tag == "row" and not noun.det and scan.tag(1) == "shape":
                return "fail"  # 'top row star, heart, star'
            if tag in ("row", "corner") and scan.tag(1) in (*_ATTRIBUTES, "count", "a") and scan.headed(1):
                return "fail"  # 'the top row red stars' is a place, and what stands there
            self.sides.append(token)
        elif tag == "unknown":
            self.strange.append(token)
        elif tag == "ordinal":
            self._set(ordinal=value, det=noun.det or "the")
        elif tag in ("another", "all"):
            self._set(det=tag)
        elif tag == "a" and noun.det == "all" and scan.tag(-1) == "all":  # 'below each a circle'
            self._set(head="thing", plural=True, bare=True)
            scan.at -= 1
            return "done"
        elif tag == "a":
            self._set(det=noun.det if noun.det in ("no", "all") else "a")
        elif tag == "that" and noun.det == "all" and (value == "rel" or scan.tag(1) in ("is", "not", "with")):
            self._set(head="things", plural=True, which=True)  # 'all that is red'
            return "done"
        elif tag in ("the", "that"):
            self._set(det=noun.det or tag)
        elif tag == "no":
            self._set(det="no", negative=True)
        return ""

    def _of(self) -> str:
        many = self.scan.tag(-1) in ("all", "both", "other", "count") and self.scan.at > self.start
        return "" if many and self.scan.tag(1) not in ("it", "them") else "stop"

    def _and(self) -> str:
        """'small and red star' and 'the red and blue stars' go on, 'a red and a blue star' and 'a star and' do not."""
        before, following = self.scan.tag(-1), self.scan.tag(1)
        goes_on = self.adjectives and {before, following} == {"colour", "size"} and self.scan.headed(1)
        if before == following == "colour" and self.scan.headed(1):
            goes_on = self.scan.tag() == "or" or self.noun.det in ("the", "all", "that", "no")
        return "" if goes_on else "stop"

    def _count(self) -> str:
        kept = self.noun.det in ("the", "all", "both", "them", "no", "another")
        self._set(count=number(self.scan.value()), det=self.noun.det if kept and self.noun.det != "another" else "")
        return ""

    def _not(self) -> str:
        if self.scan.at == self.start and self.scan.tag(1) in ("colour", "size"):
            return "fail"  # 'not red': an attribute
        self._set(negative=True)
        return ""

    def _both(self) -> str:
        if self.scan.text() == "the two" and (
            self.scan.tag(1) in (*_SIDES, "row", "ordinal") or (self.scan.tag(1) in _ATTRIBUTES and self.scan.headed(1))
        ):
            self._set(det="the", count=2, plural=True)
            return ""
        self._set(det="both", plural=True)
        if self.scan.headed(1):
            return ""
        self._set(head="thing")
        return "done"

    def _same(self) -> str:
        """'an identical star': another one; 'the same colour' is no noun."""
        if self.noun.det != "a" or not self.scan.headed(1):
            return "fail"
        self._set(det="another")
        return ""

    def _other(self) -> str:
        """'the other star', 'the others', 'the rest of the stars'."""
        scan = self.scan
        rest = scan.value() == "rest"
        many = scan.value() == "many"
        self._set(other=True, plural=self.noun.plural or rest or many, near=many)
        if not rest and (scan.headed(1) or (scan.tag(1) in BEFORE or scan.tag(1) in HEADS)):
            return ""
        if rest and scan.tag(1) == "of":
            inner = Scan(scan.tokens, scan.at + 2)
            group = noun_at(inner)
            if group is not None:
                self._set(shape=group.shape, spec=group.spec)
                scan.at = inner.at - 1
        self._set(head="thing", det=self.noun.det or "the")
        return "done"

    def _headless(self) -> bool:
        """Whether a phrase without a head is one all the same: 'the red', 'all four', 'two white', 'another'."""
        noun, following = self.noun, self.scan.tag()
        if (
            noun.det == "all"
            and not self.adjectives
            and not self.sides
            and following in ("corner", "side", "row", "column")
        ):
            return False
        one_of = noun.det == "the" and self.sides and following == "of" and self.scan.tag(1) in ("both", "them", "the")
        nth = (
            bool(noun.ordinal)
            and not self.sides
            and following in ("in", "is", "colour", "size", "v", "h", "mid", "rel", "")
        )
        if (one_of and self.scan.tag(2) in ("count", "", "comma", "colour", "size", "is", "verb")) or nth:
            self._set(head="thing", bare=nth)
            return True
        paired = noun.det == "a" and bool(self.adjectives) and following in ("and", "comma") and self.scan.headed(1)
        counted = bool(noun.count) and self._counted(following)
        definite = noun.det in ("the", "that", "all") and not self.sides
        told = (counted or definite) and (counted or bool(self.adjectives) or noun.det == "all")
        if not (paired or (not self.strange and (told or noun.det == "another"))):
            return False
        if noun.det == "another" and following == "them":  # 'two more of those'
            self.scan.at += 1
        self._set(head="paired" if paired else "thing", plural=noun.plural or noun.det == "all", bare=True)
        return True

    def _counted(self, following: str) -> bool:
        """Whether a number stands for things: 'two white', 'the top two', 'four in the corners' behind 'five stars'."""
        lines = any(token.tag in ("corner", "row") for token in self.sides)
        part = not self.noun.det and following in ("in", "rel") and any(isinstance(e, Noun) for e in self.scan.elements)
        return bool(self.adjectives) or (self.noun.det == "the" and not lines) or part


def _tail(scan: Scan, noun: Noun) -> Noun:
    """What follows the head at once: a possessive attribute, a relative clause, 'of the same colour'."""
    noun = _possessive(scan, noun)
    if noun.head == "thing" and not noun.shape and not noun.attr and scan.text() == "of":
        group = noun_at(inner := Scan(scan.tokens, scan.at + 1))
        if group is not None and group.several and group.definite:  # 'all three of them', 'the red one of the stars'
            scan.at = inner.at
            return replace(noun, of=group)
    _skip_whole(scan)
    made = scan.past("fill", "that")
    told = (
        scan.tag(made) == "verb"
        and scan.value(made) in ("add", "draw")
        and scan.tokens[scan.at + made].sense.form == "ed"
    )
    if noun.det == "the" and made and told:
        scan.at += made + 1  # 'the one you just added'
        return replace(noun, det="it", near=True)
    while True:
        more = _relative(scan, noun)
        if more is None:
            return noun
        noun = more


def _possessive(scan: Scan, noun: Noun) -> Noun:
    """ "the star's colour", 'its size'."""
    if scan.text() == "'s" and scan.tag() == "of":
        k = scan.past("fill", start=1)
        kind = scan.value(k) if scan.tag(k) == "attr" else ""
        if kind:
            scan.at += k + 1
            return replace(noun, attr=kind)
    elif noun.det in ("it", "them") and scan.tag() == "attr":
        scan.at += 1
        return replace(noun, attr=scan.value(-1))
    return noun


def _skip_whole(scan: Scan) -> None:
    """Steps over what something is one of: 'the middle star of the three'."""
    if scan.text() != "of":
        return
    k = scan.past("the", "count", "them", "both", "all", "it", start=1)
    if k > 1 and scan.tag(k - 1) in ("count", "them", "both") and not scan.headed(k) and scan.text(k) != "of":
        scan.at += k


def _relative(scan: Scan, noun: Noun) -> Noun | None:
    """The noun with a relative clause or a likeness that is here; None where there is none."""
    start = scan.at
    if scan.tag() == "comma" and scan.tag(1) == "that":
        scan.at += 1
    told = scan.tag() == "that" and (scan.tag(1) in ("is", "with", "not", "shaped") or scan.value() == "rel")
    if noun.which:  # 'whatever is black'
        noun, told = replace(noun, which=False), True
        scan.at -= 1
        if scan.text(1) == "of":
            scan.at += scan.past("of", "them", "the", "fill", start=1) - 1
    if not told:
        scan.at = start
        same = _same_at(scan)
        return None if same is None else replace(noun, spec=joined(noun.spec, same))
    scan.at += 1
    scan.skip("is", "fill", "that")
    if scan.tag() == "shaped":
        scan.at += 1
        return replace(noun, shape=scan.value(-1))
    spec = spec_at(scan, ("and", "but", "fill", "or"))
    if spec is not None:
        return replace(noun, spec=joined(noun.spec, spec))
    place = place_at(scan)
    if place is not None:
        return replace(noun, places=(*noun.places, place))
    denied = scan.tag() == "not"
    if denied:
        scan.at += 1
    inner = noun_at(scan) if denied or scan.tag() in ("a", "the", "shape") else None
    if inner is None:
        scan.at = start
        return None
    if denied:
        return replace(noun, denied=(*noun.denied, inner))
    return replace(noun, shape=inner.shape or noun.shape, spec=joined(noun.spec, inner.spec))


def _same_at(scan: Scan) -> Spec | None:
    """'of the same colour (and size) (as the heart)', 'in the same green', 'like the heart'."""
    start = scan.at
    scan.skip("of", "in", "with", "the", "comma", "and", "a", "fill", "is", "to", "but")
    if scan.tag() == "as" and scan.at <= start + 1 and scan.tag(1) in ("the", "it", "them", "that"):
        scan.at += 1
        model = noun_at(scan)
        if model is not None and not (model.bare and model.count and _strange_ahead(scan)):
            return Spec(same=("colour", "size", "shape"), like=model)
    elif scan.tag() == "same" and scan.tag(1) not in ("row", "column", "corner", "side"):
        scan.at += 1
        scan.skip("the", "of")
        if scan.tag() in ("colour", "size") and not scan.headed():
            scan.at += 1
            return with_word(Spec(), scan.tokens[scan.at - 1])
        kinds = _kinds(scan)
        like = _model(scan)
        if like is not None and like.attr and not kinds:
            kinds.append(like.attr)
        everything = ("colour", "size", "shape") if like is not None else ("colour",)
        return Spec(same=tuple(kinds) or everything, like=like)
    scan.at = start
    return None


def _kinds(scan: Scan) -> list[str]:
    """'colour and size': which attributes are the same."""
    kinds: list[str] = []
    while scan.tag() in ("attr", "the", "same", "a", "ground") or (
        scan.tag() == "and" and scan.tag(1) in ("attr", "same", "the")
    ):
        if scan.tag() == "attr":
            kinds.append(scan.value())
        scan.at += 1
    return kinds


def _model(scan: Scan) -> Noun | None:
    """'as the heart': what something is like."""
    if scan.tag() in ("the", "it"):
        return noun_at(scan)
    start = scan.at
    if scan.tag() not in ("as", "of", "than", "to", "with"):
        return None
    scan.at += 1
    scan.skip("that", "of", "is", "the" if scan.tag(1) == "of" else "")
    like = noun_at(scan)
    if like is None:
        scan.at = start
        return None
    return placed(scan, like)


def _strange_ahead(scan: Scan) -> bool:
    """Whether what follows is about something unknown: 'like the five on a die'."""
    return scan.tag(scan.past("in", "of", "a", "the")) == "unknown"


def placed(scan: Scan, noun: Noun) -> Noun:
    """A thing that others are compared with or stand near, with the place that narrows it down."""
    start = scan.at
    place = place_at(scan)
    if place is not None and place.link in ("in", "of", ""):
        return replace(noun, places=(*noun.places, place))
    scan.at = start
    return noun


def spec_at(scan: Scan, joints: Sequence[str] = ("and", "comma", "but", "fill", "or", "is")) -> Spec | None:
    """A run of attributes without a head: 'red', 'small and blue', 'not red', 'gone', 'the same colour as it'."""
    start = scan.at
    link = _spec_link(scan)
    spec = _spec_word(scan, Spec(), True)
    if spec is None:
        scan.at = start
        return _same_at(scan)
    while True:
        if scan.tag() == "attr" or (scan.tag() in joints and _goes_on(scan)):
            scan.at += 1
            continue
        more = _spec_word(scan, spec, False)
        if more is None:
            break
        spec = more
    if (scan.tag() == "than" and spec.more) or (scan.tag() == "as" and (spec.size or spec.colour)):
        scan.at += 1
        spec = replace(spec, like=noun_at(scan))
    return replace(spec, link=link)


def _spec_link(scan: Scan) -> str:
    """Steps over the words before attributes, and returns the one that says what they are for."""
    start, link = scan.at, ""
    while scan.tag() in ("in", "to", "from", "fill", "of", "a", "is", "as", "with", "yes") and scan.at - start < 6:
        if scan.tag() in ("to", "in"):
            link = scan.value() or scan.tag()
        elif scan.text() == "of":
            link = "of"
        elif scan.tag() == "is":
            link = link or "is"
        scan.at += 1
    return link


def _spec_word(scan: Scan, spec: Spec, first: bool) -> Spec | None:
    """The attributes with the next one; None where there is none."""
    tag = scan.tag()
    if spec.denied and scan.tag(-1) in _ATTRIBUTES:
        return None  # 'what is not black white'
    if tag in _ATTRIBUTES and not (first and scan.headed()):
        scan.at += 1
        if spec.denied and scan.tag(-2) in ("or", "and") and not (spec.colour or spec.size):
            return replace(spec, denied=(*spec.denied, scan.value(-1)))  # 'not red or blue'
        return with_word(spec, scan.tokens[scan.at - 1])
    if tag == "gone":
        scan.at += 1
        return replace(spec, gone=True)
    if tag == "not" and (first or scan.tag(1) in ("colour", "size")):
        k = scan.past("is", "fill", "a", "of", "them", start=1)
        if scan.tag(k) in _ATTRIBUTES and not scan.headed(k):
            scan.at += k + 1
            return replace(spec, denied=(*spec.denied, scan.value(-1)))
    return None


def _goes_on(scan: Scan) -> bool:
    """Whether attributes go on after a comma or 'and', and do not begin another thing."""
    k = scan.past("fill", "and", "not", "is", "yes", "in", start=1)
    return scan.tag(k) in _ATTRIBUTES and not scan.headed(k)
