import pytest

from experts.poster.scene import PLACES, Item, Scene, SceneError, match

STAR = Item(4, "star", "red")
HEART = Item(0, "heart", "blue", "small")


def test_items_are_sorted_by_place_whatever_the_order_given():
    assert Scene("white", (STAR, HEART)) == Scene("white", (HEART, STAR))
    assert Scene("white", (STAR, HEART)).items == (HEART, STAR)


def test_two_items_in_one_place_are_refused_but_two_without_a_place_are_not():
    with pytest.raises(SceneError, match="one place"):
        Scene("white", (STAR, Item(4, "heart", "blue")))
    assert len(Scene("white", (Item(None, "star", "red"), Item(None, "star", "red"))).items) == 2


def test_free_at_without_and_with():
    scene = Scene("white", (STAR, HEART))
    assert scene.at(4) == STAR and scene.at(8) is None
    assert scene.free() == [1, 2, 3, 5, 6, 7, 8]
    assert scene.without(STAR) == Scene("white", (HEART,))
    assert scene.without(STAR).with_items(STAR) == scene


def test_without_takes_one_of_several_equal_items():
    twice = Scene("white", (Item(None, "star", "red"), Item(None, "star", "red")))
    assert len(twice.without(Item(None, "star", "red")).items) == 1


def test_placed_takes_the_center_first_then_reading_order():
    wish = Scene("white", (Item(None, "star", "red"), Item(None, "star", "green"), Item(0, "heart", "blue")))
    assert {item.place for item in wish.placed().items} == {0, 1, 4}
    assert wish.placed().placed() == wish.placed()


def test_placed_refuses_a_full_poster():
    full = Scene("white", tuple(Item(cell, "star", "red") for cell in range(9)) + (Item(None, "heart", "blue"),))
    with pytest.raises(SceneError, match="no free place"):
        full.placed()


def test_match_counts_right_wrong_and_more():
    wanted = Scene("white", (STAR, HEART))
    assert match(wanted, wanted).exact and match(wanted, wanted).share == 1
    wrong = match(Scene("white", (Item(4, "star", "green"), HEART)), wanted)
    assert (wrong.right, wrong.wanted, wrong.found, wrong.background) == (1, 2, 2, True)
    assert wrong.share == pytest.approx(2 / 4) and not wrong.exact
    more = match(wanted.with_items(Item(8, "circle", "black")), wanted)
    assert more.right == 2 and not more.exact and more.share == pytest.approx(3 / 4)
    assert match(Scene("black", (STAR, HEART)), wanted).share == pytest.approx(2 / 3)
    assert match(Scene("black"), wanted).share == 0


def test_match_lets_a_wish_without_a_place_be_anywhere_but_once():
    wish = Scene("white", (Item(None, "star", "red"), Item(None, "star", "red")))
    assert match(Scene("white", (STAR, Item(8, "star", "red"))), wish).exact
    assert match(Scene("white", (STAR,)), wish).right == 1


def test_match_can_give_a_named_place_its_own_item():
    """An item that is wanted anywhere must not take the one that is wanted at its place."""
    wish = Scene("white", (Item(None, "star", "red"), Item(4, "star", "red")))
    assert match(Scene("white", (Item(4, "star", "red"), Item(0, "star", "red"))), wish).exact


def test_an_item_says_what_and_where():
    assert str(HEART) == f"small blue heart at the {PLACES[0]}"
    assert str(Item(None, "star", "red")) == "big red star"
