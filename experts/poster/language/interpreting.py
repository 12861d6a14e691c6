"""Clauses -> steps: each clause is carried out on the world as it is when its turn comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from experts.poster.language import operations as do
from experts.poster.language.altering import replace
from experts.poster.language.audit import unheard
from experts.poster.language.clauses import Clause
from experts.poster.language.elements import elements
from experts.poster.language.gathering import gathered
from experts.poster.language.terms import (
    GROUNDS,
    Direction,
    Element,
    Mark,
    Noun,
    Place,
    Relation,
    Spec,
    Strange,
    number,
)
from experts.poster.language.wishes import LATER_WORD, NOTHING, TAKEN_BACK, Reading, Step, Wish, wishes_of
from experts.poster.language.world import GROUND_NAMED, Crowded, Puzzled, Refused, World
from experts.poster.scene import Scene

_DESCRIBING = ("", "draw", "add", "fill")
_NEEDS_PICTURE = ("change", "remove", "move", "swap", "replace", "copy", "flip", "grow", "go", "take")


_WEIGHED = 500
"""The most that weighing words one by one may cost: the sum over the clauses of their words, squared."""


class Interpreter:
    """One pass over the clauses of a prompt."""

    def __init__(self, prompt: str, scene: Scene | None, world: World, ground: str) -> None:
        self.prompt, self.start, self.ground = prompt, scene, ground
        self.world = world
        self.steps: list[Step] = []
        self.last_condition: bool | None = None
        self.conditions: dict[int, bool] = {}
        self.asked: World | None = None

    def read(self, parts: Sequence[Clause]) -> Reading:
        """The reading. Raises `Crowded` or `Recoloured` where a free choice turns out to be in the way."""
        for clause in parts:
            if not (_heading(clause) and len(parts) > 1):
                self._clause(clause)
        last = self.world
        self._answered()
        self._audit()
        wishes = wishes_of(self.prompt, self.steps, self.start is None)
        return Reading(tuple(wishes), tuple(dict.fromkeys(last.notes)), last.scene)

    @property
    def opening(self) -> bool:
        """Whether all that was said so far describes a poster that is yet to be drawn."""
        return self.start is None and all(step.opening or not step.wish.instructions for step in self.steps)

    def _clause(self, clause: Clause) -> None:
        span = (clause.start, clause.end)
        wish, before = Wish(self.prompt[slice(*span)], span), self.world
        try:
            if self._holds(clause):
                self._carry_out(clause, wish)
            else:
                self.world = _noticed(before, clause)
                self._stay(clause, replace(wish, reason="the condition does not hold"))
        except (Crowded, do.Recoloured):
            raise
        except Refused as error:
            self.world = _noticed(before, clause)
            self._stay(clause, replace(wish, end=error.end, reason=str(error)))

    def _answered(self) -> None:
        """A complaint asks for nothing of its own where something is changed later."""
        for k, step in enumerate(self.steps):
            later = any(other.before.scene != other.after.scene for other in self.steps[k + 1 :])
            if step.clause.verb == "dislike" and later:
                self.steps[k] = replace(step, wish=replace(step.wish, end="", reason="what follows answers it"))

    def _audit(self) -> None:
        """Says which words found no place in what was understood, each behind its clause."""
        audited: list[Step] = []
        spent = 0
        for step in self.steps:
            audited.append(step)
            spent += len(step.clause.tokens) ** 2
            for token in unheard(step, self._replay if spent <= _WEIGHED else None):
                text = self.prompt[token.start : token.end]
                why = f"it is not clear what {text!r} is about"
                wish = Wish(text, (token.start, token.end), (), "not understood", why)
                audited.append(Step(step.clause, step.after, step.after, wish, False))
        self.steps = audited

    def _replay(self, step: Step, clause: Clause) -> World | None:
        """The world after a step if it had had this clause; None where that would have been refused."""
        self.world = step.before
        try:
            return self._applied(clause, do.preferred(gathered(self.world, clause, self.start is None)), step.opening)
        except Refused:
            return None

    def _stay(self, clause: Clause, wish: Wish, opening: bool = False) -> None:
        """Notes a clause that changes nothing."""
        self.steps.append(Step(clause, self.world, self.world, wish, opening))

    def _holds(self, clause: Clause) -> bool:
        """Whether the condition of a clause, if it has one, is true now, or was when it was first asked."""
        if clause.otherwise:
            return self.last_condition is False
        if clause.condition is None:
            self.asked = None
            return True
        key = id(clause.condition)
        if key not in self.conditions:
            said = _filled_in(elements(clause.condition), elements(clause.tokens))
            self.asked = self.asked or self.world
            holds = do.holds(self.asked if _of_ground(said) else self.world, said)
            self.conditions[key] = holds != clause.unless
            nouns = [e for e in said if isinstance(e, Noun) and not e.negative and not _is_ground(self.world, e)]
            if any(isinstance(e, Noun) for e in said) and not nouns:
                self.world = replace(self.world, focus=GROUND_NAMED, group=0)
            fits = [t for t in self.world.things if do.like(t, nouns[-1])] if holds and nouns else []
            self.world = self.world.seen(fits, len(fits) > 1) if fits else self.world
        self.last_condition = self.conditions[key]
        return self.last_condition

    def _carry_out(self, clause: Clause, wish: Wish) -> None:
        said = gathered(self.world, clause, self.start is None)
        if clause.verb == "undo" and not any(isinstance(e, Noun) and e.shape for e in said):
            self._undo(clause, wish)
            return
        if clause.negated and clause.verb:
            self._forbidden(clause, wish, said)
            return
        odd = do.strange(said)
        if odd and not self._worth(clause, said):
            words = " ".join(token.text for part in odd for token in part.tokens)
            raise Puzzled(f"'{words}' is not understood")
        verb, said = self._once_more(clause, do.preferred(said))
        if clause.corrected:
            verb, said = self._corrected(clause, said)
        self._apply(clause, wish, said, verb)
        for part in odd:
            self._say_strange(clause, part)

    def _once_more(self, clause: Clause, said: list[Element]) -> tuple[str, list[Element]]:
        """'(copy it to the top left.) And to the bottom right too.': the same is done again at another place."""
        where = [e for e in said if not isinstance(e, Mark)]
        around = self.prompt[max(0, clause.start - 9) : clause.start] + "|" + self.prompt[clause.end : clause.end + 10]
        again = clause.verb == "" and re.search(r"\balso\b|\|\W*(too|as well|also)\b", around, re.I)
        last = self.steps[-1] if self.steps else None
        if not again or not where or not all(isinstance(e, Place | Relation) for e in where) or last is None:
            return clause.verb, said
        if last.idle or last.clause.verb not in ("copy", "add", "", "draw"):
            return clause.verb, said
        nouns = [e for e in elements(last.clause.tokens) if isinstance(e, Noun) and e.head not in GROUNDS]
        return (last.clause.verb, [nouns[-1], *where]) if nouns else (clause.verb, said)

    def _apply(self, clause: Clause, wish: Wish, said: list[Element], verb: str) -> None:
        before, opening = self.world, self.opening
        after = self._applied(replace(clause, verb=verb), said, opening)
        declares = clause.verb in ("", "draw", "fill", "keep", "undo")
        self.steps.append(Step(clause, before, after, wish, opening and (declares or before.ground is None)))
        self.world = after

    def _say_strange(self, clause: Clause, part: Strange) -> None:
        span = (part.tokens[0].start, part.tokens[-1].end)
        text = self.prompt[slice(*span)]
        self._stay(clause, Wish(text, span, (), "not understood", f"'{text}' is not understood"))

    def _worth(self, clause: Clause, said: Sequence[Element]) -> bool:
        """Whether a clause with words that nobody understands asks for something that is understood."""
        nouns = [e for e in said if isinstance(e, Noun) and not (e.strange and e.head == "thing")]
        specs = any(isinstance(e, Spec) for e in said)
        if (
            clause.verb == ""
            and self.start is not None
            and not specs
            and not any(e.det == "a" or e.count for e in nouns)
        ):
            return False
        if clause.verb in _DESCRIBING:
            new = any((e.shape and not e.definite) or (e.head in GROUNDS and e.spec.colour) for e in nouns)
            lead = bool(said) and isinstance(said[0], Spec) and bool(self.world.focus)
            return new or (bool(nouns) and specs) or lead
        if clause.verb == "change":
            return bool(nouns) and any(isinstance(e, Spec) or (isinstance(e, Noun) and not e.definite) for e in said)
        meant = any(e.shape or e.det in ("all", "it", "them", "both") for e in nouns)
        return meant or any(isinstance(e, Place) for e in said)

    def _done(self) -> list[int]:
        """Numbers of the steps that changed the picture."""
        return [k for k, step in enumerate(self.steps) if step.before.scene != step.after.scene]

    def _undo(self, clause: Clause, wish: Wish) -> None:
        for _ in range(_number_of(clause)):
            done = self._done()
            if not done:
                raise Refused("there is nothing to undo")
            self._take_back(done[-1], TAKEN_BACK)
        self._stay(clause, wish)

    def _take_back(self, k: int, reason: str) -> Step:
        step = self.steps[k]
        self.world = replace(step.before, notes=self.world.notes)
        self.steps[k] = step.undone(reason)
        return step

    def _forbidden(self, clause: Clause, wish: Wish, said: list[Element]) -> None:
        """'Don't add a circle': nothing is done; 'don't keep the star': it goes."""
        opening = self.opening
        if clause.verb == "keep":
            self._apply(clause, wish, said, "remove")
        else:
            self._stay(clause, replace(wish, reason="nothing is done that would break it"), opening)

    def _corrected(self, clause: Clause, said: list[Element]) -> tuple[str, list[Element]]:
        """The verb and the elements of a correction, with what it leaves out of the clause that it takes back."""
        done = [k for k, step in enumerate(self.steps) if step.before is not step.after and not step.wish.end]
        if done and clause.verb == "keep" and _touched(self.steps[done[-1]], said):
            self._take_back(done[-1], TAKEN_BACK)  # 'no, leave the heart alone'
            return clause.verb, said
        if not done or not self._takes_back(clause, said, self.steps[done[-1]]):
            return clause.verb, said
        old = self._take_back(done[-1], LATER_WORD)
        if clause.verb:
            return clause.verb, said
        before = elements(old.clause.tokens)
        named = any(isinstance(e, Noun) and e.definite for e in said)
        if not named:
            return old.clause.verb, [*(e for e in before if isinstance(e, Noun) and e.definite), *said]
        if old.clause.verb in ("remove", "grow"):
            return old.clause.verb, said
        return old.clause.verb, [*said, *(e for e in before if isinstance(e, Spec | Place | Mark))]

    def _takes_back(self, clause: Clause, said: Sequence[Element], last: Step) -> bool:
        """Whether a correction takes back the step before it: one of the same kind, or one without a verb."""
        kinds = {"": last.clause.verb, "draw": "add", "fill": "add"}
        mine = kinds.get(clause.verb, clause.verb)
        theirs = kinds.get(last.clause.verb, last.clause.verb) if last.clause.verb else "add"
        nouns = [e for e in said if isinstance(e, Noun)]
        if clause.verb == "" and last.clause.verb in _DESCRIBING and not any(e.shape and not e.definite for e in nouns):
            return False
        if clause.verb == "" and any(e.definite and e.head != "thing" for e in nouns):
            return False
        made = [thing for thing in last.after.things if thing not in last.before.things]
        if mine == theirs and last.clause.verb in ("", "draw") and clause.verb in ("", "draw", "add") and len(made) > 1:
            self.world = last.after.without(last.after.named(last.after.focus)[-1:])
            return False
        return mine == theirs

    def _applied(self, clause: Clause, said: list[Element], opening: bool) -> World:
        """The world after a clause."""
        verb = "replace" if any(isinstance(e, Mark) and e.tag == "instead" for e in said) else clause.verb
        verb = _going(said) if verb == "go" else verb
        verb = "change" if any(isinstance(e, Mark) and e.tag == "exchange" for e in said) else verb
        grounds = [e for e in said if isinstance(e, Noun) and e.head in GROUNDS]
        world, named = self.world, any(noun.spec.colour for noun in grounds)
        if self.ground and world.ground is None and not named:
            world = replace(world, ground=self.ground, free=True)
        if world.ground is None and self.start is None and verb in _NEEDS_PICTURE:
            new = named or any(isinstance(e, Noun) and e.shape and not e.definite for e in said)
            if verb in ("change", "take") and (new or grounds):
                return do.describe(world, said, True)
            colours = [e.colour for e in said if isinstance(e, Spec) and e.colour]
            if verb == "change" and len(colours) == 1 and any(isinstance(e, Noun) and e.head == "things" for e in said):
                return replace(world, ground=colours[0], free=False)  # 'paint everything black'
            raise Refused("there is no picture to change yet; say first what it should show")
        table: dict[str, Callable[[], World]] = {
            "": lambda: self._described(world, said, opening),
            "draw": lambda: do.describe(world, said, opening, adding=True),
            "add": lambda: do.put(world, said, opening),
            "fill": lambda: do.fill(world, said, opening),
            "grow": lambda: do.grow(world, said, clause.size),
        }
        return table[verb]() if verb in table else do.TABLE[verb](world, said)

    def _described(self, world: World, said: list[Element], opening: bool) -> World:
        """A clause without a verb: a description, or what is to be said of what was named last."""
        nouns = [e for e in said if isinstance(e, Noun)]
        specs = [e for e in said if isinstance(e, Spec)]
        only = any(isinstance(e, Mark) and e.tag == "only" for e in said)
        if only and world.things and any(noun.definite for noun in nouns) and not specs:
            return do.keep(world, said)
        if self.start is not None and not self.steps and not nouns:
            raise Puzzled(NOTHING)
        told = any(isinstance(e, Spec | Place | Direction | Relation) for e in said)
        if not nouns and told and world.focus and not any(spec.link == "on" for spec in specs):
            det = "them" if len(world.named(world.focus)) > 1 and world.group else "it"
            return do.describe(world, [Noun("thing", det=det), *said], opening)
        return do.describe(world, said, opening)


def _touched(step: Step, said: Sequence[Element]) -> bool:
    """Whether a step changed what a noun names."""
    names = [e for e in said if isinstance(e, Noun) and e.definite]
    changed = [thing for thing in step.before.things if thing not in step.after.things]
    try:
        return any(thing in changed for noun in names[:1] for thing in do.things_of(step.before, noun))
    except Refused:
        return False


def _is_ground(world: World, noun: Noun) -> bool:
    """Whether a noun means the background."""
    return noun.head in GROUNDS or (noun.det == "it" and not world.named(world.focus))


def _of_ground(said: Sequence[Element]) -> bool:
    """Whether a condition is about the background, or an attribute of what was named before."""
    nouns = [e for e in said if isinstance(e, Noun)]
    return all(noun.head in GROUNDS or noun.det == "it" for noun in nouns)


def _noticed(world: World, clause: Clause) -> World:
    """The world with what a clause that failed spoke of as what was named last."""
    nouns = [e for e in elements(clause.tokens) if isinstance(e, Noun) and e.det == "the" and e.shape]
    try:
        things = list(dict.fromkeys(t for noun in nouns for t in do.things_of(world, noun)))
    except Refused:
        return world
    return world.seen(things, len(things) > 1) if things else world


def _number_of(clause: Clause) -> int:
    """How many steps are to be undone."""
    counts = [number(token.value) or 1 for token in clause.tokens if token.tag == "count"]
    return counts[0] if counts else 2 if any(token.tag == "both" for token in clause.tokens) else 1


def _going(said: Sequence[Element]) -> str:
    """What 'goes' means: somewhere (a move), into a colour (a change), or away."""
    if any(isinstance(e, Place | Direction | Relation) for e in said):
        return "move"
    return "change" if any(isinstance(e, Spec) for e in said) else "remove"


def _filled_in(condition: Sequence[Element], said: Sequence[Element]) -> list[Element]:
    """A condition whose 'one' is what its clause is about: 'remove the heart if there is one'."""
    about = next((element for element in said if isinstance(element, Noun) and element.shape), None)
    return [
        replace(element, head="shape", shape=about.shape, spec=about.spec)
        if about
        and isinstance(element, Noun)
        and element.head == "thing"
        and element.det in ("", "a", "all")
        and not element.shape
        else element
        for element in condition
    ]


def _heading(clause: Clause) -> bool:
    """'A poster with:', 'Please make a picture': it only says that a poster is to come."""
    said = elements(clause.tokens)
    nouns = [element for element in said if isinstance(element, Noun)]
    bare = all(
        (noun.head in GROUNDS or (noun.head == "thing" and noun.plural and not (noun.count or noun.det)))
        and noun.spec == Spec()
        and not noun.strange
        for noun in nouns
    )
    others = [element for element in said if not isinstance(element, Noun | Mark)]
    return bool(nouns) and bare and not others and clause.verb in ("", "draw", "add") and not clause.negated
