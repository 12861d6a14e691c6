"""The transition over a deck: experts that hand back recorded pictures, a critic that gives recorded verdicts.

A picture here is a few pixels that say which item and which expert it stands for. Everything else (`MDP.step`, actions,
observation, policies, learner) is that of any other run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from benchmarks.replay.deck import FOLDS, Deck, Item
from experts.types import Card, Job, Result
from poser.actions import ActionSet
from poser.mdp import MDP, Rules
from poser.planning._following import Following
from poser.protocols import Call, Planned, Words
from poser.types import Budget, Command, Critique, Look, Plan, Price, Task

SIDE = 8
"""px: the smallest picture that holds two numbers."""
TRIES = (1, 2, 3, 6)
"""Calls an episode may make, as they are compared."""


def picture(item: int, expert: int) -> Image.Image:
    """The picture of an item by an expert; `expert` -1: the photograph that is to be edited."""
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[0, 0] = item >> 16 & 255, item >> 8 & 255, item & 255
    pixels[0, 1, 0] = expert + 1
    return Image.fromarray(pixels)


def shown(image: Image.Image) -> tuple[int, int]:
    """Item and expert of a picture."""
    high, middle, low = image.getpixel((0, 0))  # type: ignore[misc]
    expert: int = image.getpixel((1, 0))[0] - 1  # type: ignore[index]
    return high << 16 | middle << 8 | low, expert


@dataclass(frozen=True)
class Recorded:
    """The pool: a job's picture is the recorded one of the item whose number is its prompt (`Numbered`)."""

    deck: Deck

    def run(self, jobs: list[Job]) -> list[Result]:
        """Same length and order; each takes one second."""
        experts = self.deck.experts
        return [Result(picture(int(job.request.prompt), experts.index(job.expert)), seconds=1.0) for job in jobs]


class Numbered:
    """The wording: an expert is handed the number of its item, which is the task's id."""

    id = "numbered"

    def write(self, calls: Sequence[Call]) -> list[Words]:
        """Same length and order."""
        return [Words(call.state.task.id, call.state.task.prompt) for call in calls]


@dataclass(frozen=True)
class Verdicts:
    """The critic: what a deck's `seen` says of a picture, wrong with probability `error`.

    A wrong verdict is 1 minus the right one: the same for the same picture at every look, so that to ask again tells
    nothing new. With measures instead of a yes or a no, an edit is worth more than none: scores are 0.5 + half of it.
    """

    deck: Deck
    error: float = 0.0

    @property
    def id(self) -> str:
        """'recorded:DECK:ERROR'."""
        return f"recorded:{self.deck.name}:{self.error:g}"

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        return [Critique((self.score(*shown(look.image)),) * len(look.wanted), critic=self.id) for look in looks]

    def score(self, item: int, expert: int) -> float:
        """Its verdict on one picture, [0, 1]."""
        found = self.deck.items[item]
        score = found.seen[expert]
        draw = int.from_bytes(hashlib.sha256(f"{found.id}|{expert}".encode()).digest()[:4], "big") / 2**32
        score = 1.0 - score if draw < self.error else score
        return 0.5 + score / 2 if self.deck.mode == "image-to-image" and self.deck.enough == 1.0 else score


@dataclass(frozen=True)
class OneCommand(Following):
    """The prompt is one command, whose verb the deck knows, and which is tried until the calls are spent."""

    items: tuple[Item, ...] = ()

    id = "one-command"
    sees = False

    def start(self, tasks: Sequence[Task], seen: Sequence[object] = ()) -> list[Planned]:
        """The first plans."""
        return [Planned(Plan(current=Command(task.prompt, self.items[int(task.id)].verb))) for task in tasks]


@dataclass(frozen=True)
class Replay:
    """A deck with a critic of some error rate."""

    deck: Deck
    error: float = 0.0

    @cached_property
    def cards(self) -> tuple[Card, ...]:
        """The experts', each as good as the others by what their cards say."""
        mode = self.deck.mode
        return tuple(
            Card(name, mode, f"{name}, recorded", min_side=SIDE, max_side=SIDE, multiple=1)
            for name in self.deck.experts
        )

    @cached_property
    def mdp(self) -> MDP:
        """The transition."""
        extractor = OneCommand(max(TRIES) + 1, self.deck.enough, items=self.deck.items)
        rules = Rules(threshold=self.deck.enough, premises=False)
        actions = ActionSet.of(self.cards, ("current",))
        critic, weights = Verdicts(self.deck, self.error), {"progress": self.worth, "price": -1.0}
        return MDP(Recorded(self.deck), critic, extractor, Numbered(), actions, rules, weights, (SIDE, SIDE))

    @property
    def worth(self) -> float:
        """What takes a step's 'progress' to the gain in the critic's score: an edit begins at the value of one half."""
        return 2.0 if self.deck.mode == "image-to-image" else 1.0

    def task(self, number: int, tries: int, price: float = 0.0) -> Task:
        """An item as a task of so many calls, at a price of a call (each is one second)."""
        prompt = self.deck.items[number].prompt
        start = picture(number, -1) if self.deck.mode == "image-to-image" else None
        return Task(prompt, start, number, Budget(tries), str(number), Price(second=price))

    def judged(self, number: int, image: Image.Image | None) -> float:
        """What the judge gave the delivered picture."""
        expert = shown(image)[1] if image is not None else -1
        return self.deck.items[number].judged[expert] if expert >= 0 else self.deck.nothing

    def seen(self, numbers: Sequence[int]) -> np.ndarray:
        """[items, experts]: the critic's verdicts, as a rule that is fitted on these items sees them."""
        critic = Verdicts(self.deck, self.error)
        count = range(len(self.deck.experts))
        return np.asarray([[critic.score(number, expert) for expert in count] for number in numbers])

    def part(self, fold: int, inside: bool) -> list[int]:
        """Numbers of the items in a fold, or of all others."""
        return [k for k, item in enumerate(self.deck.items) if (item.fold == fold) == inside]


@dataclass(frozen=True)
class Tasks:
    """The tasks of some items, with 1 to 6 calls each: what a policy is trained on (`learning.tasks.TaskSource`)."""

    replay: Replay
    numbers: tuple[int, ...]
    highest: float = 0.3

    @property
    def id(self) -> str:
        """The deck, the error rate and how many items."""
        return f"{self.replay.mdp.critic.id}:{len(self.numbers)}"

    def draw(self, rng: np.random.Generator) -> Task:
        """A random item, number of calls and price of a call."""
        tries, price = int(rng.integers(1, max(TRIES) + 1)), self.highest * float(rng.random()) ** 2
        return self.replay.task(int(rng.choice(self.numbers)), tries, price)

    def first(self, count: int) -> list[Task]:
        """The first items, with three calls."""
        return [self.replay.task(number, 3) for number in self.numbers[:count]]


def folds(replay: Replay) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """(items to learn from, items to test on), fold by fold; folds without items are left out."""
    pairs = [(tuple(replay.part(k, False)), tuple(replay.part(k, True))) for k in range(FOLDS)]
    return [pair for pair in pairs if all(pair)]
