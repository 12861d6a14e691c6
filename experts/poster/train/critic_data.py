"""What the critic learns from: pictures whose content is known or read, and balanced questions about them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from experts.poster.questions import Question, about, anything, background
from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.scene import CELL, COLOURS, SHAPES, SIZES, UNKNOWN, Item, Scene
from experts.poster.tasks import KINDS, draw_scene, split_of

KIND_SHARES = {"item": 0.46, "attribute": 0.22, "anything": 0.08, "background": 0.06, "count": 0.18}
"""How often each kind of question is asked in training."""
FIELDS: dict[str, tuple[str, ...]] = {"shape": SHAPES, "colour": tuple(COLOURS), "size": SIZES}


@dataclass(frozen=True)
class Sample:
    """A picture and what it shows, by construction or by the reader; for experts' outputs also what was asked for."""

    picture: Image.Image
    scene: Scene
    wanted: Scene | None = None


def any_scene(rng: np.random.Generator, split: str = "train") -> Scene:
    """A scene of the split: as the tasks draw them, or with 0 to 9 items."""
    if rng.random() < 0.5:
        return draw_scene(rng, split, str(rng.choice(KINDS)))
    while True:
        names = list(COLOURS)
        ground = str(rng.choice(names))
        inks = [name for name in names if name != ground]
        items = [
            Item(int(place), str(rng.choice(SHAPES)), str(rng.choice(inks)), str(rng.choice(SIZES)))
            for place in rng.permutation(9)[: int(rng.integers(0, 10))]
        ]
        scene = Scene(ground, tuple(items))
        if split_of(scene) == split:
            return scene


def degrade(picture: Image.Image, other: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A picture as a generator might make it: cells mixed with those of `other`, blur, colour drift, noise."""
    pixels: np.ndarray = np.asarray(picture, dtype=np.float32).copy()
    if rng.random() < 0.4:
        foreign = np.asarray(other, dtype=np.float32)
        for place in rng.permutation(9)[: int(rng.integers(1, 4))]:
            row, column = divmod(int(place), 3)
            cell = np.s_[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
            share = np.float32(rng.random())
            if rng.random() < 0.5:  # a soft edge through the cell instead of an even mixture
                ramp = np.linspace(-1, 1, CELL, dtype=np.float32) * rng.uniform(1, 6) + rng.uniform(-2, 2)
                share = 1 / (1 + np.exp(ramp if rng.random() < 0.5 else -ramp))[:, None, None]
                share = share if rng.random() < 0.5 else share.transpose(1, 0, 2)
            pixels[cell] += share * (foreign[cell] - pixels[cell])
    if rng.random() < 0.6:
        blurred = Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.4)))
        pixels = np.asarray(blurred, dtype=np.float32)
    if rng.random() < 0.6:
        pixels = pixels * rng.normal(1, 0.05, 3) + rng.normal(0, 7, 3)
    if rng.random() < 0.5:
        pixels = pixels + rng.normal(0, rng.uniform(0, 10), pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def tinted(picture: Image.Image, scene: Scene, rng: np.random.Generator) -> Image.Image:
    """The picture with some of its inks on the way to another colour: where experts miss a colour, they miss it so."""
    pixels = np.asarray(picture, dtype=np.float32).copy()
    ground = np.array(COLOURS[scene.background], dtype=np.float32)
    for item in scene.items:
        if rng.random() < 0.4:
            continue
        row, column = divmod(item.place or 0, 3)
        cell = pixels[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
        ink = np.array(COLOURS[item.colour], dtype=np.float32)
        other = np.array(COLOURS[_pick(rng, list(COLOURS))], dtype=np.float32)
        new = ink + rng.uniform(0.1, 0.9) * (other - ink)
        share = ((cell - ground) @ (ink - ground) / ((ink - ground) @ (ink - ground)))[..., None]
        cell[:] = ground + np.clip(share, 0, 1) * (new - ground)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def rendered(
    rng: np.random.Generator, count: int, split: str = "train", worn: float = 0.4, tint: float = 0.0
) -> list[Sample]:
    """`count` fresh samples, a share `worn` of them degraded and a share `tint` of the others between two colours; both
    are then labelled by the reader."""
    scenes = [any_scene(rng, split) for _ in range(count)]
    pictures = [render(scene, rng) for scene in scenes]
    samples = []
    for k, (scene, picture) in enumerate(zip(scenes, pictures, strict=True)):
        if rng.random() < worn:
            picture = degrade(picture, pictures[k - 1], rng)
            samples.append(Sample(picture, read(picture)))
        elif rng.random() < tint:
            picture = tinted(picture, scene, rng)
            samples.append(Sample(picture, read(picture), scene))
        else:
            samples.append(Sample(picture, scene))
    return samples


def _pick(rng: np.random.Generator, options: tuple[str, ...] | list[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _random_item(rng: np.random.Generator) -> Item:
    return Item(int(rng.integers(9)), *(_pick(rng, FIELDS[name]) for name in FIELDS))


def _nameable(scene: Scene, rng: np.random.Generator) -> Item | None:
    """A random item of the scene that has a name."""
    items = [item for item in scene.items if item.shape != UNKNOWN]
    return items[int(rng.integers(len(items)))] if items else None


def _wrong(question: Question, scene: Scene, rng: np.random.Generator) -> Question:
    """The question with one named attribute changed: to another item's, or to any other value; or another place."""
    named = question.named()
    if question.place is not None and question.kind == "item" and rng.random() < 0.3:
        return replace(question, place=int(rng.integers(9)))
    name = _pick(rng, named)
    values = [getattr(item, name) for item in scene.items if getattr(item, name) != UNKNOWN]
    if not values or rng.random() < 0.5:
        values = list(FIELDS[name])
    return question.having(name, _pick(rng, values))


def _draw_item(scene: Scene, rng: np.random.Generator, yes: bool) -> Question:
    question = about(_nameable(scene, rng) or _random_item(rng))
    whole = rng.random() < 0.4
    for name, rate in (("size", 0.3), ("colour", 0.2), ("shape", 0.1)):
        if rng.random() < rate and not whole:
            question = question.having(name, None)
    if rng.random() < 0.3 and not whole:
        question = replace(question, place=None)
    if not question.named():
        question = replace(question, shape=_pick(rng, SHAPES))
    if not yes and question.holds(scene) and rng.random() < 0.08:
        return about(_random_item(rng))
    return question if yes else _wrong(question, scene, rng)


def _draw_attribute(scene: Scene, rng: np.random.Generator, yes: bool) -> Question:
    item, name = _nameable(scene, rng) or _random_item(rng), _pick(rng, list(FIELDS))
    question = Question("attribute", item.place).having(name, getattr(item, name))
    if yes:
        return question
    if rng.random() < 0.15:
        return replace(question, place=int(rng.integers(9)))
    return _wrong(question, scene, rng)


def _draw_anything(scene: Scene, rng: np.random.Generator, yes: bool) -> Question:
    if rng.random() < 0.03:
        return anything()
    taken = [item.place for item in scene.items if item.place is not None]
    cells = taken if yes else scene.free()
    return anything(cells[int(rng.integers(len(cells)))] if cells else int(rng.integers(9)))


def _draw_background(scene: Scene, rng: np.random.Generator, yes: bool) -> Question:
    if yes:
        return background(scene.background)
    inks = [item.colour for item in scene.items]
    return background(_pick(rng, inks if inks and rng.random() < 0.5 else list(COLOURS)))


def _draw_count(scene: Scene, rng: np.random.Generator, yes: bool) -> Question:
    """How many there are of some group. Yes and no ask for the same numbers, so that a number alone tells nothing."""
    groups: dict[Question, int] = {}
    for item in scene.items:
        if item.shape != UNKNOWN:
            for wish in itertools.product((item.shape, None), (item.colour, None), (item.size, None)):
                groups[Question("count", None, *wish)] = 0
    groups = {question: sum(map(question.fits, scene.items)) for question in groups}
    numbers = sorted({count for count in groups.values() if count <= 5})
    if not numbers:
        return replace(Question("count"), shape=_pick(rng, SHAPES), count=1)
    number = numbers[int(rng.integers(len(numbers)))]
    if yes:
        fitting = [question for question, count in groups.items() if count == number]
    elif rng.random() < 0.3:
        like = [question for question, count in groups.items() if count == number and question.named()]
        fitting = [_wrong(question, scene, rng) for question in like]
    else:
        fitting = [question for question, count in groups.items() if 0 < abs(count - number) <= 2]
    question = fitting[int(rng.integers(len(fitting)))] if fitting else list(groups)[int(rng.integers(len(groups)))]
    return replace(question, count=number)


_DRAW = {
    "item": _draw_item,
    "attribute": _draw_attribute,
    "anything": _draw_anything,
    "background": _draw_background,
    "count": _draw_count,
}


def draw_question(scene: Scene, rng: np.random.Generator, kind: str | None = None) -> tuple[Question, bool]:
    """A question about `scene` and its true answer; yes and no come equally often where the scene allows it."""
    kind = kind or str(rng.choice(list(KIND_SHARES), p=list(KIND_SHARES.values())))
    wanted = bool(rng.random() < 0.5)
    for _ in range(8):
        question = _DRAW[kind](scene, rng, wanted)
        if question.holds(scene) == wanted:
            return question, wanted
    return question, question.holds(scene)


def missed(sample: Sample) -> list[Question]:
    """What was asked for and is not there: questions with the answer no, the hardest and the most useful ones."""
    if sample.wanted is None:
        return []
    items = [item for item in sample.wanted.items if item not in sample.scene.items]
    questions = [about(item) for item in items]
    for item in items:
        if item.place is not None and sample.scene.at(item.place) is not None:
            questions += [Question("attribute", item.place).having(name, getattr(item, name)) for name in FIELDS]
    questions += [background(sample.wanted.background)]
    return [question for question in questions if not question.holds(sample.scene)]
