"""Canny's edges against a loop that follows the definition, and what they must be on simple pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from experts.local._control import canny


def edges(image: Image.Image, low: float = 100, high: float = 200) -> np.ndarray:
    """[H, W], True where there is an edge."""
    found = canny(image, low, high)
    assert found.mode == "RGB" and found.size == image.size
    values = np.asarray(found)
    assert set(np.unique(values)) <= {0, 255} and (values == values[..., :1]).all()
    return values[..., 0] > 0


def by_hand(image: Image.Image, low: float, high: float) -> np.ndarray:
    """The same, pixel by pixel: Sobel, the strongest channel, four directions, then lines followed from strong ones."""
    source = np.pad(np.asarray(image.convert("RGB"), float), ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = source.shape[0] - 2, source.shape[1] - 2
    size, slope = np.zeros((height + 2, width + 2)), np.zeros((height, width, 2))
    for y in range(height):
        for x in range(width):
            window = source[y : y + 3, x : x + 3]
            across = window[:, 2] - window[:, 0]
            down = window[2] - window[0]
            dx, dy = across[0] + 2 * across[1] + across[2], down[0] + 2 * down[1] + down[2]
            best = int(np.argmax(abs(dx) + abs(dy)))
            size[y + 1, x + 1], slope[y, x] = abs(dx[best]) + abs(dy[best]), (dx[best], dy[best])
    thin = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            (dx, dy), here = slope[y, x], size[y + 1, x + 1]
            if abs(dy) < abs(dx) * np.tan(np.pi / 8):
                peak = here > size[y + 1, x] and here >= size[y + 1, x + 2]
            elif abs(dx) < abs(dy) * np.tan(np.pi / 8):
                peak = here > size[y, x + 1] and here >= size[y + 2, x + 1]
            else:
                s = 1 if dx * dy >= 0 else -1
                peak = here > size[y, x + 1 - s] and here > size[y + 2, x + 1 + s]
            thin[y, x] = peak and here > low
    found = thin & (size[1:-1, 1:-1] > high)
    waiting = list(zip(*np.nonzero(found), strict=True))
    while waiting:
        y, x = waiting.pop()
        for near in ((y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1)):
            if 0 <= near[0] < height and 0 <= near[1] < width and thin[near] and not found[near]:
                found[near] = True
                waiting.append(near)
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.sampled_from([(100, 200), (300, 700), (50, 50)]))
def test_it_is_the_definition(seed: int, limits: tuple[float, float]) -> None:
    dice = np.random.default_rng(seed)
    image = Image.fromarray(dice.integers(0, 256, (9, 12, 3), np.uint8)).resize((24, 18), Image.Resampling.BILINEAR)
    assert (edges(image, *limits) == by_hand(image, *limits)).all()


def test_a_square_is_a_closed_line_one_pixel_wide() -> None:
    image = Image.new("RGB", (40, 40), "black")
    ImageDraw.Draw(image).rectangle((10, 12, 29, 27), fill="white")
    found = edges(image)
    assert found[20].sum() == 2 and found[:, 20].sum() == 2  # two sides, each one pixel wide
    inside = Image.fromarray((~found * 255).astype(np.uint8))
    ImageDraw.floodfill(inside, (20, 20), 100)
    assert np.asarray(inside)[0, 0] == 255  # what is poured in stays in


def test_flat_pictures_have_none_and_weak_lines_need_a_strong_one() -> None:
    assert not edges(Image.new("RGB", (30, 20), "red")).any()
    ramp = Image.new("RGB", (40, 40), (100, 100, 100))
    ImageDraw.Draw(ramp).line((5, 20, 34, 20), fill=(130, 130, 130))
    assert not edges(ramp, 50, 200).any() and edges(ramp, 50, 100).any()
    ImageDraw.Draw(ramp).line((5, 20, 8, 20), fill="white")
    assert edges(ramp, 50, 200)[:, 30].any()  # the weak part hangs on the strong one


def test_colours_count_and_limits_are_checked() -> None:
    image = Image.new("RGB", (20, 20), (255, 0, 0))
    image.paste((0, 130, 0), (10, 0, 20, 20))  # nearly as bright: grey would hide it
    assert edges(image)[10].sum() == 1
    with pytest.raises(ValueError, match="low 3 must be in 0 .. high 2"):
        canny(image, 3, 2)
