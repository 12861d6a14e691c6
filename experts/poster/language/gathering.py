"""The elements of a clause -> the same, with what belongs together in one: what is said twice, of which group it is."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.clauses import Clause
from experts.poster.language.elements import elements
from experts.poster.language.resolve import things_of
from experts.poster.language.terms import GROUNDS, Direction, Element, Mark, Noun, Place, Relation, Spec, joined
from experts.poster.language.world import Refused, World

_NARROWING = ("remove", "keep", "move", "copy", "swap", "take")
"""Verbs that give nothing a colour or a size: attributes beside them say what is meant."""
_MAKING = ("add", "draw", "fill")


def gathered(world: World, clause: Clause, new: bool) -> list[Element]:
    """The elements of a clause that speaks of `world`; `new`: no picture was given."""
    said = _without_echo(elements(clause.tokens))
    said = said if clause.verb in ("replace", "swap", "remove") else _without_owner(said)
    if new and not world.things:
        said = _without_idle(said)
    said = _and_back(said)
    said = _without_denial(_of_group(_narrowed(said, clause.verb)))
    return _known(world, said) if clause.verb not in _MAKING and world.things else said


def _without_echo(said: list[Element]) -> list[Element]:
    """'the star at the top, move it down', 'remove the stars, all of them': the pronoun only repeats the noun."""
    at = next((k for k, e in enumerate(said) if isinstance(e, Noun) and e.det in ("it", "them", "both", "all")), 0)
    first, between, again = (said[0] if said else None), said[1:at], said[at] if said else None
    if not at or not isinstance(first, Noun) or not isinstance(again, Noun) or not first.definite:
        return said
    bare = again.head in ("thing", "things") and again.spec == Spec() and not (again.shape or again.other)
    bare = bare and (again.of is None or again.of.det in ("it", "them"))
    several = again.det != "it" and first.several
    if not bare or again.attr or not (again.det == "it" or several):
        return said
    if any(
        not isinstance(e, Place | Mark) or (isinstance(e, Mark) and e.tag not in ("colon", "comma", "is"))
        for e in between
    ):
        return said
    places = tuple(e for e in between if isinstance(e, Place))
    return [replace(first, places=(*first.places, *places)), *said[at + 1 :]]


def _without_owner(said: list[Element]) -> list[Element]:
    """'It should have a red star': what has things is the poster."""
    kinds = [element.tag if isinstance(element, Mark) else "" for element in said]
    owned = bool(said) and isinstance(said[0], Noun) and said[0].det == "it" and kinds[1:2] in (["with"], ["is"])
    return said[kinds.index("with") + 1 :] if owned and "with" in kinds[1:3] else said


def _without_idle(said: list[Element]) -> list[Element]:
    """'I need this now: blue poster', 'it is a red star': before anything is drawn, pronouns stand for the poster."""
    new = any(isinstance(e, Noun) and ((e.shape and not e.definite) or e.spec.colour) for e in said)
    idle = [e for e in said if isinstance(e, Noun) and e.det in ("it", "them") and e.spec == Spec() and not e.attr]
    first = next((k for k, e in enumerate(said) if isinstance(e, Noun) and e.shape and not e.definite), len(said))
    return [e for k, e in enumerate(said) if k > first or not any(e is one for one in idle)] if new else said


def _narrowed(said: list[Element], verb: str) -> list[Element]:
    """'remove everything red': attributes behind what is meant, where none is given to it."""
    out: list[Element] = []
    for element in said:
        last = out[-1] if out else None
        general = isinstance(last, Noun) and last.det == "all" and last.head in ("thing", "things")
        if isinstance(element, Spec) and isinstance(last, Noun) and general and verb in _NARROWING:
            out[-1] = replace(last, spec=joined(last.spec, element))
        else:
            out.append(element)
    return out


def _and_back(said: list[Element]) -> list[Element]:
    """'the big ones get small and vice versa': the same the other way round."""
    k = next((k for k, e in enumerate(said) if isinstance(e, Mark) and e.tag == "versa"), 0)
    nouns = [e for e in said[:k] if isinstance(e, Noun)]
    specs = [e for e in said[:k] if isinstance(e, Spec)]
    if len(nouns) != 1 or len(specs) != 1:
        return said
    noun, spec = nouns[0], specs[0]
    given = replace(noun.spec, colour=spec.colour or noun.spec.colour, size=spec.size or noun.spec.size)
    gets = replace(spec, colour=noun.spec.colour if spec.colour else "", size=noun.spec.size if spec.size else "")
    back = replace(noun, spec=given)
    return [*said[:k], Mark("and"), back, gets, *said[k + 1 :]] if gets.colour or gets.size else said


def _without_denial(said: list[Element]) -> list[Element]:
    """'the heart shouldn't be purple, it should be red': what it is not to be, where it is said what it is to be."""
    k = next((k for k, e in enumerate(said) if isinstance(e, Spec) and e == Spec(denied=e.denied, link=e.link)), 0)
    if not k:
        return said
    rest = said[k + 1 :]
    while rest and (isinstance(rest[0], Mark) or (isinstance(rest[0], Noun) and rest[0].det == "it")):
        rest = rest[1:]
    told = bool(rest) and isinstance(rest[0], Spec) and bool(rest[0].colour or rest[0].size or rest[0].same)
    return [*said[:k], *rest] if told else said


def _of_group(said: list[Element]) -> list[Element]:
    """'of the three stars, the middle one': the group that one is taken from."""
    while said and isinstance(said[0], Mark) and said[0].tag in ("of", "from", "for", "with", "in"):
        said = said[1:]
    first = said[0] if said else None
    k = next((k for k, e in enumerate(said) if k and isinstance(e, Noun)), 0)
    one, between = said[k] if k else None, said[1:k]
    if not (isinstance(first, Noun) and isinstance(one, Noun) and first.several and first.definite):
        return said
    partial = one.head == "thing" and not one.shape and not one.several and one.det in ("the", "that")
    if not partial or first.attr or any(not isinstance(e, Mark | Place) for e in between):
        return said
    if any(isinstance(e, Mark) and e.tag not in ("comma", "colon", "only", "of") for e in between):
        return said
    places = tuple(e for e in between if isinstance(e, Place))
    group = replace(first, places=(*first.places, *places))
    marks = [e for e in between if isinstance(e, Mark) and e.tag == "only"]
    return [*marks, replace(one, of=group), *said[k + 1 :]]


def _known(world: World, said: list[Element]) -> list[Element]:
    """'green star up one': a bare noun of which something is said and that fits what is there means that."""
    out = list(said)
    for k, element in enumerate(said):
        if not isinstance(element, Noun) or element.det or element.count or element.negative or element.head in GROUNDS:
            continue
        if element.link in ("to", "with", "as", "for") or element.strange or not _told(element, said[k + 1 :]):
            continue
        known = replace(element, det="the")
        try:
            things_of(world, known)
        except Refused:
            continue
        out[k] = known
    return out


def _told(noun: Noun, rest: Sequence[Element]) -> bool:
    """Whether something is said of a noun that is none of a new thing."""
    after = next((e for e in rest if not (isinstance(e, Mark) and e.tag in ("is", "colon"))), None)
    if noun.places and isinstance(after, Spec):
        return True
    if noun.shape and noun.head == "shape":
        return isinstance(after, Direction) or (isinstance(after, Spec) and after.gone)
    return noun.spec != Spec() and isinstance(after, Direction | Spec | Place | Relation)
