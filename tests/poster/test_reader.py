"""The reader is the judge of benchmarks: right on rendered scenes, and still right when they are spoilt a little."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from experts.poster.reader import read, read_all
from experts.poster.render import render
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIDE, SIZES, UNKNOWN, Item, Scene, match
from experts.poster.tasks import draw_scene


def share_right(spoil, count, seed):
    """Share of items read right, and of backgrounds, over `count` jittered scenes."""
    rng = np.random.default_rng(seed)
    right = wanted = found = backgrounds = 0
    for _ in range(count):
        scene = draw_scene(rng, None)
        result = match(read(spoil(render(scene, rng), rng)), scene)
        right, wanted, found = right + result.right, wanted + result.wanted, found + result.found
        backgrounds += result.background
    assert found <= wanted * 1.005, "things were seen that are not there"
    return right / wanted, backgrounds / count


def test_rendered_scenes_with_jitter_are_read_right():
    items, backgrounds = share_right(lambda picture, rng: picture, 300, seed=1)
    assert items >= 0.995 and backgrounds == 1


@pytest.mark.slow
def test_a_thousand_rendered_scenes_are_read_right():
    items, backgrounds = share_right(lambda picture, rng: picture, 1000, seed=2)
    assert items >= 0.995 and backgrounds == 1


def noisy(picture, rng):
    pixels = np.asarray(picture, np.float32) + rng.normal(0, 12, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def drifted(picture, rng):
    pixels = np.asarray(picture, np.float32) * rng.uniform(0.92, 1.08, 3) + rng.uniform(-8, 8, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda picture, rng: picture.filter(ImageFilter.GaussianBlur(0.8)),
        noisy,
        drifted,
        lambda picture, rng: picture.resize((64, 64), Image.Resampling.LANCZOS).resize((SIDE, SIDE)),
    ],
    ids=["blur", "noise", "drift", "resampled"],
)
def test_spoilt_pictures_are_still_read(spoil):
    items, backgrounds = share_right(spoil, 120, seed=3)
    assert items >= 0.98 and backgrounds >= 0.99


def test_every_shape_colour_size_and_place_is_told_apart():
    for shape in SHAPES:
        for size in SIZES:
            for place, colour in enumerate(COLOURS):
                background = "white" if colour != "white" else "black"
                scene = Scene(background, (Item(place, shape, colour, size),))
                assert read(render(scene)) == scene


def test_an_empty_poster_is_empty():
    for background in COLOURS:
        assert read(render(Scene(background))) == Scene(background)


def test_another_size_is_resampled():
    scene = Scene("yellow", (Item(2, "heart", "black"), Item(7, "star", "blue", "small")))
    assert read(render(scene).resize((288, 288), Image.Resampling.BICUBIC)) == scene


def test_what_has_no_name_is_an_unknown_item():
    picture = render(Scene("white"))
    for k in range(3):
        picture.paste((15, 15, 20), (34, 36 + 8 * k, 62, 39 + 8 * k))  # three bars in the center
    assert [(item.place, item.shape) for item in read(picture).items] == [(PLACES.index("center"), UNKNOWN)]


def test_a_wrong_picture_is_not_read_as_the_wanted_one():
    wanted = Scene("white", (Item(4, "star", "red"),))
    for other in (
        Item(4, "star", "green"),
        Item(4, "heart", "red"),
        Item(5, "star", "red"),
        Item(4, "star", "red", "small"),
    ):
        assert not match(read(render(Scene("white", (other,)))), wanted).exact


def test_read_all_keeps_order():
    scenes = [Scene("white", (Item(k, "star", "red"),)) for k in range(9)]
    assert read_all([render(scene) for scene in scenes]) == scenes


def test_jitter_of_an_edit_leaves_other_items_pixel_equal():
    keep, gone = Item(0, "heart", "blue"), Item(8, "star", "red")
    fixed = {keep: (1.5, -1.0, 1.03)}
    one = render(Scene("white", (keep, gone)), np.random.default_rng(0), fixed)
    two = render(Scene("white", (keep,)), np.random.default_rng(9), fixed)
    cell = (0, 0, SIDE // 3, SIDE // 3)
    assert one.crop(cell).tobytes() == two.crop(cell).tobytes() and one.tobytes() != two.tobytes()
