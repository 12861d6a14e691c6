import re
from collections import Counter

import numpy as np
import pytest

from experts.poster.instruction import changed
from experts.poster.phrases import SPLITS
from experts.poster.scene import MAX_ITEMS, Scene, SceneError
from experts.poster.tasks import CLASSES, EDITS, EVERY, KINDS, Deck, draw_scene, draw_task, join, split_of

TASKS = {split: Deck(split).first(120) for split in SPLITS}


def pairs(scene):
    return (scene.background, frozenset((item.colour, item.shape) for item in scene.items))


def scenes(task):
    """Every scene on the way, the input picture's included."""
    found = [task.start] if task.start else []
    return found + [changed(task.start, task.instructions[: k + 1]) for k in range(len(task.instructions))]


def test_the_target_is_what_the_instructions_amount_to():
    for task in sum(TASKS.values(), []):
        assert task.target == changed(task.start, task.instructions)
        assert 1 <= len(task.target.items) <= MAX_ITEMS


def test_kinds_have_the_right_form():
    kinds = Counter()
    for task in sum(TASKS.values(), []):
        verbs = [instruction.verb for instruction in task.instructions]
        kinds[task.start is None] += 1
        if task.start is None:
            assert verbs[0] == "generate" and "generate" not in verbs[1:] and 2 <= len(verbs) <= 5 and not task.kept
        else:
            assert "generate" not in verbs and 2 <= len(verbs) <= 5
        assert task.id.startswith("t2i-" if task.start is None else "i2i-")
    assert min(kinds.values()) > 100


def test_kept_is_in_start_and_target_and_untouched():
    seen = 0
    for task in sum(TASKS.values(), []):
        if task.start is None:
            continue
        for item in task.kept:
            assert all(item in scene.items for scene in scenes(task))
        touched = [item for item in task.start.items if item not in task.kept]
        assert len(touched) <= sum(instruction.ref is not None for instruction in task.instructions)
        for item in touched:
            assert any(item not in scene.items for scene in scenes(task)) or changes_back(task, item)
        seen += bool(task.kept)
    assert seen > 50


def changes_back(task, item):
    """Whether a command names `item` (it may end as it was, though it was touched)."""
    return any(instruction.ref is not None and instruction.ref.fits(item) for instruction in task.instructions)


def test_no_scene_of_a_split_has_a_combination_of_another():
    found = {split: {pairs(scene) for task in TASKS[split] for scene in scenes(task)} for split in SPLITS}
    for split in SPLITS:
        for task in TASKS[split]:
            assert all(split_of(scene) == split for scene in scenes(task))
    assert not found["train"] & found["test"] and not found["train"] & found["validation"]
    assert not found["validation"] & found["test"]


def test_no_prompt_of_one_split_is_in_another():
    def skeletons(split):
        return {re.sub(r"\W+", " ", task.prompt.lower()) for task in TASKS[split]}

    assert not skeletons("train") & skeletons("test") and not skeletons("validation") & skeletons("test")


def test_prompts_come_in_all_four_forms():
    prompts = [task.prompt for task in TASKS["test"]]
    assert any("\n2. " in prompt for prompt in prompts)
    assert any(", then " in prompt for prompt in prompts)
    assert any("; " in prompt for prompt in prompts)
    assert any(re.search(r"\. [A-Z]", prompt) for prompt in prompts)


def test_every_verb_occurs_in_every_split():
    for split in SPLITS:
        verbs = {instruction.verb for task in TASKS[split] for instruction in task.instructions}
        assert verbs == {"generate", *EDITS}


def test_a_draw_is_a_function_of_its_seed():
    for kind in (None, "t2i", "i2i"):
        deck = Deck("train", kind)
        one = [deck.draw(np.random.default_rng(5)) for _ in range(2)]
        assert one[0] == one[1]
        rng = np.random.default_rng(5)
        many = [deck.draw(rng) for _ in range(20)]
        assert many[0] == one[0] and len({task.id for task in many}) == 20


def test_first_is_stable_and_a_prefix():
    assert Deck("test").first(5) == TASKS["test"][:5]
    assert Deck("test").first(5, seed=1) != TASKS["test"][:5]
    assert len({task.id for task in TASKS["test"]}) == len(TASKS["test"])


def test_first_keeps_what_is_asked_for():
    short = Deck("test", "i2i").first(4, keep=lambda task: len(task.instructions) == 2)
    assert all(len(task.instructions) == 2 for task in short)


def test_unknown_split_or_kind_is_one_line():
    for split, kind in (("dev", None), ("test", "video")):
        with pytest.raises(ValueError, match="no such split, kind or class") as error:
            draw_task(np.random.default_rng(0), split, kind)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "kind, low, high", [("few", 1, 2), ("crowded", 4, 5), ("count", 3, 5), ("any", 1, 5), ("full", 6, 9)]
)
def test_scenes_have_the_size_of_their_kind(kind, low, high):
    rng = np.random.default_rng(0)
    for _ in range(60):
        scene = draw_scene(rng, "train", kind)
        assert low <= len(scene.items) <= high and split_of(scene) == "train"
        assert all(item.colour != scene.background for item in scene.items)
        if kind == "count":
            assert max(Counter((i.shape, i.colour, i.size) for i in scene.items).values()) >= 3
    assert set(KINDS) == {"few", "crowded", "count"}


def test_shares_of_the_splits():
    rng = np.random.default_rng(0)
    shares = Counter(split_of(draw_scene(rng, None)) for _ in range(1500))
    assert 0.75 < shares["train"] / 1500 < 0.85 and 0.07 < shares["test"] / 1500 < 0.13


def test_join_of_one_sentence_is_that_sentence():
    assert join(["make the star green"], np.random.default_rng(0)) == "Make the star green."


def test_no_task_asks_for_what_cannot_be_done():
    for task in sum(TASKS.values(), []):
        try:
            scenes(task)
        except SceneError as error:
            pytest.fail(f"{task.prompt}: {error}")


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_of_tasks_keeps_its_word(name):
    low, high = CLASSES[name].commands
    for split in ("validation", "test"):
        tasks = Deck(split, None, name).first(12, seed=1)
        assert all(low <= len(task.instructions) <= high for task in tasks)
        assert {task.calls for task in tasks} == {CLASSES[name].calls}
        assert changed(tasks[0].start, tasks[0].instructions) == tasks[0].target
        crowds = [len((task.start or Scene("white", task.instructions[0].items)).items) for task in tasks]
        assert min(crowds) >= 6 if name == "crowded" else max(crowds) <= 5


def test_tasks_of_every_class_come_equally_often():
    names = [task.name for task in Deck("train", None, EVERY).first(80)]
    assert set(names) == set(CLASSES) and min(map(names.count, CLASSES)) >= 10
