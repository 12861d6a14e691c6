"""`understand`: a request -> what it asks for, by the grammar and by the trained opinion, each checking the other.

A request in plain words (`phrases.plain`) is read by the grammar alone. Of any other, success is claimed only where
both lead to the same picture. Where they differ, the likelier one is carried out, and it is said to be uncertain.
The thresholds are chosen on the validation requests: `docs/results/people.md`.
"""

from __future__ import annotations

from dataclasses import replace

from experts.poster.instruction import canonical
from experts.poster.language.compiling import commands, drawn
from experts.poster.language.reading import Reading, Wish, read
from experts.poster.language.world import Refused, Thing, World
from experts.poster.opinion.sample import ANY, Poster, aligned, poster_of
from experts.poster.opinion.votes import Opinion, opinions
from experts.poster.phrases import plain
from experts.poster.scene import PLACES, Scene, SceneError

TRUSTED = 0.9
"""Support from which the opinion is carried out although the grammar understood every word and found it possible."""
UNCLEAR = 0.3
"""The same, where the grammar did not understand every word."""
IMPOSSIBLE = 0.1
"""The same, where the grammar found that something cannot be done: mostly it missed what is meant."""
REFUSED = 0.5
"""Probability of 'it cannot be done as asked' from which nothing is claimed."""
UNCERTAIN = "not certain what is meant"


def understand(prompt: str, scene: Scene | None = None) -> Reading:
    """What `prompt` asks for, on the picture that shows `scene` (None: there is none yet). Never raises."""
    first = read(prompt, scene)
    if plain(prompt):
        return first
    second = opinions([(prompt, scene)])
    return first if second is None else weighed(prompt, scene, first, second[0])


def shows(wanted: Poster, scene: Scene | None) -> bool:
    """Whether a scene is what a poster with open attributes asks for, and nothing more."""
    found = poster_of(scene)
    if found is None or wanted.background not in (ANY, found.background) or len(wanted.things) != len(found.things):
        return False
    left = list(found.things)
    for thing in sorted(wanted.things, key=lambda thing: thing.count(ANY)):
        hit = next((o for o in left if all(a in (ANY, b) for a, b in zip(thing, o, strict=True))), None)
        if hit is None:
            return False
        left.remove(hit)
    return True


def weighed(prompt: str, scene: Scene | None, first: Reading, second: Opinion) -> Reading:
    """The grammar's reading, or the opinion's where that is likelier; with a doubt where they differ."""
    ended = tuple(wish for wish in first.wishes if wish.end)
    needed = IMPOSSIBLE if any(w.end == "not possible" for w in ended) else UNCLEAR if ended else TRUSTED
    agreed, possible = shows(second.wanted, first.target), second.impossible < REFUSED
    other = None if agreed else carried(prompt, scene, first, second.wanted)
    if agreed and possible:
        return first
    if other is not None and possible and second.support >= needed:
        return _doubted(prompt, replace(other, wishes=(*other.wishes, *ended)), first.target)
    return first if ended else _doubted(prompt, first, other.target if other else None)


def _doubted(prompt: str, reading: Reading, other: Scene | None) -> Reading:
    """The reading with the remark that another one is possible, so that success is not claimed."""
    reason = UNCERTAIN if other is None else f"{UNCERTAIN}; perhaps: {other}"
    return replace(
        reading, wishes=(*reading.wishes, Wish(prompt.strip(), (0, len(prompt)), (), "not understood", reason))
    )


def carried(prompt: str, scene: Scene | None, first: Reading, wanted: Poster) -> Reading | None:
    """A reading that leads to what is wanted, open attributes as in the grammar's reading or chosen; None where no
    picture can be so."""
    before = World.of(scene, frozenset(), ())
    try:
        after, notes = _settled(before, wanted, first.target)
        made = drawn(after.scene) if scene is None and after.scene else commands(before, after)
    except (Refused, SceneError):
        return None
    told = (
        f"understood as: {'; '.join(canonical(instruction) for instruction in made)}" if made else "nothing to change"
    )
    reason = "" if made else "it is so already"
    wish = Wish(prompt.strip(), (0, len(prompt)), tuple(made), "", reason)
    return Reading((wish,), (told, *notes), after.scene)


def _settled(before: World, wanted: Poster, like: Scene | None) -> tuple[World, tuple[str, ...]]:
    """The world that is wanted, each thing with the identity of the one that it was. Raises `Refused` for a picture
    that cannot be."""
    old = tuple((t.shape, t.colour, PLACES[t.place], t.size) for t in before.things)
    came = {j: before.things[i].number for i, j in enumerate(aligned(old, wanted.things)) if j >= 0}
    named = {thing[1] for thing in wanted.things}
    ground = wanted.background
    if ground == ANY:
        ground = (
            like.background
            if like and like.background not in named
            else next(
                c for c in ("white", "black", "yellow", "blue", "green", "orange", "red", "purple") if c not in named
            )
        )
    taken = frozenset(PLACES.index(thing[2]) for thing in wanted.things if thing[2] != ANY)
    world = replace(before, ground=ground, things=(), avoid=taken, shun=tuple(named))
    notes = []
    for j, (shape, colour, place, size) in enumerate(wanted.things):
        cell = world.empty()[0] if place == ANY else PLACES.index(place)
        made = Thing(
            came.get(j, before.next + j),
            "circle" if shape == ANY else shape,
            world.ink() if colour == ANY else colour,
            "big" if size == ANY else size,
            cell,
        )
        world = replace(world, things=(*world.things, made))
        if ANY in (shape, colour, place):
            notes.append(f"chosen: {made.item}")
    world.check()
    return replace(
        world, things=tuple(sorted(world.things, key=lambda thing: thing.place)), next=before.next + len(wanted.things)
    ), tuple(notes)
