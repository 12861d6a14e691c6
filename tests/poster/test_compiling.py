"""Any change of a poster becomes commands that lead there, or is refused; it never goes on for ever."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from experts.poster.instruction import changed
from experts.poster.language.compiling import commands
from experts.poster.language.world import World
from experts.poster.scene import COLOURS, SHAPES, SIZES, Item, Scene, SceneError

INKS = tuple(COLOURS)


@st.composite
def changes(draw: st.DrawFn) -> tuple[World, World]:
    """A poster, and one on which some of its things are gone and any of the rest are other things elsewhere."""
    ground, after = draw(st.sampled_from(INKS)), draw(st.sampled_from(INKS))
    cells = draw(st.lists(st.integers(0, 8), min_size=1, max_size=6, unique=True))
    shape, size = st.sampled_from(SHAPES), st.sampled_from(SIZES)
    ink = lambda other: st.sampled_from([name for name in INKS if name != other])  # noqa: E731
    items = tuple(Item(cell, draw(shape), draw(ink(ground)), draw(size)) for cell in cells)
    world = World.of(Scene(ground, items), frozenset(), ())
    kept = draw(st.lists(st.sampled_from(world.things), unique=True))
    places = draw(st.permutations(range(9)))
    things = tuple(
        replace(thing, place=place, shape=draw(shape), colour=draw(ink(after)), size=draw(size))
        for thing, place in zip(kept, places, strict=False)
    )
    return world, replace(world, ground=after, things=things)


@settings(deadline=None, max_examples=300)
@given(changes())
def test_any_change_is_carried_out_or_refused(change: tuple[World, World]) -> None:
    before, after = change
    try:
        made = commands(before, after)
    except SceneError:
        return
    assert not made or changed(before.scene, made) == after.scene


def test_colours_that_wait_for_one_another_end_in_a_refusal() -> None:
    """A background that takes the colours of two things which exchange theirs: this went on for ever."""
    scene = Scene(
        "white",
        (
            Item(1, "star", "yellow", "small"),
            Item(3, "triangle", "black", "big"),
            Item(5, "star", "green", "big"),
            Item(7, "triangle", "blue", "small"),
        ),
    )
    world = World.of(scene, frozenset(), ())
    star, black, green, blue = world.things
    wanted = (
        replace(star, shape="heart"),
        replace(black, place=4, colour="white"),
        replace(green, place=3, colour="white", size="small"),
        replace(blue, colour="red"),
    )
    after = replace(world, ground="green", things=wanted)
    try:
        assert changed(scene, commands(world, after)) == after.scene
    except SceneError as error:
        assert "one after the other" in str(error)
