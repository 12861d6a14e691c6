"""Systems under test, by name: `poser:PRESET[@POLICY]`, `expert:ID`, `folder:DIR`, `none` (for recorded answers)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks._harness.data import BadData, read_json
from benchmarks._harness.types import Drawn, Item
from experts.images import ImageError, open_image
from experts.types import Job, Request
from poser.types import PoserError

SIDE = 1024
"""px of a drawing, where an expert's card allows it."""
ENDS = (".png", ".jpg", ".jpeg", ".webp")


def _opened(item: Item) -> list[Image.Image]:
    return [open_image(path) for path in item.pictures]


def start_of(item: Item) -> Image.Image | None:
    """The input picture of an item; None where it has none or it cannot be read."""
    try:
        return open_image(item.pictures[0]) if item.pictures else None
    except ImageError:
        return None


@dataclass(frozen=True)
class Agent:
    """A preset with a policy: plans, chooses, looks, and delivers."""

    id: str
    poser: Any

    @property
    def critics(self) -> tuple[str, ...]:
        """The preset's."""
        return (self.poser.mdp.critic.id,)

    def __call__(self, items: Sequence[Item], seed: int) -> list[Drawn]:
        """Same length and order; whatever goes wrong with an item is its own failure."""
        from poser.seats import Seats

        tasks, bad = {}, {}
        for k, item in enumerate(items):
            try:
                images = _opened(item)
                tasks[k] = self.poser.task(item.prompt, images[0] if images else None, seed)
            except (PoserError, ImageError) as error:
                bad[k] = Drawn((), failed=str(error))
        seats = Seats(self.poser.mdp, self.poser.policy)
        over = seats.add(tasks)
        while len(seats):
            over += seats.step()
        found = {p.number: Drawn((), failed=str(p.error)) if p.error else self._drawn(p.trajectory) for p in over}
        return [bad[k] if k in bad else found[k] for k in range(len(items))]

    def _drawn(self, whole: Any) -> Drawn:
        spent = whole.steps[-1].after.spent if whole.steps else None
        images = tuple(whole.images)
        usd, seconds = (spent.usd, spent.seconds) if spent else (0.0, 0.0)
        return Drawn(images, usd, seconds, "" if images else "nothing was delivered")


@dataclass(frozen=True)
class OneExpert:
    """One model that is handed the whole prompt, as the paper's baselines are."""

    id: str
    expert: str
    poser: Any

    @property
    def critics(self) -> tuple[str, ...]:
        """None."""
        return ()

    def __call__(self, items: Sequence[Item], seed: int) -> list[Drawn]:
        """Same length and order."""
        card = self.poser.mdp.actions.cards[self.expert]
        jobs, bad = {}, {}
        for k, item in enumerate(items):
            try:
                images = _opened(item)
                if bool(images) != (card.mode == "image-to-image"):
                    raise PoserError(f"{card.id} is {card.mode}; the item {'has a' if images else 'has no'} picture")
                size = images[0].size if images else (min(SIDE, card.max_side),) * 2
                jobs[k] = Job(card.id, Request(item.prompt, tuple(images[:1]), size=size, seed=seed))
            except (PoserError, ImageError) as error:
                bad[k] = Drawn((), failed=str(error))
        results = dict(zip(jobs, self.poser.mdp.pool.run(list(jobs.values())), strict=True))
        found = {
            k: Drawn((r.image,), r.usd, r.seconds)
            if r.image is not None
            else Drawn((), r.usd, r.seconds, r.failure.message if r.failure else "")
            for k, r in results.items()
        }
        return [bad[k] if k in bad else found[k] for k in range(len(items))]


@dataclass(frozen=True)
class Folder:
    """Pictures of any other system, in the benchmark's own layout (`Benchmark.file`), or as ID.png / ID/SEED.png."""

    id: str
    folder: Path
    file: Callable[[Item, int], str]

    critics = ()

    def __call__(self, items: Sequence[Item], seed: int) -> list[Drawn]:
        """Same length and order."""
        return [self._one(item, seed) for item in items]

    def _one(self, item: Item, seed: int) -> Drawn:
        own = Path(self.file(item, seed))
        stems = [own.with_suffix(""), Path(item.id) / str(seed), Path(f"{item.id}-{seed}"), Path(item.id)]
        names = [own, *(stem.with_name(stem.name + end) for stem in stems for end in ENDS)]
        root = self.folder.resolve()
        for name in names:
            path = (root / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                try:
                    return Drawn((open_image(path),))
                except ImageError as error:
                    return Drawn((), failed=str(error))
        return Drawn((), failed=f"no picture {own} in {self.folder}")


@dataclass(frozen=True)
class Listed:
    """Pictures of any other system by prompt: a JSON object {prompt: file}, as GenEval 2's scripts take it."""

    id: str
    files: Mapping[str, Path]

    critics = ()

    def __call__(self, items: Sequence[Item], seed: int) -> list[Drawn]:
        """Same length and order."""
        return [self._one(item) for item in items]

    def _one(self, item: Item) -> Drawn:
        path = self.files.get(item.prompt)
        if path is None:
            return Drawn((), failed=f"no picture of {item.prompt!r:.80} in {self.id}")
        try:
            return Drawn((open_image(path),))
        except ImageError as error:
            return Drawn((), failed=str(error))


def listed(name: str, path: Path) -> Listed:
    """A file of pictures by prompt, whose paths are relative to its folder. Raises `BadData`."""
    found = read_json(path)
    if not isinstance(found, dict) or not all(isinstance(file, str) for file in found.values()):
        raise BadData(f"{path}: has to be an object of files by prompt")
    return Listed(name, {prompt: path.parent / file for prompt, file in found.items()})


@dataclass(frozen=True)
class Nothing:
    """No pictures: for answers that were recorded."""

    id: str = "none"

    critics = ()

    def __call__(self, items: Sequence[Item], seed: int) -> list[Drawn]:
        """Empty, and no failure."""
        return [Drawn(()) for _ in items]


def load(name: str, file: Callable[[Item, int], str], preset: str = "poster", cache: Path | None = None) -> Any:
    """The system of a name. `preset`: where an `expert:ID` comes from. Raises `PoserError` for an unknown one."""
    from poser.agent import Poser

    kind, _, rest = name.partition(":")
    overrides = {"cache": str(cache)} if cache else {}
    if kind == "none" and not rest:
        return Nothing()
    if kind == "folder" and rest:
        if Path(rest).is_file() and Path(rest).suffix == ".json":
            return listed(name, Path(rest))
        if not Path(rest).is_dir():
            raise PoserError(f"no folder {rest!r}; give --system folder:DIR with the pictures of a system")
        return Folder(name, Path(rest), file)
    if kind == "poser" and rest:
        where, _, policy = rest.partition("@")
        return Agent(name, Poser.from_pretrained(where, policy=policy or None, overrides=overrides))
    if kind == "expert" and rest:
        poser = Poser.from_pretrained(preset, overrides=overrides)
        if rest not in poser.mdp.actions.cards:
            there = ", ".join(poser.mdp.actions.cards)
            raise PoserError(f"preset {preset!r} has no expert {rest!r}; it has {there}")
        return OneExpert(name, rest, poser)
    raise PoserError(f"no system {name!r}; give poser:PRESET[@POLICY], expert:ID, folder:DIR or none")
