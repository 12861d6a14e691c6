"""What the parts of an agent are: critics, extractors, wordings, policies, and what each is handed.

Read this beside `poser.types`. Every one takes a list and gives a list, of the same length and in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from experts.poster.scene import Scene
from experts.types import Card
from poser.types import Action, Command, Critique, Look, Plan, State, Task


class Critic(Protocol):
    """Anything that judges candidates. `id` names it with its version."""

    @property
    def id(self) -> str:
        """Name and version."""
        ...

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order as `looks`; a candidate without a verdict has NaN scores, nothing raises."""
        ...


class Attempt(NamedTuple):
    """What a step came to: the state before it (with the picture that was kept, and its critique), the scores of the
    commands that were handed over, and what the critic saw wrong with the try."""

    state: State
    wanted: tuple[float, ...]
    attempted: tuple[Command, ...]
    feedback: str = ""


class Planned(NamedTuple):
    """A plan, the failed attempts at its current command, and what planning cost (USD, s)."""

    plan: Plan
    attempts: int = 0
    usd: float = 0.0
    seconds: float = 0.0


class Extractor(Protocol):
    """Prompts -> plans, and plans -> next plans after every step: lists, same length and order. `id` names it."""

    @property
    def id(self) -> str:
        """Name and version."""
        ...

    @property
    def sees(self) -> bool:
        """Whether it plans with what the critic reads in the input picture."""
        ...

    def start(self, tasks: Sequence[Task], seen: Sequence[Scene | None] = ()) -> list[Planned]:
        """The first plans; never an error. `seen`: what the critic reads in each input picture; () where not asked."""
        ...

    def next(self, attempts: Sequence[Attempt]) -> list[Planned]:
        """The plans after these attempts."""
        ...


class Call(NamedTuple):
    """An action in a state, and the card of its expert."""

    state: State
    action: Action
    card: Card


class Words(NamedTuple):
    """What an expert is handed, the user's own words for the same, and what the writing cost (USD, s)."""

    prompt: str
    asked: str
    usd: float = 0.0
    seconds: float = 0.0


class Wording(Protocol):
    """Writes the prompts of calls. `id` names it in configs and records."""

    id: str

    def write(self, calls: Sequence[Call]) -> list[Words]:
        """Same length and order as `calls`; never raises."""
        ...


class Policy(Protocol):
    """Batch of states and their masks [B, K] -> slot numbers [B]."""

    @property
    def id(self) -> str:
        """Name, as it is recorded."""
        ...

    def __call__(self, states: Sequence[State], mask: Any) -> list[int]:
        """One legal slot a state."""
        ...
