import pytest

from experts.poster.instruction import Instruction, Ref, apply, become, changed, resolve
from experts.poster.scene import Item, Scene, SceneError

STAR = Item(4, "star", "red")
SMALL = Item(0, "star", "red", "small")
HEART = Item(2, "heart", "blue")
SCENE = Scene("yellow", (STAR, SMALL, HEART))


@pytest.mark.parametrize(
    "ref, item",
    [
        (Ref("heart"), HEART),
        (Ref("star", size="small"), SMALL),
        (Ref(colour="blue"), HEART),
        (Ref(place=4), STAR),
        (Ref("star", side="left"), SMALL),
        (Ref("star", side="right"), STAR),
        (Ref("star", side="top"), SMALL),
        (Ref("star", side="bottom"), STAR),
        (Ref(side="right"), HEART),
    ],
)
def test_resolve(ref, item):
    assert resolve(SCENE, ref) == item


def test_resolve_refuses_nothing_and_more_than_one():
    with pytest.raises(SceneError, match="nothing like the green star"):
        resolve(SCENE, Ref("star", "green"))
    with pytest.raises(SceneError, match="could mean 2"):
        resolve(SCENE, Ref("star"))
    with pytest.raises(SceneError, match="could mean 2"):
        resolve(SCENE, Ref(side="top"))


@pytest.mark.parametrize(
    "instruction, items",
    [
        (Instruction("remove", ref=Ref("heart")), (STAR, SMALL)),
        (Instruction("recolour", ref=Ref("heart"), colour="green"), (STAR, SMALL, Item(2, "heart", "green"))),
        (Instruction("replace", ref=Ref("heart"), shape="circle"), (STAR, SMALL, Item(2, "circle", "blue"))),
        (
            Instruction("replace", ref=Ref("heart"), shape="circle", colour="red", size="small"),
            (STAR, SMALL, Item(2, "circle", "red", "small")),
        ),
        (Instruction("move", ref=Ref("heart"), place=8), (STAR, SMALL, Item(8, "heart", "blue"))),
        (Instruction("resize", ref=Ref("heart"), size="small"), (STAR, SMALL, Item(2, "heart", "blue", "small"))),
        (Instruction("add", items=(Item(8, "circle", "black"),)), (STAR, SMALL, HEART, Item(8, "circle", "black"))),
    ],
)
def test_apply_changes_just_what_it_names(instruction, items):
    assert apply(SCENE, instruction) == Scene("yellow", items)


def test_background_and_generate():
    assert apply(SCENE, Instruction("background", background="white")) == Scene("white", SCENE.items)
    assert apply(SCENE, Instruction("generate", items=(HEART,))) == Scene("white", (HEART,))
    assert apply(None, Instruction("generate", items=(HEART,), background="black")) == Scene("black", (HEART,))


@pytest.mark.parametrize(
    "instruction, message",
    [
        (Instruction("move", ref=Ref("heart"), place=4), "one place"),
        (Instruction("add", items=(Item(4, "circle", "black"),)), "one place"),
        (Instruction("recolour", ref=Ref("heart"), colour="yellow"), "cannot be seen"),
        (Instruction("add", items=(Item(8, "circle", "yellow"),)), "cannot be seen"),
        (Instruction("background", background="red"), "cannot be seen"),
        (Instruction("add", items=(Item(None, "circle", "black"),) * 8), "at most 9"),
        (Instruction("remove", ref=Ref("star")), "could mean"),
        (Instruction("remove", ref=Ref("diamond")), "nothing like"),
        (Instruction("remove"), "remove what"),
    ],
)
def test_what_a_scene_cannot_follow_is_a_scene_error(instruction, message):
    with pytest.raises(SceneError, match=message):
        apply(SCENE, instruction)


def test_only_generate_starts_from_nothing():
    for verb in ("add", "remove", "background"):
        with pytest.raises(SceneError, match="no picture"):
            apply(None, Instruction(verb, items=(HEART,), ref=Ref("star"), background="red"))


def test_changed_goes_through_in_order():
    steps = [
        Instruction("generate", items=(STAR,), background="yellow"),
        Instruction("recolour", ref=Ref("star"), colour="green"),
        Instruction("remove", ref=Ref("star", "green")),
    ]
    assert changed(None, steps) == Scene("yellow")
    with pytest.raises(SceneError):
        changed(None, [steps[0], steps[2], steps[1]])
    with pytest.raises(SceneError, match="no instruction"):
        changed(None, [])


def test_become_keeps_what_is_not_named():
    assert become(HEART, Instruction("move", place=0)) == Item(0, "heart", "blue")
    assert become(HEART, Instruction("replace", shape="star", size="small")) == Item(2, "star", "blue", "small")


def test_an_overfull_scene_may_still_be_edited():
    nine = tuple(Item(k, "star", "red") for k in range(9))
    assert apply(Scene("white", nine[:8]), Instruction("add", items=nine[8:])) == Scene("white", nine)
    full = Scene("white", (*nine, Item(None, "star", "red")))
    assert apply(full, Instruction("recolour", ref=Ref(place=0), colour="blue")).at(0) == Item(0, "star", "blue")
    with pytest.raises(SceneError, match="at most 9"):
        apply(full, Instruction("add", items=(Item(None, "heart", "red"),)))
