"""Whether a word that made no difference is borne out by what its clause is about: 'move them down to the bottom'."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.terms import GROUNDS, Place
from experts.poster.language.tokens import Token
from experts.poster.language.wishes import Step
from experts.poster.language.world import CORNERS, Thing, World, within

_DENIALS = ("not", "no", "except", "instead", "from")
_ENDS = ("comma", "and", "but", "stop", "colon")
_LINES = ("corner", "row", "column", "side", "cell", "attr")


def borne_out(step: Step, k: int) -> bool:
    """Whether the word at `k` of a step's clause is true of what the step changed, or of what it leads to."""
    token, tokens = step.clause.tokens[k], step.clause.tokens
    near = [t.tag for t in tokens[k + 1 : k + 4]]
    if token.tag in ("not", "no"):
        return _denied(step, tokens[k + 1 :])
    if token.tag in ("colour", "shape", "size") and _under(tokens, k, _DENIALS):
        return not _has(step.after, _about(step), token)
    if token.tag in ("colour", "size"):
        ground = token.value == step.before.ground and any(tag in GROUNDS for tag in near[:2])
        return ground or _under(tokens, k, ("as", "than"))
    if token.tag == "shape":
        return _under(tokens, k, ("than", "as")) and any(thing.shape == token.value for thing in step.after.things)
    if token.tag == "dir" and step.clause.verb == "grow":
        return True  # 'scale it up'
    if token.tag in ("v", "h", "mid", "dir"):
        return _stands(step, token)
    if token.tag == "corner":
        return any(thing.place in CORNERS for thing in (*step.before.things, *step.after.things))
    if token.tag == "count":
        lines = {"corner": "4", "row": "3", "column": "3"}
        about = _about(step)
        alike = sum(thing.shape == about[0].shape for thing in step.before.things) if about else 0
        return token.value in (str(len(about)), str(alike), lines.get(next((t for t in near if t in lines), ""), ""))
    if token.tag == "gone":
        return step.clause.verb == "remove"
    if token.tag == "only":
        return step.opening
    if token.tag == "rel":
        return _related(step, token.value)
    if token.tag == "other" and step.opening:
        return len(_about(step)) > 1
    if token.tag == "other":
        return any(tag in _LINES for tag in near) or _under(tokens, k, ("as", "same"))
    return token.tag == "same" and _alike(step)


def _related(step: Step, kind: str) -> bool:
    """Whether something that a step is about stands so to another thing."""
    down, right = {"above": (-1, 0), "below": (1, 0), "left": (0, -1), "right": (0, 1)}.get(kind, (0, 0))
    spots = [divmod(thing.place, 3) for thing in step.after.things]
    about = [divmod(thing.place, 3) for thing in _about(step)]
    return any((r - down, c - right) in spots for r, c in about) if down or right else False


def _about(step: Step) -> list[Thing]:
    """The things that a step made or changed, or, where it did neither, spoke of."""
    touched = [thing for thing in step.after.things if thing not in step.before.things]
    return touched or _gone(step) or list(step.after.named(step.after.focus))


def _gone(step: Step) -> list[Thing]:
    """The things that stand elsewhere after a step, or are removed, as they were."""
    places = {thing.number: thing.place for thing in step.after.things}
    return [thing for thing in step.before.things if places.get(thing.number) != thing.place]


def _denied(step: Step, rest: Sequence[Token]) -> bool:
    """Whether what is denied is not there."""
    named = list[Token]()
    for token in rest:
        if token.tag in _ENDS and named:
            break
        named += [token] if token.tag in ("colour", "shape", "size") else []
    return bool(named) and not any(_has(step.after, _about(step), token) for token in named)


def _under(tokens: Sequence[Token], k: int, tags: Sequence[str]) -> bool:
    """Whether a word of these tags governs the one at `k`: no comma or 'and' stands between, or only nouns do."""
    for token in reversed(tokens[:k]):
        if token.tag in tags:
            return True
        if token.tag in (*_ENDS[:1], *_ENDS[2:], "verb", "grow"):
            return False
    return False


def _has(world: World, about: Sequence[Thing], token: Token) -> bool:
    if token.tag == "shape":
        return any(thing.shape == token.value for thing in world.things)
    return any(getattr(thing, token.tag) == token.value for thing in about) or token.value == world.ground


def _stands(step: Step, token: Token) -> bool:
    """Whether what a step is about stands at a place, or went in a direction."""
    about = _about(step)
    if token.tag != "dir":
        lines = {"v": [Place(v=token.value)], "h": [Place(h=token.value)]}
        wanted = lines.get(token.tag, [Place(mid=True, kind="row"), Place(mid=True, kind="column")])
        return any(within(line, thing.place) for thing in [*about, *_gone(step)] for line in wanted)
    old = {thing.number: divmod(thing.place, 3) for thing in step.before.things}
    axis, sign = {"up": (0, -1), "down": (0, 1), "left": (1, -1), "right": (1, 1)}[token.value]
    went = [sign * (divmod(t.place, 3)[axis] - old[t.number][axis]) for t in about if t.number in old]
    return bool(went) and all(steps > 0 for steps in went)


def _alike(step: Step) -> bool:
    about = _about(step)
    rest = [*(thing for thing in step.after.things if thing not in about), *step.before.things, *step.before.ghosts]
    return any(a.colour == b.colour or a.size == b.size for a in about for b in rest or about[1:])
