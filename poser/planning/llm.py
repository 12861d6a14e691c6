"""The extractor that asks a language model: long prompt -> plan, and after a step the plan revised, as in the paper.

The model orders, merges, splits and words commands, and may give up those that have failed. What is done is decided by
the critic's scores, and what is dropped after how many failures by the rules of the episode: never by the model. Where
it gives no usable answer, the plan is that of 'rules', and says so.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from experts.poster.scene import Scene
from experts.types import Failure
from poser import llm as chats
from poser.llm import Chat, Query
from poser.llm.prompts import Prompt, prompt
from poser.planning.poster import understood
from poser.planning.rules import RulesExtractor
from poser.planning.text.pieces import Pieces, Revision, plan_of, revised, wrong_with, wrong_with_revision
from poser.plugins import Context, Requirements
from poser.protocols import Attempt, Planned
from poser.types import Command, PoserError, Task

LOG = logging.getLogger(__name__)
Every = Literal["step", "failure", "start"]
"""When it is asked for a revision: after every step, after one that did not satisfy everything, or never."""
OWN = ("every", "pictures", "most", "plan", "replan", "world")
KEYS = (*chats.KEYS, *OWN)


class LlmExtractor:
    """Plans by `chat`, scores and counts by `rules`.

    Args:
        rules: attempts and threshold; also what plans where the model does not.
        plan, replan: the words of the first plan and of the next ones.
        every: when the plan is revised.
        pictures: the model is shown the picture (it must be one that sees).
        most: commands at most.
        world: 'poster': commands get their meaning in the embedded world, for its experts and its critic; '': none.
    """

    def __init__(
        self,
        chat: Chat,
        rules: RulesExtractor,
        plan: Prompt,
        replan: Prompt,
        every: Every = "failure",
        pictures: bool = False,
        most: int = 40,
        world: Literal["", "poster"] = "",
    ) -> None:
        self.chat, self.every, self.pictures, self.most, self.world = chat, every, pictures, most, world
        self.rules = replace(rules, reorder=False)  # the model orders, and commands bring their failures along
        self._plan, self._replan = plan, replan

    @property
    def sees(self) -> bool:
        """With a world, it plans with what the critic reads in the input picture."""
        return bool(self.world)

    @property
    def id(self) -> str:
        """'llm:MODEL:PROMPT@DIGEST+PROMPT@DIGEST'."""
        return f"llm:{self.chat.model}:{self._plan.id}+{self._replan.id}"

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        return self.chat.endpoint.requirements()

    def start(self, tasks: Sequence[Task], seen: Sequence[Scene | None] = ()) -> list[Planned]:
        """The first plans. Raises `PoserError` where there is no key."""
        replies = self.chat.ask([self._first(task) for task in tasks], Pieces)
        found = []
        for task, scene, reply in zip(tasks, seen or [None] * len(tasks), replies, strict=True):
            if reply.value is None:
                plan = replace(self.rules.first(task), note=_left(reply.failure))
            else:
                plan = plan_of(reply.value, task.prompt, f"by {self.id}")
            plan = understood(plan, scene) if self.world else plan
            found.append(Planned(plan, 0, reply.usd, reply.seconds))
        return found

    def next(self, attempts: Sequence[Attempt]) -> list[Planned]:
        """The plans after these attempts: scored by rule, then revised where `every` says so."""
        scored = [self._scored(attempt) for attempt in attempts]
        at = [k for k, attempt in enumerate(attempts) if scored[k].plan.current and self._asks(attempt)]
        queries = [self._next(attempts[k], scored[k]) for k in at]
        for k, reply in zip(at, self.chat.ask(queries, Revision) if queries else [], strict=True):
            planned = scored[k]
            if reply.value is None:
                planned = planned._replace(plan=replace(planned.plan, note=_left(reply.failure)))
            else:
                planned = self._revised(planned, reply.value, attempts[k].state.task.prompt)
            scored[k] = planned._replace(usd=reply.usd, seconds=reply.seconds)
        return scored

    def _scored(self, attempt: Attempt) -> Planned:
        """The plan by score and count alone; a command that has waited comes back with its failed attempts."""
        plan, failed = self.rules.follow(*attempt)
        current = plan.current
        if current is None:
            return Planned(plan)
        failed = max(failed, current.failed)
        return Planned(replace(plan, current=replace(current, failed=failed)), failed)

    def _asks(self, attempt: Attempt) -> bool:
        missed = any(not score >= self.rules.threshold for score in attempt.wanted)  # NaN: no verdict
        return self.every == "step" or (self.every == "failure" and missed)

    def _first(self, task: Task) -> Query:
        data = {"prompt": task.prompt, "picture": _there(task.image), "most": self.most}
        pictures = (("the user's picture", task.image),) if self.pictures and task.image is not None else ()

        def check(pieces: Pieces) -> str:
            return wrong_with(pieces, task.prompt, self.most)

        return Query(self._plan, data, pictures, check)

    def _next(self, attempt: Attempt, scored: Planned) -> Query:
        state, plan = attempt.state, scored.plan
        data = {
            "prompt": state.task.prompt,
            "done": [command.wording for command in plan.done],
            "dropped": [command.wording for command in plan.dropped],
            "pending": [_row(number, command) for number, command in enumerate(plan.pending, start=1)],
            "last": {
                "tried": [command.wording for command in attempt.attempted],
                "scores": [None if math.isnan(score) else round(score, 3) for score in attempt.wanted],
                "feedback": attempt.feedback,
            },
            "picture": _there(state.image),
            "most": self.most,
        }
        pictures = (("how things stand", state.image),) if self.pictures and state.image is not None else ()

        def check(revision: Revision) -> str:
            return wrong_with_revision(revision, plan.pending, state.task.prompt, self.most)

        return Query(self._replan, data, pictures, check)

    def _revised(self, planned: Planned, revision: Revision, prompt: str) -> Planned:
        plan = planned.plan
        why = "the planner gave it up"
        gone = tuple(
            replace(plan.pending[number - 1], end="failed", reason=why) for number in sorted(set(revision.drop))
        )
        pending = revised(revision, plan.pending, prompt)
        current = pending[0] if pending else None
        after = replace(plan, current=current, remaining=pending[1:], dropped=plan.dropped + gone, note=f"by {self.id}")
        return Planned(after, current.failed if current else 0)


def _row(number: int, command: Command) -> dict[str, Any]:
    return {
        "number": number,
        "text": command.text,
        "words": command.words,
        "verb": command.verb,
        "failed": command.failed,
    }


def _there(picture: Any) -> str:
    return "none yet" if picture is None else "there is one"


def _left(failure: Failure | None) -> str:
    """The note of a plan that was left to the rules."""
    why = f"{failure.kind}: {failure.message}" if failure else "no answer"
    LOG.warning("extractor llm: the model gave no plan (%s); 'rules' plans instead", why)
    return f"by rules: the model gave no plan ({why})"


def load(settings: Mapping[str, Any], context: Context) -> LlmExtractor:
    """The extractor that `settings` describes: the keys of a chat (`poser.llm.Chat.of`), `every` ('step', 'failure',
    'start'), `pictures`, `most` (commands), `world` ('poster'), and the names of the prompts `plan` and `replan`.

    Raises `PoserError` for a key that it does not know, or a value that cannot be.
    """
    chat = Chat.of("extractor llm", settings, OWN)
    every, most, pictures = settings.get("every", "failure"), settings.get("most", 40), settings.get("pictures", False)
    if every not in get_args(Every):
        raise PoserError(f"extractor llm: every is {every!r}; type one of {', '.join(get_args(Every))}")
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise PoserError(f"extractor llm: most is {most!r}; give a whole number from 1")
    if not isinstance(pictures, bool):
        raise PoserError(f"extractor llm: pictures is {pictures!r}; type true or false")
    world = settings.get("world", "")
    if world not in ("", "poster"):
        raise PoserError(f"extractor llm: world is {world!r}; type poster, or leave it out")
    words = [prompt(str(settings.get(name, usual))) for name, usual in (("plan", "plan-2"), ("replan", "replan-1"))]
    rules = RulesExtractor(context.attempts, context.threshold)
    return LlmExtractor(chat, rules, words[0], words[1], every, pictures, most, world)
