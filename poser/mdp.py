"""THE decision process as one map, in Gymnasium's functional form. Read this third, after the two `types.py`.

    start       MDP.start(tasks) -> states              plan, and ask what the first commands presuppose
    observation learned.observation.Observer(states)    'state' [B, D]: embed(current), embed(remaining), extras;
                                                        'cards' [B, K, F]: a row a slot; 'mask' [B, K]
    mask        MDP.mask(states) -> bool [B, K]         legal slots; once a step, checked here and nowhere else
    transition  MDP.step(states, slots) -> steps        five phases, each list to list: plan (pure), experts (device),
                                                        critic (device), reward (pure), fold (pure)
    reward      MDP.earned(...) -> {term: value}        every term by its name, and 'total'
    end         Step.terminated, Step.truncated         nothing is left to do, or 'stop'; the budget ran out

Every way to run an agent comes through here; there is no second loop.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from experts.types import Job, Request, Result
from poser import limits
from poser.actions import ActionSet, carried_out, held, request_of, waiting
from poser.protocols import Attempt, Call, Critic, Extractor, Planned, Wording, Words
from poser.reward import PAPER, gain, harmed, ready, refuted, reward, spoiled, value_of
from poser.types import Action, Command, Critique, InvalidAction, Look, PoserError, Spent, State, Step, Task
from poser.verdicts import verdicts

A = TypeVar("A")
B = TypeVar("B")


class Experts(Protocol):
    """What the transition needs of `experts.pool.Pool`."""

    def run(self, jobs: list[Job]) -> list[Result]:
        """Same length and order as `jobs`; nothing raises for one bad job."""
        ...


@dataclass(frozen=True)
class Rules:
    """The rules of an episode.

    threshold: score from which a command counts as satisfied, [0, 1].
    guard: a candidate whose value is lower than the current picture's, or that harms what was to be kept, is reverted.
    rest: turns for which an expert is masked after a failed call.
    premises: what a command takes for granted is asked first; where it does not hold, no call is spent on it.
    """

    threshold: float = 0.5
    guard: bool = True
    rest: int = 2
    premises: bool = True


def seed_of(task: Task, turn: int, expert: str) -> int:
    """The seed of a call, 0 .. 2**31 - 1: neither neighbours nor order can change a picture."""
    digest = hashlib.sha256(f"{task.seed}|{turn}|{expert}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


@dataclass(frozen=True)
class MDP:
    """Pool, critic, extractor, wording, action set and rules, bound together. Keeps no state of any episode.

    `weights`: of the terms of the reward; `size`: (width, height) of what is drawn from text, px.
    """

    pool: Experts
    critic: Critic
    extractor: Extractor
    wording: Wording
    actions: ActionSet
    rules: Rules = Rules()
    weights: Mapping[str, float] = field(default_factory=PAPER.copy)
    size: tuple[int, int] | None = None

    def start(self, tasks: Sequence[Task]) -> list[State]:
        """The first states. Raises `PoserError` for an empty prompt, and one of too many commands."""
        if any(not task.prompt.strip() for task in tasks):
            raise PoserError("the prompt is empty; say what the picture should show")
        read = self._looked_at(tasks, [()] * len(tasks), read=True) if self.extractor.sees else [None] * len(tasks)
        planned = self.extractor.start(tasks, [critique.seen if critique else None for critique in read])
        pending = [plan.pending for plan, *_ in planned]
        limits.commands(max(map(len, pending), default=0))
        asked = self._looked_at(tasks, pending) if self.rules.premises else [None] * len(tasks)
        return [self._state(*row) for row in zip(tasks, planned, read, asked, strict=True)]

    def _looked_at(
        self, tasks: Sequence[Task], commands: Sequence[tuple[Command, ...]], read: bool = False
    ) -> list[Critique | None]:
        """What the critic says of the input pictures before anything is done: what it reads there, or whether what
        `commands` presuppose is there."""
        looks = [
            Look(task.image, None, None, (), (), following, read, task.references, task.mask)
            if task.image and (read or following)
            else None
            for task, following in zip(tasks, commands, strict=True)
        ]
        return _answered(looks, self._verdicts)

    def _state(self, task: Task, planned: Planned, read: Critique | None, asked: Critique | None) -> State:
        """The first state of a task."""
        plan, attempts, usd, seconds = planned
        value = 0.0 if task.image is None else 1.0 / (len(plan.commands) + 1)
        heard = [critique for critique in (read, asked) if critique is not None]
        spent = Spent(0, sum((c.usd for c in heard), usd), sum((c.seconds for c in heard), seconds))
        seen = read.seen if read is not None else None
        state = State(task, plan, image=task.image, value=value, attempts=attempts, spent=spent, seen=seen)
        if asked is not None:
            state = replace(state, refuted=refuted(plan.pending, asked, self.rules.threshold))
        return ready(state)

    def mask(self, states: Sequence[State]) -> np.ndarray:
        """Legal slots, bool [B, K]."""
        return self.actions.mask(states)

    def step(self, states: Sequence[State], slots: Sequence[int], mask: np.ndarray | None = None) -> list[Step]:
        """One step of each state: same length and order. `mask`: that of these states, where it is known already.

        Raises `InvalidAction` before anything runs.
        """
        actions = self._check(states, slots, self.mask(states) if mask is None else mask)
        words = self._words(states, actions)
        requests = [self._request(*row) for row in zip(states, actions, words, strict=True)]
        results = [held(*row) for row in zip(states, self._experts(actions, requests), strict=True)]
        critiques = self._critic(states, actions, results)
        outcomes = [
            self._outcome(*row) for row in zip(states, actions, words, requests, results, critiques, strict=True)
        ]
        plans = _answered([outcome.attempt for outcome in outcomes], self.extractor.next)
        return [self._step(outcome, planned) for outcome, planned in zip(outcomes, plans, strict=True)]

    def _check(self, states: Sequence[State], slots: Sequence[int], mask: np.ndarray) -> list[Action]:
        for row, state, slot in zip(mask, states, slots, strict=True):
            if not 0 <= slot < len(row) or not row[slot]:
                legal = ", ".join(str(self.actions.slots[k]) for k in np.flatnonzero(row)) or "none: the episode ended"
                raise InvalidAction(f"slot {slot} is not legal at turn {state.turn}; legal are {legal}")
        return [self.actions.slots[slot] for slot in slots]

    def _words(self, states: Sequence[State], actions: Sequence[Action]) -> list[Words | None]:
        calls = [
            Call(state, action, self.actions.cards[action.expert]) if action.expert is not None else None
            for state, action in zip(states, actions, strict=True)
        ]
        return _answered(calls, self.wording.write)

    def _request(self, state: State, action: Action, words: Words | None) -> Request | None:
        if words is None or action.expert is None:
            return None
        card = self.actions.cards[action.expert]
        return request_of(state, card, words, seed_of(state.task, state.turn, card.id), self.size)

    def _experts(self, actions: Sequence[Action], requests: Sequence[Request | None]) -> list[Result | None]:
        jobs = [
            Job(action.expert or "", request) if request is not None else None
            for action, request in zip(actions, requests, strict=True)
        ]
        return _answered(jobs, self.pool.run)

    def _critic(
        self, states: Sequence[State], actions: Sequence[Action], results: Sequence[Result | None]
    ) -> list[Critique | None]:
        looks = [
            Look(
                result.image,
                state.task.image,
                state.image,
                state.plan.done,
                carried_out(state.plan, action.scope),
                waiting(state.plan, action.scope) if self.rules.premises else (),
                references=state.task.references,
                mask=state.task.mask,
            )
            if result is not None and result.image is not None
            else None
            for state, action, result in zip(states, actions, results, strict=True)
        ]
        return _answered(looks, self._verdicts)

    def _verdicts(self, looks: Sequence[Look]) -> list[Critique]:
        return verdicts(self.critic, looks)

    def _outcome(
        self,
        state: State,
        action: Action,
        words: Words | None,
        request: Request | None,
        result: Result | None,
        critique: Critique | None,
    ) -> _Outcome:
        """What the step came to, before the plan goes on."""
        if words is None or result is None:
            return _Outcome(state, action, None, None, None, False, replace(state, last=action))
        costs = (words, result, *((critique,) if critique else ()))
        spent = Spent(
            state.spent.steps + 1,
            sum((cost.usd for cost in costs), state.spent.usd),
            sum((cost.seconds for cost in costs), state.spent.seconds),
        )
        down = tuple((name, until) for name, until in state.down if until > state.turn + 1)
        after = replace(state, turn=state.turn + 1, last=action, spent=spent, down=down)
        if critique is None:
            after = replace(after, down=(*down, (action.expert or "", state.turn + 1 + self.rules.rest)))
            return _Outcome(state, action, request, result, None, False, after)
        judged = not math.isnan(critique.score)
        value = value_of(state.plan, critique) if judged else state.value
        critique = replace(critique, harmed=harmed(state, critique, self.rules.threshold))
        worse = self.rules.guard and (value < state.value or spoiled(state, critique))
        accepted = state.image is None or (judged and not worse)
        if accepted:
            later = waiting(state.plan, action.scope)
            unfounded = refuted(later, critique, self.rules.threshold) if self.rules.premises else ()
            edits = state.edits + 1 if request is not None and request.images else 0
            after = replace(after, image=result.image, value=value, verdict=critique, refuted=unfounded, edits=edits)
        return _Outcome(state, action, request, result, critique, accepted, replace(after, critique=critique))

    def _step(self, outcome: _Outcome, planned: Planned | None) -> Step:
        """The step, with the next plan where there was a verdict."""
        state, action, request, result, critique, accepted, after = outcome
        if planned is not None:
            plan, attempts, usd, seconds = planned
            same = plan.current == state.plan.current and attempts > state.attempts
            tried = (*state.tried, action.expert or "") if same else ()
            spent = replace(after.spent, usd=after.spent.usd + usd, seconds=after.spent.seconds + seconds)
            after = ready(replace(after, plan=plan, attempts=attempts, tried=tried, spent=spent))
        terminated = result is None or after.plan.current is None
        truncated = after.task.budget.over(after.spent) and not terminated
        terms = self.earned(state, action, result, critique, accepted, after)
        after = replace(after, ended=terminated or truncated)
        return Step(state, action, request, result, critique, terms, accepted, after, terminated, truncated)

    def earned(
        self,
        before: State,
        action: Action,
        result: Result | None,
        critique: Critique | None,
        accepted: bool,
        after: State,
    ) -> dict[str, float]:
        """The reward of a step, term by term, under this transition's weights and cards."""
        seconds = self.actions.cards[action.expert].seconds if action.expert else 0.0
        return reward(self.weights, result, critique, accepted, gain(before, after), after.task.price, seconds)


class _Outcome(NamedTuple):
    """A step without its next plan; `critique` None: nothing was judged."""

    before: State
    action: Action
    request: Request | None
    result: Result | None
    critique: Critique | None
    accepted: bool
    after: State

    @property
    def attempt(self) -> Attempt | None:
        """What the extractor is told; None where nothing was judged."""
        critique = self.critique
        if critique is None:
            return None
        judged = not math.isnan(critique.score)
        good = self.accepted and not spoiled(self.before, critique)
        scores = critique.wanted if good or not judged else tuple(0.0 for _ in critique.wanted)
        seen = replace(self.before, critique=critique, image=self.after.image) if self.accepted else self.before
        return Attempt(seen, scores, carried_out(self.before.plan, self.action.scope), critique.feedback)


def _answered(asked: Sequence[A | None], answer: Callable[[list[A]], list[B]]) -> list[B | None]:
    """What `answer` says to those that are there, all in one call; None in the places of the others."""
    there = [item for item in asked if item is not None]
    places = [k for k, item in enumerate(asked) if item is not None]
    found = dict(zip(places, answer(there) if there else [], strict=True))
    return [found.get(k) for k in range(len(asked))]
