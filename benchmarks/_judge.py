"""The judge of the embedded world's benchmarks: the exact reader, which gives no reward (law 11 of docs/design.md)."""

from __future__ import annotations

import math
from collections import Counter

from PIL import Image

from experts.images import likeness
from experts.poster.reader import read
from experts.poster.requests import Trial
from experts.poster.scene import COLOURS, Item, Scene, cell, match
from experts.poster.tasks import PosterTask
from poser.types import PoserError

JUDGE = "reader"


def refuse_circular(critic: str, judge: str = JUDGE) -> None:
    """Raises `PoserError` where the judge is the critic that gave the reward."""
    if critic.split(":")[0] == judge.split(":")[0]:
        raise PoserError(f"the judge {judge!r} is the critic that gave the reward; choose another critic")


def reached(picture: Image.Image | None, target: Scene) -> dict[str, float]:
    """Of a picture: 'share' of the target scene in it [0, 1], and whether it is 'exact'; 0 without a picture."""
    if picture is None:
        return {"share": 0.0, "exact": 0.0}
    found = match(read(picture), target)
    return {"share": found.share, "exact": float(found.exact)}


def kept(found: Scene, items: tuple[Item, ...]) -> float:
    """Share of `items` that a read scene still holds in their places; NaN where there are none."""
    return sum(found.at(item.place or 0) == item for item in items) / len(items) if items else math.nan


def identity(given: Image.Image | None, picture: Image.Image | None, asked: PosterTask) -> float:
    """How much the untouched things of a picture look as in the `given` input picture, [0, 1] (`images.likeness`), or
    where there is none, the places that stay empty; NaN without an input picture. Where the background was to change,
    it is not compared."""
    if given is None or picture is None or asked.start is None:
        return math.nan
    start, target = asked.start, asked.target
    places = [item.place for item in asked.kept if item.place is not None]
    places = places or [place for place in start.free() if target.at(place) is None]
    ground = COLOURS[start.background] if start.background != target.background else None
    return likeness(given, picture, [cell(place) for place in places], ground)


def worth(share: float, alike: float, commands: int) -> float:
    """A picture's worth, as the agent's own value counts it: the share of the target weighs as much as the commands,
    the likeness of what must stay as much as one command; without an input picture the share alone."""
    return share if math.isnan(alike) else (commands * share + alike) / (commands + 1)


def drawn(found: Scene, wanted: Scene) -> dict[str, float]:
    """Of a drawn scene: share of right objects; whether every group has the right number; exact or not."""
    have = Counter((item.shape, item.colour) for item in found.items)
    want = Counter((item.shape, item.colour) for item in wanted.items)
    result = match(found, wanted)
    return {
        "objects": result.right / result.wanted,
        "count": float(all(have[key] == count for key, count in want.items())),
        "exact": float(result.exact),
    }


def edited(found: Scene, before: Scene, wanted: Scene) -> dict[str, float]:
    """Of an edit: whether it was carried out (all that was to change did), and share of the other objects kept."""
    touched = set(before.items) ^ set(wanted.items)
    done = all(found.at(item.place or 0) == wanted.at(item.place or 0) for item in touched)
    return {
        "done": float(done and found.background == wanted.background),
        "kept": kept(found, tuple(item for item in before.items if item not in touched)),
        "exact": float(match(found, wanted).exact),
    }


def judged(picture: Image.Image, asked: Trial) -> dict[str, float]:
    """The reader's figures of the picture that a single request gave."""
    found = read(picture)
    return drawn(found, asked.wanted) if asked.before is None else edited(found, asked.before, asked.wanted)
