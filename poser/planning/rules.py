"""The extractor of free text that needs no model: a long prompt is cut into commands, each with its verb."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experts.poster.scene import Scene
from poser.planning._following import Following
from poser.planning.text.keywords import keyword
from poser.planning.text.split import Span, clauses, imperative
from poser.plugins import Context
from poser.protocols import Planned
from poser.types import Command, Plan, Task

KEYS = ("reorder", "requeue", "merge")

_CONTINUES = re.compile(r"(?:it|its|he|his|she|her|they|their|this|these|those|both|which|who)\b", re.I)


@dataclass(frozen=True)
class RulesExtractor(Following):
    """Splits by `split`, names verbs by `keywords`, goes on by scores. A pure function of its arguments.

    `merge`: words up to which sentences that only describe are one command with the description before them.
    """

    merge: int = 60

    id = "rules"
    sees = False

    def start(self, tasks: Sequence[Task], seen: Sequence[Scene | None] = ()) -> list[Planned]:
        """`first` of each."""
        return [Planned(self.first(task)) for task in tasks]

    def first(self, task: Task) -> Plan:
        """The first plan: at least one command where the prompt has a non-space character. Never raises."""
        commands = list[Command]()
        for span in clauses(task.prompt):
            whole = self._continued(task, commands, span)
            if whole is not None:
                commands[-1] = whole
                continue
            text = task.prompt[slice(*span)]
            opening = not commands and task.image is None
            commands.append(Command(text, "generate" if opening else keyword(text), span))
        return Plan(current=commands[0], remaining=tuple(commands[1:])) if commands else Plan()

    def _continued(self, task: Task, commands: Sequence[Command], span: Span) -> Command | None:
        """The command before `span` together with it, where `span` only goes on describing, else None."""
        text = task.prompt[slice(*span)]
        if not commands or imperative(text):
            return None
        before = commands[-1]
        whole = (before.span[0] if before.span else 0, span[1])
        opening = len(commands) == 1 and task.image is None and before.verb == "generate"
        words = task.prompt[slice(*whole)]
        if not (opening or _CONTINUES.match(text)) or len(words.split()) > self.merge:
            return None
        return replace(before, text=words, span=whole)


def load(settings: Mapping[str, Any], context: Context) -> RulesExtractor:
    """The extractor that `settings` describes: its other attributes."""
    return RulesExtractor(context.attempts, context.threshold, **settings)
