"""Edits of a given picture: each kind of phrase in many wordings, and the one scene that all of them mean."""

import pytest

from experts.poster.language.reading import read
from experts.poster.scene import PLACES, Item, Scene


def scene(ground: str, *items: str) -> Scene:
    """A scene from 'big red star @top left'."""
    made = []
    for item in items:
        words, _, place = item.partition(" @")
        size, colour, shape = words.split()
        made.append(Item(PLACES.index(place), shape, colour, size))
    return Scene(ground, tuple(made))


STAR, CIRCLE, HEART = "big red star @top left", "small blue circle @center", "big green heart @bottom right"
THREE = scene("white", STAR, CIRCLE, HEART)
SQUARES = scene("white", "small red square @top left", "small red square @top right", "big blue star @center")
ROW = scene("black", "big red circle @top left", "big red circle @top center", "big red circle @top right",
            "small white star @center")  # fmt: skip
KINDS = {
    "colours joined by 'or'": (THREE, scene("white", HEART), [
        "bin whatever is red or blue", "remove everything that is red or blue", "delete the red and blue shapes",
        "take away all red or blue things", "remove whatever isn't green", "get rid of all that is red or blue",
    ]),
    "attributes behind 'everything'": (THREE, scene("white", STAR, HEART), [
        "remove everything blue", "delete whatever is small", "throw out everything small",
        "remove all that isn't big", "everything small => gone",
    ]),
    "a clause narrows a thing down": (SQUARES, scene("white", "small green square @top left",
                                                    "small green square @top right", "big blue star @center"), [
        "every thing that isn't a star becomes green", "make everything that is not a star green",
        "whatever has four corners should be green", "all things that are not blue should be green",
        "whatever isn't a star: green",
    ]),
    "a bare noun for what is there": (THREE, scene("white", "big red star @top center", CIRCLE, HEART), [
        "star one to the right", "red one one to the right", "red star right by one", "red one to the top centre",
        "move star one to the right", "the star one step right please", "shift the star one right",
    ]),
    "gone": (THREE, scene("white", CIRCLE, HEART), [
        "star off", "star: gone", "the star off, please", "the star can go", "rm star", "the star disappears",
        "the star has to go", "star away", "please make the star vanish", "the star exits",
    ]),
    "an attribute as a property": (THREE, scene("white", "big purple star @top left", CIRCLE, HEART), [
        "star.color = purple", "star.colour: purple", "star colour = purple", "the star's colour: purple",
        "set star.colour to purple", "star -> purple",
    ]),
    "the rest, which stays": (THREE, scene("white", "big purple star @top left", CIRCLE, HEART), [
        "make the star purple, everything else may stay as it is",
        "The star becomes purple. Everything else: no change",
        "star purple, the rest stays", "make the star purple and leave everything else alone",
        "turn the star purple; all else unchanged", "make the star purple while everything else stays put",
    ]),
    "one of a group": (ROW, scene("black", "big red circle @top left", "big yellow circle @top center",
                                  "big red circle @top right", "small white star @center"), [
        "those three circles on the top, can you make the middle one yellow",
        "of the three circles make the middle one yellow", "the circles: the middle one should be yellow",
        "the middle circle of the three should be yellow", "of the circles, the one in the middle becomes yellow",
    ]),
    "only one of a group stays": (scene("blue", "small white heart @top left", "big red heart @center",
                                        "small yellow star @bottom left"),
                                  scene("blue", "big red heart @center", "small yellow star @bottom left"), [
        "Of the two hearts only the red one may stay", "of the hearts keep only the red one",
    ]),
    "said twice": (ROW, scene("black", "small white star @center"), [
        "take out the circles please, all of them", "remove the circles, all three of them",
        "the circles, remove them", "all the circles, delete them",
    ]),
    "what was left out is what 'it' means": (THREE, scene("white", "big red star @center"), [
        "remove everything except the star, then move it to the center",
        "delete all but the star and put it in the middle", "keep only the star. move it to the centre",
        "remove everything except the star, then move that to the center",
    ]),
    "clauses with their own subjects": (THREE, scene("purple", "big red star @middle left", HEART), [
        "the background turns purple, the star sinks one place, the circle goes away",
        "the backdrop becomes purple, the star moves down one, and the circle is removed",
        "background should be purple, star down one, circle off",
    ]),
    "what one does not want": (THREE, scene("white", STAR, HEART), [
        "I don't want the circle any more", "the circle I don't need", "I no longer need the circle, remove it",
        "we don't need the circle", "the circle in the middle I don't want",
    ]),
    "a polite 'if'": (THREE, scene("white", "big red star @top center", CIRCLE, HEART), [
        "it would look nicer if the star was in the top middle", "I'd be happy if the star were at the top center",
        "It would be great if you moved the star one to the right",
        "i think it would be better if the star was one step to the right",
    ]),
    "both at once": (THREE, scene("white", "big blue star @top left", "small red circle @center", HEART), [
        "the red one should be blue and the blue one should be red",
        "whatever's red becomes blue and whatever's blue becomes red",
        "the star should be blue, the circle red", "make the red one blue and the blue one red",
    ]),
    "a complaint and its remedy": (THREE, scene("white", "small red star @top left", CIRCLE, HEART), [
        "the star is too dominant, make it small", "The star at the top is far too loud. Make it smaller.",
        "I don't like the star, make it small", "the star's too much, shrink it",
    ]),
    "the place that something left": (THREE, scene("white", "big red star @center", HEART), [
        "remove the circle and move the star into the space the circle has left",
        "the circle goes; the star moves to the place where the circle was",
        "delete the circle, then put the star where the circle used to be",
        "take the circle away and move the star to the spot the circle had",
    ]),
    "what stands on both sides of 'it'": (scene("white", CIRCLE), scene(
        "white", CIRCLE, "small black square @bottom center", "small black square @top center"), [
        "put a small black square below the circle and a small black square above it",
        "add a small black square above the circle and another small black square below it",
    ]),
    "the other side": (scene("green", "small black circle @middle left", "big white star @center"),
                       scene("green", "small black circle @middle right", "big white star @center"), [
        "put the circle on the other side of the star", "move the circle to the other side of the star",
        "the circle goes to the opposite side of the star",
    ]),
    "taken back": (THREE, scene("white", STAR, CIRCLE, "big purple heart @bottom right"), [
        "Make the star purple. No, leave the star alone, make the heart purple.",
        "make the star purple. no wait, keep the star as it is. the heart should be purple",
    ]),
    "the attribute of another": (THREE, scene("white", STAR, "small red circle @center", HEART), [
        "paint the circle the colour the star has", "give the circle the colour of the star at the top",
        "the circle takes the colour of the star", "the circle gets the star's colour",
    ]),
    "exchanged by name": (THREE, scene("white", "big blue star @top left", "small red circle @center", HEART), [
        "the star needs to have the colour of the circle and the circle the colour of the star",
        "give the star the colour of the circle and the circle the colour of the star",
        "swap the colours of the star and the circle",
    ]),
    "and the other way round": (THREE, scene("white", "small red star @top left", "big blue circle @center",
                                             "small green heart @bottom right"), [
        "everything that's big gets small and vice versa", "all big things become small and vice versa",
        "make everything big small and vice versa",
    ]),
    "a colour each": (ROW, scene("black", "big blue circle @top left", "big yellow circle @top center",
                                 "big green circle @top right", "small white star @center"), [
        "make the circles blue, yellow and green", "from left to right make the three circles blue, yellow and green",
        "the circles become blue, yellow and green from left to right",
    ]),
    "the line that is there": (scene("black", "big red circle @top center", "small white star @center"),
                               scene("black", "big red circle @top left", "small white star @middle left"), [
        "push the whole column over to the left edge", "move the column to the left",
        "shift everything to the left side", "slide the whole column left",
    ]),
    "bigger by a particle": (THREE, scene("white", STAR, "big blue circle @center", HEART), [
        "scale the circle up", "blow the circle up",
        "scale the circle up until it is just as large as the star", "make the circle as big as the star",
    ]),
    "conditions of one picture": (scene("black", STAR, CIRCLE), scene("white", STAR, CIRCLE), [
        "If the background is white, make it black; if it is black, make it white.",
        "if the background is black, make it white. If it is white, make it black.",
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, row in KINDS.items() for text in row[2]])
def test_wordings_of_one_meaning_lead_to_one_scene(kind: str, text: str) -> None:
    start, wanted, _ = KINDS[kind]
    reading = read(text, start)
    assert reading.target is not None
    assert set(reading.target.items) == set(wanted.items), reading.wishes
    assert reading.target.background == wanted.background
    assert not [wish for wish in reading.wishes if wish.end]
