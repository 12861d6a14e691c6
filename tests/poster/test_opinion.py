"""The trained opinion: what may be exchanged keeps its meaning, and grammar and opinion check each other."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.poster.language.reading import read
from experts.poster.opinion.arrays import NOT_TAUGHT, batch
from experts.poster.opinion.network import WEIGHTS, Network, packed, unpacked
from experts.poster.opinion.sample import ANY, Poster, Sample, aligned, by_place, poster_of, words_of
from experts.poster.opinion.symmetry import exchange, mirrors
from experts.poster.opinion.votes import Opinion, opinions
from experts.poster.phrases import plain
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES, Item, Scene
from experts.poster.tasks import Deck
from experts.poster.understanding import UNCERTAIN, carried, shows, understand, weighed

SCENE = Scene("white", (Item(0, "star", "red", "big"), Item(4, "circle", "blue", "small")))
EDITS = (
    "make the star purple", "remove the blue circle", "move the star to the top right", "the circle should be big",
    "add a small green heart at the bottom left", "swap the star and the circle", "a big black square above the circle",
)  # fmt: skip
things = st.tuples(*(st.sampled_from((*values, ANY)) for values in (SHAPES, tuple(COLOURS), PLACES, SIZES)))
posters = st.builds(Poster, st.sampled_from((*COLOURS, ANY)), st.lists(things, max_size=9).map(tuple))


def ends(reading) -> set[str]:  # noqa: ANN001
    return {wish.end for wish in reading.wishes}


@given(posters, st.integers(0, 99))
def test_an_exchange_is_undone_by_its_back(poster: Poster, seed: int) -> None:
    asked = Sample(words_of("left of the red star"), poster_of(SCENE))
    change = exchange(asked, random.Random(seed), sizes=0.5)
    assert change.back.poster(change.poster(poster)) == poster


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(EDITS), st.integers(0, 9999))
def test_a_request_and_its_mirror_image_are_read_as_mirror_images(text: str, seed: int) -> None:
    """The grammar is the witness: an exchange of words, picture and answer together keeps the meaning."""
    target = read(text, SCENE).target
    asked = Sample(words_of(text), poster_of(SCENE), poster_of(target))
    told = exchange(asked, random.Random(seed), sizes=0.3).sample(asked, random.Random(seed))
    assert told.start is not None and told.wanted is not None
    scene = Scene(told.start.background, tuple(Item(PLACES.index(p), s, c, z) for s, c, p, z in told.start.things))
    found = read(" ".join(word.text for word in told.words), scene)
    assert found.target is not None and not ends(found) - {""}
    assert poster_of(found.target) == told.wanted


def test_words_that_count_in_reading_order_have_no_mirror_image() -> None:
    assert mirrors(Sample(words_of("make the second star blue"), None)) == []
    assert mirrors(Sample(words_of("make the left star blue"), None))


@given(st.permutations(range(2)), st.sampled_from(tuple(COLOURS)))
def test_what_became_of_each_thing_is_found_in_any_order(order: list[int], colour: str) -> None:
    before = (("star", "red", "top left", "big"), ("circle", "blue", "center", "small"))
    after = [("star", colour, "top left", "big"), ("circle", "blue", "bottom right", "small")]
    assert aligned(before, tuple(after[k] for k in order)) == tuple(order.index(k) for k in range(2))
    assert aligned(before, ()) == (-1, -1)


def test_a_batch_teaches_what_stays_what_changes_and_what_is_new() -> None:
    wanted = Poster("white", (("star", "green", "top left", "big"), ("heart", ANY, "bottom left", ANY)))
    made = batch([Sample(words_of("a"), poster_of(SCENE), wanted), Sample(words_of("a b"), None)])
    assert made.edits[0, 0].tolist() == [NOT_TAUGHT, NOT_TAUGHT, 0, NOT_TAUGHT, NOT_TAUGHT]
    assert made.edits[0, 1].tolist() == [0, 0, 2, 0, 0] and made.edits[0, 2, 0] == 1
    assert made.new[0, 0].tolist() == [0, 4, 8, 6, 2] and made.new[0, 1, 0] == 1
    assert (made.edits[1] == NOT_TAUGHT).all() and (made.new[1] == NOT_TAUGHT).all()
    assert made.mask.sum(1).tolist() == [4, 3]


def test_weights_in_eight_bits_are_near_the_ones_they_stand_for() -> None:
    weights = Network().state_dict()
    for name, tensor in unpacked(packed(weights)).items():
        assert (tensor - weights[name].float()).abs().max() <= weights[name].float().abs().max() / 120 + 1e-3


def test_open_attributes_fit_whatever_is_there() -> None:
    star, any_circle = ("star", "red", ANY, ANY), ("circle", ANY, ANY, ANY)
    assert shows(Poster(ANY, (any_circle, star)), SCENE) and not shows(Poster(ANY, (star,)), SCENE)
    assert not shows(Poster(ANY, (star, star)), SCENE) and not shows(Poster(ANY, ()), None)


def test_where_both_agree_the_grammars_reading_stands() -> None:
    text = "make the star purple"
    first = read(text, SCENE)
    assert weighed(text, SCENE, first, Opinion(poster_of(first.target), 0.1, 0.1)) is first  # type: ignore[arg-type]


@pytest.mark.parametrize(("support", "followed"), [(0.99, True), (0.01, False)])
def test_where_they_differ_the_likelier_one_is_carried_out_and_nothing_is_claimed(
    support: float, followed: bool
) -> None:
    text = "make the star purple"
    first = read(text, SCENE)
    other = Poster("white", (("star", "green", "top left", "big"), ("circle", "blue", "center", "small")))
    found = weighed(text, SCENE, first, Opinion(other, support, 0.0))
    assert shows(other, found.target) == followed and (found.target == first.target) != followed
    assert UNCERTAIN in found.wishes[-1].reason and found.wishes[-1].end


def test_what_cannot_be_done_in_its_opinion_is_not_claimed() -> None:
    text = "make the star purple"
    first = read(text, SCENE)
    assert ends(weighed(text, SCENE, first, Opinion(poster_of(first.target), 1.0, 0.99))) - {""}  # type: ignore[arg-type]


@settings(deadline=None, max_examples=100)
@given(posters, st.booleans())
def test_a_wish_with_open_attributes_becomes_commands_that_lead_to_it(wanted: Poster, drawn: bool) -> None:
    """Any wish that a picture can show is carried out; one that none can (two things in one cell) is refused."""
    scene = None if drawn else SCENE
    made = carried("x", scene, read("x", scene), wanted)
    cells = [thing[2] for thing in wanted.things if thing[2] != ANY]
    if len(cells) != len(set(cells)) or any(thing[1] == wanted.background != ANY for thing in wanted.things):
        assert made is None
    elif made is not None:
        assert shows(wanted, made.target)


def test_the_same_request_has_the_same_opinion() -> None:
    assert (WEIGHTS / "model.safetensors").is_file()
    asked = [("could i have a red star up in the left corner, on white?", None)]
    first, again = opinions(asked), opinions(asked)
    assert first == again and first is not None
    assert shows(first[0].wanted, understand(asked[0][0]).target)


def test_things_of_no_place_stand_last() -> None:
    assert by_place((("star", ANY, ANY, ANY), ("heart", ANY, "center", ANY)))[0][0] == "heart"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_generators_prompts_are_plain_and_read_by_the_grammar_alone(split: str) -> None:
    for task in Deck(split, None, "long").first(5):
        assert plain(task.prompt)
        assert understand(task.prompt, task.start) == read(task.prompt, task.start)


@pytest.mark.parametrize("text", ["a crimson star, please", "Triangle. Green. Big.", "center the circle", "white!"])
def test_other_requests_are_not_plain(text: str) -> None:
    assert not plain(text)
