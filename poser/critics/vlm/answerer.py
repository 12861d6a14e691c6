"""Typed decisions: questions about pictures -> P(yes), in as few requests as the protocol allows."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from experts.api import Answer, BadAnswer, Fault, Tokens
from experts.failures import MAX_MESSAGE
from poser.critics.questions.asking import Ask, Said
from poser.critics.vlm.protocols import PROTOCOLS
from poser.llm import SIDE, Endpoint
from poser.llm.answers import Answers, Key, digest_of
from poser.llm.prompts import Prompt
from poser.llm.wire import PICTURE
from poser.plugins import Requirements
from poser.types import PoserError

LOG = logging.getLogger(__name__)


class Group(NamedTuple):
    """Questions about one picture that go in one request, under the keys by which their answers are remembered."""

    keys: tuple[Key, ...]
    asks: tuple[Ask, ...]


class Answerer:
    """A decision model that is asked yes/no questions.

    Args:
        endpoint: which, and where.
        protocol: one of `PROTOCOLS`.
        words: what the model is told before the question.
        answers: a file that keeps every answer (`memory.Answers`).
        side: pictures are sent with at most that many px a side.
    """

    def __init__(
        self, endpoint: Endpoint, protocol: str, words: Prompt, answers: str | Path | None = None, side: int = SIDE
    ) -> None:
        self.endpoint, self.protocol, self.words, self.side = endpoint, PROTOCOLS[protocol], words, side
        self._file, self._answered = answers, False

    @property
    def id(self) -> str:
        """'MODEL:PROMPT@DIGEST'."""
        return f"{self.endpoint.terms.model}:{self.words.id}"

    def requirements(self) -> Requirements:
        """The service."""
        return self.endpoint.requirements()

    @cached_property
    def memory(self) -> Answers[float]:
        """What it answered before."""
        return Answers(self._file, f"decisions {self.endpoint.terms.base_url} {self.id} {self.side}")

    def ask(self, asks: Sequence[Ask]) -> list[Said]:
        """P(yes) of each and its share of the price, same length and order; NaN where it was refused or no answer came.

        Raises `PoserError` where there is no key, or the address has no such endpoint or model.
        """
        keys = [(digest_of(ask.picture), ask.question) for ask in asks]
        known = self.memory.get(dict.fromkeys(keys))
        fresh = {key: ask for key, ask in zip(keys, asks, strict=True) if key[0] and key not in known}
        found = self._found(_groups(fresh, self.protocol.most)) if fresh else {}
        self.memory.put({key: said.yes for key, said in found.items() if math.isfinite(said.yes)})
        paid: set[Key] = set()
        said = []
        for key in keys:
            one = found.get(key, Said(known.get(key, math.nan)))
            said.append(Said(one.yes) if key in paid else one)  # the first who asks pays
            paid.add(key)
        return said

    def _found(self, groups: list[Group]) -> dict[Key, Said]:
        self.endpoint.ready()
        seats = min(self.endpoint.terms.limits.concurrency, len(groups))
        with ThreadPoolExecutor(seats, "decisions") as threads:
            rows = list(threads.map(self._one, groups))
        return {key: said for row in rows for key, said in row.items()}

    def _one(self, group: Group) -> dict[Key, Said]:
        """The answers to one group; NaN for all of it where none came. Raises `PoserError`: no such endpoint."""
        errand = None
        yes = [math.nan] * len(group.keys)
        try:
            with self.endpoint.line.pace.seats:
                errand = self.endpoint.errand()
                yes = errand.ask(lambda seconds: self._send(group, seconds), self._assumed(group))
            self._answered = True
        except Exception as error:
            self._complain(error)
        share = (errand.usd if errand else 0.0) / len(group.keys)
        return {key: Said(p, share) for key, p in zip(group.keys, yes, strict=True)}

    def _complain(self, error: Exception) -> None:
        """Says in the log why there is no verdict. Raises `PoserError` where there will never be one."""
        words = error.message if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
        words = self.endpoint.secret.scrub(words)[:MAX_MESSAGE]
        if isinstance(error, Fault) and error.status in (404, 405) and not self._answered:
            terms = self.endpoint.terms
            raise PoserError(
                f"{self.endpoint.owner}: {terms.base_url} makes no decisions with {terms.model!r} ({words}); "
                "set base_url, model or protocol, or critic to {name: chat}, which any chat endpoint can answer"
            ) from None
        LOG.warning("%s: no verdict: %s", self.endpoint.owner, words)

    def _send(self, group: Group, seconds: float) -> Answer[list[float]]:
        """One request. Raises HttpStatus, BadAnswer, httpx2.RequestError."""
        data = self.protocol.send(self.endpoint, group.asks, self.words, self.side, seconds)
        usd = self._usd(data.get("usage") if isinstance(data, dict) else None)
        try:
            return Answer([_probability(self.protocol.yes(data, n)) for n in range(len(group.asks))], usd)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise BadAnswer("the answer does not have every question", usd=usd) from None

    def _usd(self, usage: Any) -> float | None:
        """What a request cost; None where the answer does not say."""
        into = usage.get("input_tokens") if isinstance(usage, dict) else None
        known = isinstance(into, int) and not isinstance(into, bool) and 0 < into < 10**9
        return self.endpoint.terms.prices.usd(Tokens(text_in=into)) if known and into else None

    def _assumed(self, group: Group) -> float:
        """The price of a request whose answer was lost, USD."""
        tokens = PICTURE + sum(len(ask.question) for ask in group.asks) // 4
        return self.endpoint.terms.prices.usd(Tokens(text_in=tokens)) or 0.0


def _groups(asks: Mapping[Key, Ask], most: int) -> list[Group]:
    """The questions by picture, at most `most` a group."""
    pictures: dict[str, list[Key]] = {}
    for key in asks:
        pictures.setdefault(key[0], []).append(key)
    cuts = [keys[k : k + most] for keys in pictures.values() for k in range(0, len(keys), most)]
    return [Group(tuple(keys), tuple(asks[key] for key in keys)) for keys in cuts]


def _probability(value: Any) -> float:
    """P(yes) of an answer; NaN for a refusal (None). Raises ValueError."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{value!r} is no probability")
    return float(value)
