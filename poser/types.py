"""The types of the agent. Read this second, after `experts.types`. Scores are in [0, 1]; NaN means 'no verdict'."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from PIL import Image

from experts.poster.instruction import Instruction
from experts.poster.scene import Scene
from experts.types import Request, Result, Verb, Wish

Scope = Literal["current", "first 2", "first 3", "first 4", "first 5", "first 6", "first 7", "first 8", "all", "stop"]
"""What an expert is handed: this command, the next K, everything that is pending, or nothing more."""
End = Literal["", "done", "not understood", "not possible", "failed", "left over"]
"""How a command ended ('': it has not). not understood: said before a call is spent · not possible: what it presupposes
is not in the picture, or it contradicts another · failed: after its attempts · left over: budget, or 'stop'."""


class PoserError(Exception):
    """A problem that the user can mend; the message is one line: what was wrong, the value, what to type."""


class InvalidAction(PoserError):
    """An action that the mask forbids in this state."""


@dataclass(frozen=True)
class Command:
    """One instruction of the prompt.

    Attributes:
        text: the user's words.
        verb: what it asks for.
        span: [start, end) in the prompt; None where the words are not a stretch of it.
        words: the same, rewritten so that it stands alone (pronouns resolved, the experts' own vocabulary).
        failed: failed attempts that it brings along where it was put back, or made of commands that had failed.
        meaning: what planning understood, in the symbols of the poster world; None for free text.
        end, reason: how it ended, and why, in words.
        order: its place among the commands of the first plan. What a picture should show in the end is decided in this
            order, whichever way they were carried out.
    """

    text: str
    verb: Verb = "other"
    span: tuple[int, int] | None = None
    words: str = ""
    failed: int = field(default=0, compare=False)
    meaning: Instruction | None = field(default=None, compare=False)
    end: End = field(default="", compare=False)
    reason: str = field(default="", compare=False)
    order: int = field(default=0, compare=False)

    @property
    def wording(self) -> str:
        """`words`, or `text` where nothing was rewritten."""
        return self.words or self.text


def in_order(commands: Sequence[Command]) -> tuple[Command, ...]:
    """Commands as they were asked for one after the other."""
    return tuple(sorted(commands, key=lambda command: command.order))


@dataclass(frozen=True)
class Plan:
    """Where the prompt stands: what is done (oldest first), what is worked on, what waits, what was given up.

    Attributes:
        dropped: each with its `end` and `reason`.
        settled: what needed no call: what is so already, a prohibition, a condition that does not hold.
        note: how the plan came about; notes: what was chosen where the words leave it open.
    """

    done: tuple[Command, ...] = ()
    current: Command | None = None
    remaining: tuple[Command, ...] = ()
    dropped: tuple[Command, ...] = ()
    note: str = field(default="", compare=False)
    settled: tuple[Command, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def pending(self) -> tuple[Command, ...]:
        """The current command and the remaining ones."""
        return ((self.current,) if self.current else ()) + self.remaining

    @property
    def commands(self) -> tuple[Command, ...]:
        """Every command: done, pending, dropped."""
        return self.done + self.pending + self.dropped


@dataclass(frozen=True)
class Budget:
    """What an episode may spend: expert calls, USD, seconds of experts and critic (inf: no limit)."""

    steps: int = 6
    usd: float = math.inf
    seconds: float = math.inf

    def over(self, spent: Spent) -> bool:
        """Whether nothing more may be spent."""
        return spent.steps >= self.steps or spent.usd >= self.usd or spent.seconds >= self.seconds


@dataclass(frozen=True)
class Price:
    """What a second of experts and a US dollar cost, in units of reward (1: one command carried out), >= 0."""

    second: float = 0.0
    usd: float = 0.0


@dataclass(frozen=True)
class Task:
    """What is asked for.

    Attributes:
        image: the input picture that is to be changed, RGB; references: further pictures that the prompt speaks of.
        id: names it in records.
        alpha: pictures may be transparent (RGBA) where an expert gives that, and the input pictures too.
        mask: where the input picture may change, mode 'L' of its size, 255 there and 0 elsewhere: outside of it every
            pixel stays exactly as it was. None: everywhere.
        size: the wished (width, height) of what is drawn from words, px; None: the preset's.
        wishes: quality, transparent ground; an expert whose card does not know one goes on without.
    """

    prompt: str
    image: Image.Image | None = None
    seed: int = 0
    budget: Budget = field(default_factory=Budget)
    id: str = ""
    price: Price = Price()
    alpha: bool = False
    references: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    size: tuple[int, int] | None = None
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True)
class Spent:
    """What an episode has used so far: expert calls, USD, seconds (experts and critic)."""

    steps: int = 0
    usd: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """A critic's question, P(yes) in [0, 1] (NaN: no verdict), the answer that is wanted, and what it is about: 'item',
    'attribute', 'background', 'count', 'anything' (whether there is one), '' where nobody says."""

    question: str
    yes: float
    wanted: bool = True
    kind: str = ""

    @property
    def score(self) -> float:
        """Probability of the wanted answer."""
        return self.yes if self.wanted else 1.0 - self.yes


@dataclass(frozen=True)
class Look:
    """What a critic is asked about one candidate.

    Attributes:
        image: the candidate, RGB.
        start: the task's input picture, None for text-to-image tasks.
        before: the picture that the candidate would replace, None at first.
        earlier: commands done before, oldest first; they must still hold.
        wanted: the commands just carried out: the current one, or all that were pending.
        next: commands that come after these: what they presuppose is asked of the candidate.
        read: whether the critic is to say what it reads in the picture as a whole.
        references: the task's further pictures, which commands may speak of.
        mask: where alone the input picture may have changed (white): outside of it every pixel is the input's own.
    """

    image: Image.Image
    start: Image.Image | None
    before: Image.Image | None
    earlier: tuple[Command, ...]
    wanted: tuple[Command, ...]
    next: tuple[Command, ...] = ()
    read: bool = False
    references: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None


class Premise(NamedTuple):
    """What a command takes for granted: the probability that it holds, [0, 1] (NaN: nobody can tell), and what is to be
    said where it does not ('there is no circle')."""

    score: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class Critique:
    """A critic's verdict on one candidate.

    Attributes:
        wanted: score of each command of `Look.wanted`.
        earlier: score of each command of `Look.earlier`.
        kept: share of the input picture's untouched content that is still there; NaN without an input picture.
        identity: how much the untouched things look as they did in the input picture (`experts.images.likeness`); NaN
            without an input picture, or where nobody measured it.
        quality: how clean the picture is; NaN where the critic does not judge it.
        feedback: what is wrong, in words; '' where nothing is.
        answers: the questions behind the scores.
        critic: id and version.
        uncertainty: how far several critics disagree about `wanted` (mean standard deviation); NaN where one spoke.
        harmed: what had to be kept and is not any more, in words ('the heart is not red').
        premises: one a command of `Look.next`; () where the critic does not judge them.
        seen: the scene that it reads in the picture, where it was asked to and can.
    """

    wanted: tuple[float, ...]
    earlier: tuple[float, ...] = ()
    kept: float = math.nan
    identity: float = math.nan
    quality: float = math.nan
    feedback: str = ""
    answers: tuple[Answer, ...] = ()
    critic: str = ""
    usd: float = 0.0
    seconds: float = 0.0
    uncertainty: float = math.nan
    harmed: tuple[str, ...] = ()
    premises: tuple[Premise, ...] = ()
    seen: Scene | None = None

    @property
    def score(self) -> float:
        """Mean score of the wanted commands; NaN where any has no verdict."""
        return sum(self.wanted) / len(self.wanted) if self.wanted else math.nan


class Action(NamedTuple):
    """A slot of the action set: an expert and what it is handed; `Action(None, 'stop')` delivers the picture."""

    expert: str | None
    scope: Scope

    def __str__(self) -> str:
        return "stop" if self.expert is None else f"{self.expert}/{self.scope}"


@dataclass(frozen=True)
class State:
    """Everything the agent knows between two steps.

    Attributes:
        image: the best picture so far, None before the first.
        value: its worth in the critic's eyes: the mean score over all commands (and over what was to be kept), [0, 1].
        attempts: failed attempts at `plan.current`.
        tried: experts that failed at `plan.current` so far, oldest first, once a failure.
        last: the last action taken; `critique`: the last verdict.
        down: experts that failed, with the turn at which they may be tried again.
        verdict: the verdict on `image`; None where nobody judged it (an input picture).
        refuted: pending commands whose premises do not hold in `image`, with what is to be said.
        seen: what the critic read in the input picture, where it was asked to and can.
        edits: accepted edits that `image` has come through since it was given or drawn.
    """

    task: Task
    plan: Plan
    image: Image.Image | None = None
    value: float = 0.0
    turn: int = 0
    attempts: int = 0
    last: Action | None = None
    critique: Critique | None = None
    spent: Spent = field(default_factory=Spent)
    down: tuple[tuple[str, int], ...] = ()
    ended: bool = False
    tried: tuple[str, ...] = ()
    verdict: Critique | None = None
    refuted: tuple[tuple[Command, str], ...] = ()
    seen: Scene | None = None
    edits: int = 0


@dataclass(frozen=True)
class Step:
    """One transition. `request`, `result` and `critique` are None after 'stop'; `critique` is None after a failure.

    `reward` has every term by name and 'total'; `terminated`: nothing is left to do, or 'stop'; `truncated`: the budget
    ran out.
    """

    before: State
    action: Action
    request: Request | None
    result: Result | None
    critique: Critique | None
    reward: Mapping[str, float]
    accepted: bool
    after: State
    terminated: bool
    truncated: bool


@dataclass(frozen=True)
class Trajectory:
    """A whole episode, with what is needed to trust and to repeat it. `plan`: the first one, before any step."""

    task: Task
    steps: tuple[Step, ...]
    policy: str
    actions: str
    config: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    plan: Plan = Plan()

    @property
    def images(self) -> list[Image.Image]:
        """The delivered picture, in a list (empty where none was made, or nothing of the prompt was understood): the
        form of a diffusers output."""
        plan = self.plan
        left = plan.done or plan.pending or plan.settled
        if plan.dropped and not left and all(command.end == "not understood" for command in plan.dropped):
            return []
        image = self.steps[-1].after.image if self.steps else self.task.image
        return [image] if image is not None else []
