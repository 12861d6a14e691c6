"""A language model chooses: it is shown the cards and the commands, and answers with an expert and a scope.

`planner` takes POSER_PLANNER_MODEL at POSER_PLANNER_URL (any OpenAI-compatible endpoint) with the key OPENAI_API_KEY,
where one is set; `planner:MODEL@URL` or `planner:MODEL` says it on the command line. An answer is checked against the
mask, asked for again with what was wrong, and left to 'greedy' after that: a planner that is not there never ends an
episode.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from poser.actions import ActionSet
from poser.llm import Chat, Endpoint, Form, Query
from poser.llm.prompts import prompt
from poser.plugins import Context
from poser.policies.greedy import Greedy
from poser.protocols import Policy
from poser.types import PoserError, State

WORDS = "choose-1"
KEY = "OPENAI_API_KEY"
_log = logging.getLogger(__name__)


class Choice(Form):
    """What is chosen: a slot of the action set, by its names."""

    expert: str | None
    scope: str


class Planner:
    """Asks `chat` once a state, all states of a batch at once.

    `asked` counts the requests, `left` the choices that were left to 'greedy', `why` says what went wrong last.
    """

    def __init__(self, chat: Chat, actions: ActionSet) -> None:
        self.chat, self.actions, self.words = chat, actions, prompt(WORDS)
        self.id = f"planner:{chat.model}:{self.words.id}"
        self.fallback = Greedy(actions)
        self.asked, self.left, self.why = 0, 0, ""

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state; never raises for what the endpoint does."""
        if not states:
            return []
        rows = np.asarray(mask, bool)
        replies = self.chat.ask([self._query(state, row) for state, row in zip(states, rows, strict=True)], Choice)
        slots = self.fallback(states, rows)
        for k, (reply, row) in enumerate(zip(replies, rows, strict=True)):
            self.asked += reply.requests
            slot = chosen(reply.value, row, self.actions) if reply.value else None
            if slot is not None:
                slots[k] = slot
                continue
            why = reply.failure.message if reply.failure else "no legal choice"
            if not self.left:
                _log.warning("the planner gave no legal choice (%s); 'greedy' chooses where that happens", why)
            self.left, self.why = self.left + 1, why
        return slots

    def _query(self, state: State, row: np.ndarray) -> Query:
        def check(choice: Choice) -> str:
            if chosen(choice, row, self.actions) is not None:
                return ""
            legal = ", ".join(str(self.actions.slots[k]) for k in np.flatnonzero(row))
            return f"that may not be chosen here; legal (expert/scope) are: {legal}"

        return Query(self.words, shown(state, row, self.actions), (), check)


def shown(state: State, row: np.ndarray, actions: ActionSet) -> dict[str, Any]:
    """What the model is shown of a state and its mask [K]: plain data, no picture."""
    plan, legal = state.plan, [actions.slots[k] for k in np.flatnonzero(row)]
    experts = [actions.cards[name] for name in dict.fromkeys(action.expert for action in legal) if name]
    return {
        "picture": "none yet" if state.image is None else "there is one",
        "done": [command.wording for command in plan.done],
        "pending": [{"command": command.wording, "verb": command.verb} for command in plan.pending],
        "failed_attempts_at_first_pending": state.attempts,
        "failed_there": list(state.tried),
        "feedback": state.critique.feedback if state.critique else "",
        "calls_left": state.task.budget.steps - state.spent.steps,
        "models": [
            {
                "id": card.id,
                "mode": card.mode,
                "made_for": list(card.verbs),
                "description": card.description,
                "seconds": card.seconds,
                "usd": card.usd,
            }
            for card in experts
        ],
        "legal": [{"expert": action.expert, "scope": action.scope} for action in legal],
    }


def chosen(choice: Choice, row: np.ndarray, actions: ActionSet) -> int | None:
    """The legal slot that a choice names, or None."""
    for slot in np.flatnonzero(row):
        action = actions.slots[slot]
        stops = action.expert is None and choice.scope == "stop"
        if stops or (action.expert is not None and (choice.expert, choice.scope) == action):
            return int(slot)
    return None


def endpoint(argument: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the endpoint (`poser.llm.Endpoint`) that `MODEL@URL`, `MODEL` or '' and the environment name.

    Raises `PoserError` where no model is named, neither URL nor key is there, or the URL is none.
    """
    named = re.fullmatch(r"(.+?)@(\w+://.+)", argument)
    if "://" in argument and not named:
        raise PoserError(f"planner {argument!r}: no model is named; write planner:MODEL@URL")
    model, url = named.groups() if named else (argument, "")
    model = model or environ.get("POSER_PLANNER_MODEL", "")
    url, key = url or environ.get("POSER_PLANNER_URL", ""), KEY if environ.get(KEY, "").strip() else None
    if not model or not (url or key):
        raise PoserError(
            "no endpoint for the planner; set POSER_PLANNER_URL and POSER_PLANNER_MODEL, or write planner:MODEL@URL"
        )
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise PoserError(f"planner: {url!r} is no URL of an endpoint; write for example http://localhost:8000/v1")
    return {"model": model, "base_url": url or None, "key": key}


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """`planner`, `planner:MODEL` or `planner:MODEL@URL`. Raises `PoserError` where no endpoint is configured."""
    argument = str(settings.get("argument", ""))
    actions = context.slots
    return Planner(Chat(Endpoint("planner", endpoint(argument, os.environ)), again=1), actions)
