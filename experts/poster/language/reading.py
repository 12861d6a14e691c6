"""`read`: a prompt in people's words -> what each clause asks for, in the symbols of the poster world.

A reader of a closed world: it looks for shapes, colours, sizes, places, counts and the seven edits in whatever words
and order, steps over what carries no meaning, and says of all else that it is not understood. References are resolved
against the scene as it will be when their clause's turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experts.poster.instruction import Instruction
from experts.poster.language import operations as do
from experts.poster.language.clauses import Clause, clauses
from experts.poster.language.compiling import commands, drawn
from experts.poster.language.elements import elements
from experts.poster.language.terms import Direction, Element, Mark, Noun, Place, Relation, Spec, number
from experts.poster.language.tokens import Token, tokens
from experts.poster.language.world import Crowded, Puzzled, Refused, World
from experts.poster.scene import Scene, SceneError

LONGEST = 4000
"""Characters of a prompt that are read."""
_TRIES = 12


@dataclass(frozen=True)
class Wish:
    """What one clause asks for.

    Attributes:
        text, span: its words, and where they stand in the prompt.
        instructions: the commands that carry it out, in order; () where nothing is to be done.
        end: '' (to be carried out, or already so), 'not understood', 'not possible'.
        reason: why, in words; for '' what is to be known about it.
    """

    text: str
    span: tuple[int, int]
    instructions: tuple[Instruction, ...] = ()
    end: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Reading:
    """A prompt as it was understood: wishes in the order in which they are carried out, notes about what was chosen,
    and the scene that they lead to (None: no picture was asked for)."""

    wishes: tuple[Wish, ...]
    notes: tuple[str, ...]
    target: Scene | None


def read(prompt: str, scene: Scene | None = None) -> Reading:
    """What `prompt` asks for, on the picture that shows `scene` (None: there is none yet). Never raises."""
    found = tokens(prompt[:LONGEST])
    parts = clauses(found)
    avoid: frozenset[int] = _wanted(found)
    shun = tuple(token.value for token in found if token.tag == "colour")
    grounds: dict[str, str] = {}
    for _ in range(_TRIES):
        try:
            return _Reader(prompt, scene, avoid, shun, grounds).read(parts)
        except Crowded as error:
            avoid |= {error.cell}
        except do.Recoloured as error:
            used = {*shun, *grounds.values(), error.colour}
            grounds["plain"] = next((c for c in ("white", "black", "yellow", "blue", "green", "orange") if c not in used), "white")
    return Reading((Wish(prompt, (0, len(prompt)), (), "not understood", "it contradicts itself"),), (), scene)


def _wanted(found: Sequence[Token]) -> frozenset[int]:
    """Cells that a word of the prompt names: nothing that may stand anywhere is put there."""
    cells = set()
    for k, token in enumerate(found):
        nxt = found[k + 1] if k + 1 < len(found) else None
        if token.tag == "v":
            side = nxt.value if nxt is not None and nxt.tag == "h" else ""
            base = 0 if token.value == "top" else 6
            cells.add(base + {"left": 0, "right": 2}.get(side, 1))
        elif token.tag == "h" and not (k and found[k - 1].tag == "v"):
            cells.add(3 if token.value == "left" else 5)
        elif token.tag == "mid":
            cells.add(4)
        elif token.tag == "corner":
            cells |= {0, 2, 6, 8}
    return frozenset(cells)


@dataclass
class _Step:
    """A clause that was carried out: the world before and after it, and its wish to be."""

    clause: Clause
    before: World
    after: World
    wish: Wish
    opening: bool


class _Reader:
    """One pass over the clauses."""

    def __init__(self, prompt: str, scene: Scene | None, avoid: frozenset[int], shun: tuple[str, ...], grounds: dict[str, str]) -> None:
        self.prompt, self.start, self.grounds = prompt, scene, grounds
        self.world = World.of(scene, avoid, shun)
        self.steps: list[_Step] = []
        self.last_condition: bool | None = None
        self.conditions: dict[int, bool] = {}
        self.sentences: dict[int, bool] = {}

    def read(self, parts: Sequence[Clause]) -> Reading:
        """The reading. Raises `Crowded` or `Recoloured` where a free choice turns out to be in the way."""
        for clause in parts:
            self._clause(clause)
        return self._reading()

    @property
    def opening(self) -> bool:
        """Whether all that was said so far describes a poster that is yet to be drawn."""
        return self.start is None and all(step.opening or not step.wish.instructions for step in self.steps)

    def _clause(self, clause: Clause) -> None:
        span = (clause.start, clause.end)
        wish = Wish(self.prompt[slice(*span)], span)
        before = self.world
        try:
            if not self._conditions(clause):
                self.steps.append(_Step(clause, before, before, replace(wish, reason="the condition does not hold"), False))
                return
            self._carry_out(clause, wish)
        except (Crowded, do.Recoloured):
            raise
        except Refused as error:
            self.world = self._noticed(before, clause)
            self.steps.append(_Step(clause, self.world, self.world, replace(wish, end=error.end, reason=str(error)), False))

    def _noticed(self, world: World, clause: Clause) -> World:
        """The world with what a clause that failed spoke of as what was named last."""
        nouns = [e for e in elements(clause.tokens) if isinstance(e, Noun) and e.det == "the" and e.shape]
        try:
            things = list(dict.fromkeys(t for noun in nouns for t in do.things_of(world, noun)))
        except Refused:
            return world
        return world.seen(things, len(things) > 1) if things else world

    def _conditions(self, clause: Clause) -> bool:
        if clause.otherwise:
            return self.last_condition is False
        if clause.condition is None:
            return True
        key = id(clause.condition)
        if key not in self.conditions:
            holds = do.holds(self.world, elements(clause.condition))
            self.conditions[key] = holds != clause.unless
            world, nouns = self.world, [e for e in elements(clause.condition) if isinstance(e, Noun) and not e.negative]
            if holds and nouns:
                fits = [t for t in world.things if do.like(t, nouns[-1])]
                self.world = world.seen(fits, len(fits) > 1) if fits else world
        self.last_condition = self.conditions[key]
        return self.last_condition

    def _carry_out(self, clause: Clause, wish: Wish) -> None:
        said = elements(clause.tokens)
        if len(said) > 1 and isinstance(said[0], Noun) and said[0].definite and isinstance(said[1], Noun) and said[1].det == "it":
            said.pop(1)  # 'the star, move it down'
        odd = do.strange(said)
        if clause.verb == "undo" and not any(isinstance(e, Noun) and e.shape for e in said):
            self._undo(clause, wish)
            return
        if clause.negated and clause.verb not in ("",):
            self._forbidden(clause, wish, said)
            return
        if odd and not self._worth(clause, said):
            words = " ".join(token.text for part in odd for token in part.tokens)
            raise Puzzled(f"'{words}' is not understood")
        said = do.preferred(said)
        opening = self.opening
        if clause.corrected and self._took_back(clause, said):
            opening = self.opening
            said = self._completed(clause, said)
        before = self.world
        if clause.verb in ("", "draw", "fill") and self.grounds and before.ground is None:
            self.world = replace(before, ground=None)
        after = self._applied(clause, said, opening)
        declares = clause.verb in ("", "draw", "fill", "keep", "undo")
        step = _Step(clause, before, after, wish, opening and (declares or before.ground is None))
        self.steps.append(step)
        self.world = after
        for part in odd:
            span = (part.tokens[0].start, part.tokens[-1].end)
            text = self.prompt[slice(*span)]
            self.steps.append(_Step(clause, after, after, Wish(text, span, (), "not understood", f"'{text}' is not understood"), False))

    def _worth(self, clause: Clause, said: Sequence[Element]) -> bool:
        """Whether a clause with words that nobody understands asks for something that is understood."""
        nouns = [e for e in said if isinstance(e, Noun) and not (e.strange and e.head in ("thing",))]
        new = any((e.shape and not e.definite) or (e.head in ("poster", "ground") and e.spec.colour) for e in nouns)
        specs = any(isinstance(e, Spec) for e in said)
        if clause.verb == "" and self.start is not None and not specs and not any(e.det == "a" or e.count for e in nouns):
            return False
        if clause.verb in ("", "draw", "add", "fill"):
            lead = bool(said) and isinstance(said[0], Spec) and bool(self.world.focus)
            return new or (bool(nouns) and specs) or lead
        if clause.verb == "change":
            last = max((k for k, e in enumerate(said) if isinstance(e, Spec) or (isinstance(e, Noun) and not e.definite)), default=-1)
            return last >= 0 and bool(nouns)
        return bool([e for e in nouns if e.shape or e.det in ("all", "it", "them", "both")]) or any(isinstance(e, Place) for e in said)

    def _undo(self, clause: Clause, wish: Wish) -> None:
        for _ in range(_number_of(clause)):
            done = [k for k, step in enumerate(self.steps) if step.before.scene != step.after.scene]
            if not done:
                raise Refused("there is nothing to undo")
            step = self.steps[done[-1]]
            self.world = replace(step.before, notes=self.world.notes)
            self.steps[done[-1]] = replace_step(step, replace(step.wish, reason="taken back"))
        self.steps.append(_Step(clause, self.world, self.world, wish, False))

    def _forbidden(self, clause: Clause, wish: Wish, said: Sequence[Element]) -> None:
        """'Don't add a circle': nothing is done."""
        if clause.verb == "keep":
            self.world = self._applied(replace(clause, verb="remove", negated=False), said, False)
        self.steps.append(_Step(clause, self.world, self.world, replace(wish, reason="nothing is done that would break it"), self.opening))

    def _took_back(self, clause: Clause, said: Sequence[Element]) -> bool:
        """Whether a correction takes back the clause before it: one of the same kind, or one without a verb."""
        done = [k for k, step in enumerate(self.steps) if step.before is not step.after and not step.wish.end]
        if not done:
            return False
        step = self.steps[done[-1]]
        kinds = {"": step.clause.verb, "draw": "add", "fill": "add"}
        mine = kinds.get(clause.verb, clause.verb)
        theirs = kinds.get(step.clause.verb, step.clause.verb) if step.clause.verb else "add"
        if clause.verb == "" and step.clause.verb in ("", "draw", "add", "fill") and not any(isinstance(e, Noun) and e.shape and not e.definite for e in said):
            return False
        if any(isinstance(e, Noun) and e.definite and e.head not in ("thing",) for e in said) and clause.verb == "":
            return False
        if mine != theirs:
            return False
        if step.clause.verb in ("", "draw") and len([t for t in step.after.things if t not in step.before.things]) > 1 and clause.verb in ("", "draw", "add"):
            made = step.after.named(step.after.focus)
            self.world = step.after.without(made[-1:])
            return False
        self.world = replace(step.before, notes=self.world.notes)
        self.steps[done[-1]] = replace_step(step, replace(step.wish, reason="the later word stands"))
        self._taken = step
        return True

    def _completed(self, clause: Clause, said: Sequence[Element]) -> list[Element]:
        """A correction without a verb, with what it leaves out of the clause that it corrects."""
        if clause.verb or not hasattr(self, "_taken"):
            return list(said)
        old = elements(self._taken.clause.tokens)
        refs = [e for e in old if isinstance(e, Noun) and e.definite]
        nouns = [e for e in said if isinstance(e, Noun) and e.definite]
        self._verb = self._taken.clause.verb
        return list(said) if nouns and self._verb in ("remove", "grow") else [*refs, *said] if not nouns else [*said, *[e for e in old if isinstance(e, Spec | Place | Mark)]]

    def _applied(self, clause: Clause, said: list[Element], opening: bool) -> World:
        verb = clause.verb
        if any(isinstance(e, Mark) and e.tag == "instead" for e in said):
            verb = "replace"
        if not verb and getattr(self, "_verb", ""):
            verb = self._verb
        self._verb = ""
        world = self.world
        if self.grounds and world.ground is None and not any(isinstance(e, Noun) and e.head in ("poster", "ground") and e.spec.colour for e in said):
            world = replace(world, ground=self.grounds["plain"], free=True)
        nouns = [e for e in said if isinstance(e, Noun)]
        if world.ground is None and self.start is None and verb in ("change", "remove", "move", "swap", "replace", "copy", "flip", "grow", "keep", "go", "take") and verb != "keep":
            new = [n for n in nouns if n.shape and not n.definite] or [n for n in nouns if n.head in ("poster", "ground") and n.spec.colour]
            if verb == "change" and (new or any(n.head in ("poster", "ground") for n in nouns)) :
                return do.describe(world, said, True)
            raise Refused("there is no picture to change yet; say first what it should show")
        if verb == "go":
            verb = _going(said)
        table = {
            "": lambda: self._described(world, said, opening),
            "draw": lambda: do.describe(world, said, opening, adding=True),
            "add": lambda: do.put(world, said, opening),
            "remove": lambda: do.remove(world, said),
            "change": lambda: do.change(world, said),
            "replace": lambda: do.replaced(world, said),
            "move": lambda: do.shift(world, said),
            "dislike": lambda: do.dislike(world, said),
            "take": lambda: do.take(world, said),
            "swap": lambda: do.swap(world, said),
            "copy": lambda: do.copy(world, said),
            "flip": lambda: do.flip(world, said),
            "fill": lambda: do.fill(world, said, opening),
            "keep": lambda: do.keep(world, said),
            "touch": lambda: do.keep(world, said),
            "undo": lambda: do.keep(world, said),
            "grow": lambda: do.grow(world, said, clause.size),
        }
        return table[verb]()

    def _described(self, world: World, said: list[Element], opening: bool) -> World:
        if any(isinstance(e, Mark) and e.tag == "only" for e in said) and world.things and any(isinstance(e, Noun) and e.definite for e in said) and not any(isinstance(e, Spec) for e in said):
            return do.keep(world, said)
        if self.start is not None and not self.steps and not any(isinstance(e, Noun) for e in said):
            raise Puzzled("nothing here that a poster can show")
        nouns = [e for e in said if isinstance(e, Noun)]
        if not nouns and any(isinstance(e, Spec | Place | Direction | Relation) for e in said) and world.focus:
            det = "them" if len(world.named(world.focus)) > 1 and world.group else "it"
            if said[0] is not None and any(isinstance(e, Spec) and e.link == "on" for e in said):
                return do.describe(world, said, opening)
            return do.describe(world, [Noun("thing", det=det), *said], opening)
        return do.describe(world, said, opening)

    def _reading(self) -> Reading:
        wishes: list[Wish] = []
        k = 0
        opened = False
        while k < len(self.steps):
            step = self.steps[k]
            if step.wish.end or step.before is step.after or step.wish.reason in ("taken back", "the later word stands"):
                wishes.append(step.wish)
                k += 1
                continue
            if step.opening and not opened and self.start is None and step.after.ground is not None:
                last, span = step, list(step.wish.span)
                extra: list[Wish] = []
                j = k + 1
                while j < len(self.steps):
                    nxt = self.steps[j]
                    skipped = nxt.wish.end or nxt.before is nxt.after or nxt.wish.reason in ("taken back", "the later word stands")
                    bare = not last.after.things and nxt.clause.verb in ("add", "fill", "draw", "")
                    if skipped:
                        extra.append(nxt.wish)
                    elif nxt.opening or bare:
                        last = nxt
                        span = [min(span[0], nxt.wish.span[0]), max(span[1], nxt.wish.span[1])]
                    else:
                        break
                    j += 1
                scene = last.after.scene
                assert scene is not None
                wishes.append(replace(step.wish, text=self.prompt[slice(*span)], span=(span[0], span[1]), instructions=tuple(drawn(scene))))
                wishes += extra
                opened = True
                k = j
                continue
            try:
                made = tuple(commands(step.before, step.after))
                wishes.append(replace(step.wish, instructions=made, reason="" if made else "it is so already"))
            except SceneError as error:
                wishes.append(replace(step.wish, end="not possible", reason=str(error)))
            k += 1
        if not wishes:
            wishes = [Wish(self.prompt.strip(), (0, len(self.prompt)), (), "not understood", "nothing here that a poster can show")]
        return Reading(tuple(wishes), tuple(dict.fromkeys(self.world.notes)), self.world.scene)


def _number_of(clause: Clause) -> int:
    """How many steps are to be undone."""
    counts = [number(token.value) or 1 for token in clause.tokens if token.tag == "count"]
    return counts[0] if counts else 2 if any(token.tag == "both" for token in clause.tokens) else 1


def _going(said: Sequence[Element]) -> str:
    """What 'goes' means: somewhere (a move), into a colour (a change), or away."""
    if any(isinstance(e, Place | Direction | Relation) for e in said):
        return "move"
    return "change" if any(isinstance(e, Spec) for e in said) else "remove"


def replace_step(step: _Step, wish: Wish) -> _Step:
    """The step with another wish, and nothing done."""
    return _Step(step.clause, step.before, step.before, wish, False)
