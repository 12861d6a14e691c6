"""The extractor that needs no model: long prompt -> plan by rules, and the next plan by the critic's scores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experts.poster.instruction import Instruction
from poser.extract.depend import depends
from poser.extract.meaning import Context, Meaning, follow, merged, safe, shared, understand
from poser.extract.split import Span, clauses, imperative, trimmed
from poser.parts import refuse
from poser.types import Attempt, Command, Plan, Planned, PoserError, State, Task

Read = tuple[Command, Instruction | None]
_CONTINUES = re.compile(r"(?:it|its|he|his|she|her|they|their|this|these|those|both|which|who)\b", re.I)


@dataclass(frozen=True)
class RulesExtractor:
    """Splits by `split`, understands by `meaning`, goes on by scores. A pure function of its arguments.

    Attributes:
        attempts: failed attempts after which a command is dropped, >= 1.
        threshold: score in [0, 1] from which a command is satisfied.
        reorder: a command that has one attempt left waits until after the others, unless one of them depends on it.
        requeue: a command that was done and has been undone since (`Critique.earlier` below `threshold`) is asked for
            again, once, after the others.
        merge: words up to which sentences that only describe are one command with the description before them.

    Raises `PoserError` for numbers out of range.
    """

    attempts: int = 3
    threshold: float = 0.5
    reorder: bool = True
    requeue: bool = False
    merge: int = 60

    id = "rules"

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise PoserError(f"extractor: attempts is {self.attempts}; give 1 or more")
        if not 0 <= self.threshold <= 1:
            raise PoserError(f"extractor: threshold is {self.threshold}; give a number from 0 to 1")

    def start(self, tasks: Sequence[Task]) -> list[Planned]:
        """`first` of each."""
        return [Planned(self.first(task)) for task in tasks]

    def next(self, attempts: Sequence[Attempt]) -> list[Planned]:
        """`follow` of each."""
        return [Planned(*self.follow(attempt.state, attempt.wanted, attempt.attempted)) for attempt in attempts]

    def first(self, task: Task) -> Plan:
        """The first plan: at least one command where the prompt has a non-space character. Never raises."""
        commands = [command for command, _ in _read(task.prompt, task.image is not None, self.merge)]
        return Plan(current=commands[0], remaining=tuple(commands[1:])) if commands else Plan()

    def follow(self, state: State, wanted: Sequence[float], attempted: Sequence[Command]) -> tuple[Plan, int]:
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
        after = Plan(kept + done, None, left + undone, plan.dropped)
        if not left or left[0] != plan.current:
            return self._advanced(state, after)
        failed = state.attempts + (plan.current in attempted)
        if failed >= self.attempts:
            return self._advanced(
                state, replace(after, remaining=after.remaining[1:], dropped=(*plan.dropped, plan.current))
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
            (done if score >= self.threshold and at is not None else left).append(command)
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


def load(settings: Mapping[str, Any], attempts: int, threshold: float) -> RulesExtractor:
    """The extractor that `settings` describes: its other attributes. Raises `PoserError` for one it does not have."""
    refuse("extractor rules", settings, ("reorder", "requeue", "merge"))
    return RulesExtractor(attempts, threshold, **settings)


def _at(command: Command) -> int:
    return command.span[0] if command.span else -1


def _read(prompt: str, pictured: bool, limit: int) -> list[Read]:
    """The commands of a prompt with what they mean in the poster world."""
    read: list[Read] = []
    context = Context(opening=not pictured)
    for span in clauses(prompt):
        whole = _continued(prompt, read, span, pictured, limit)
        if whole is not None:
            read[-1] = whole
            context = follow(Context(), whole[1]) if len(read) == 1 else context
            continue
        for part, words in _shares(prompt, span):
            meaning = understand(words, context)
            if words != prompt[slice(*part)] and not meaning.words:
                meaning = replace(meaning, words=safe(meaning.instruction) or words if meaning.instruction else words)
            read.append((_command(prompt, part, meaning), meaning.instruction))
            context = follow(context, meaning.instruction)
    return read


def _command(prompt: str, span: Span, meaning: Meaning) -> Command:
    return Command(prompt[slice(*span)], meaning.verb, span, meaning.words)


def _shares(prompt: str, span: Span) -> list[tuple[Span, str]]:
    """A clause, or the parts of one that share a verb, each with words that stand alone but for pronouns."""
    start, end = span
    parts = [(trimmed(prompt, start + a, start + b), words) for a, b, words in shared(prompt[start:end])]
    return parts if parts and all(a < b for (a, b), _ in parts) else [(span, prompt[start:end])]


def _continued(prompt: str, read: list[Read], span: Span, pictured: bool, limit: int) -> Read | None:
    """The command before `span` together with it, where `span` only goes on describing, else None."""
    text = prompt[slice(*span)]
    if not read or imperative(text):
        return None
    before, known = read[-1]
    whole = (before.span[0] if before.span else 0, span[1])
    opening = len(read) == 1 and not pictured and before.verb == "generate"
    if known is not None:
        more = understand(text, Context()).instruction if opening else None
        poster = merged(known, more) if more else None
        return (_command(prompt, whole, Meaning("generate", poster, safe(poster) or "")), poster) if poster else None
    if not (opening or _CONTINUES.match(text)) or len(prompt[slice(*whole)].split()) > limit:
        return None
    meaning = understand(prompt[slice(*whole)], Context(opening=opening)) if opening else Meaning(before.verb)
    return _command(prompt, whole, meaning), meaning.instruction
