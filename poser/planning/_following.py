"""The next plan by the critic's scores: what is done, what is tried again, what waits, what is given up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from poser.planning.text.depend import depends
from poser.protocols import Attempt, Planned
from poser.types import Command, Plan, PoserError, State


@dataclass(frozen=True)
class Following:
    """How plans go on. A pure function of its arguments.

    Attributes:
        attempts: failed attempts after which a command is dropped, >= 1.
        threshold: score in [0, 1] from which a command is satisfied.
        reorder: a command that has one attempt left waits until after the others, unless one of them depends on it.
        requeue: a command that was done and has been undone since (`Critique.earlier` below `threshold`) is asked for
            again, once, after the others.

    Raises `PoserError` for numbers out of range.
    """

    attempts: int = 3
    threshold: float = 0.5
    reorder: bool = True
    requeue: bool = False

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise PoserError(f"extractor: attempts is {self.attempts}; give 1 or more")
        if not 0 <= self.threshold <= 1:
            raise PoserError(f"extractor: threshold is {self.threshold}; give a number from 0 to 1")

    def next(self, attempts: Sequence[Attempt]) -> list[Planned]:
        """`follow` of each."""
        return [Planned(*self.follow(*attempt)) for attempt in attempts]

    def follow(
        self, state: State, wanted: Sequence[float], attempted: Sequence[Command], feedback: str = ""
    ) -> tuple[Plan, int]:
        """The plan after an attempt at `attempted` that got the scores `wanted`, and its current's failed attempts.

        `state` holds the plan and the attempts from before the attempt, and the critique of the picture that was kept
        (its `earlier` belongs to `state.plan.done`). A score of NaN, like a missing one, is no verdict: the command is
        not done, and the attempt counts. Attempts are counted for the current command alone.
        """
        plan = state.plan
        if plan.current is None:
            return plan, 0
        done, left = self._scored(plan, wanted, attempted)
        undone = self._undone(state) if self.requeue else ()
        kept = tuple(command for command in plan.done if command not in undone)
        after = replace(plan, done=kept + done, current=None, remaining=left + undone, note="")
        if not left or left[0] != plan.current:
            return self._advanced(state, after)
        failed = state.attempts + (plan.current in attempted)
        if failed >= self.attempts:
            tries = f"{failed} attempt{'s' if failed > 1 else ''}"
            reason = f"after {tries}" + (f": {feedback}" if feedback else "")
            given_up = replace(plan.current, end="failed", reason=reason)
            return self._advanced(
                state, replace(after, remaining=after.remaining[1:], dropped=(*plan.dropped, given_up))
            )
        later = after.remaining[1:]
        if failed > state.attempts and self._may_wait(plan.current, later, failed):
            return self._advanced(state, replace(after, remaining=(*later, plan.current)))
        return replace(after, current=plan.current, remaining=later), failed

    def _scored(
        self, plan: Plan, wanted: Sequence[float], attempted: Sequence[Command]
    ) -> tuple[tuple[Command, ...], tuple[Command, ...]]:
        """The pending commands that are satisfied now, and the others."""
        scores = list(zip(attempted, wanted, strict=False))
        done: list[Command] = []
        left: list[Command] = []
        for command in plan.pending:
            at = next((k for k, (other, _) in enumerate(scores) if other == command), None)
            score = scores.pop(at)[1] if at is not None else 0.0
            if score >= self.threshold and at is not None:
                done.append(replace(command, end="done"))
            else:
                left.append(command)
        return tuple(done), tuple(left)

    def _may_wait(self, current: Command, later: Sequence[Command], failed: int) -> bool:
        """Whether a command with `failed` attempts goes behind `later`."""
        last = self.attempts > 1 and failed == self.attempts - 1
        known = current.span is not None and all(command.span is not None for command in later)
        return self.reorder and last and known and bool(later) and not any(depends(other, current) for other in later)

    def _advanced(self, state: State, plan: Plan) -> tuple[Plan, int]:
        """The next of `plan.remaining` becomes current; one that has waited comes back with one attempt left.

        Who has waited is read off the state: those who wait stand last; so one that comes earlier in the prompt than
        the command it follows has waited, and so has everything behind a current command that has.
        """
        if not plan.remaining:
            return plan, 0
        new, old = plan.remaining[0], state.plan.current
        waited = self._may_wait(old, state.plan.remaining, state.attempts) if old else False
        if old and old != new and new in state.plan.pending and self.reorder and self.attempts > 1:
            waited = waited or (_at(new) < _at(old))
        return replace(plan, current=new, remaining=plan.remaining[1:]), self.attempts - 1 if waited else 0

    def _undone(self, state: State) -> tuple[Command, ...]:
        """Done commands that the picture no longer shows, less those that were done late or for the second time."""
        plan, critique = state.plan, state.critique
        if critique is None or len(critique.earlier) != len(plan.done):
            return ()
        found, latest = [], max((_at(command) for command in plan.dropped), default=-1)
        for command, score in zip(plan.done, critique.earlier, strict=True):
            if score < self.threshold and _at(command) > latest:
                found.append(command)
            latest = max(latest, _at(command))
        return tuple(found)


def _at(command: Command) -> int:
    return command.span[0] if command.span else -1
