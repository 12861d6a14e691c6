"""`Chat`: queries in, validated answers or failures out; cached by content, asked again with what was wrong."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Generic

from PIL import Image

from experts.api import Errand, Fault
from experts.failures import MAX_MESSAGE, boundary
from experts.images import data_url, shrunk
from experts.types import Failure, image_digest
from poser.llm.answers import Answers, as_text
from poser.llm.endpoint import ENDPOINT_KEYS, Endpoint
from poser.llm.form import F, Form, document, read, schema_of
from poser.llm.prompts import Prompt
from poser.llm.wire import Message, say
from poser.plugins import refuse
from poser.types import PoserError

KEYS = (*ENDPOINT_KEYS, "seed", "answers", "body", "again", "side")
"""Settings of a chat in a config."""
SIDE = 768
"""px; pictures are sent with at most that many a side: what scores and answers need (336 to 768), at half the tokens of
1024."""
ECHO = 4000
"""Characters of a refused answer that the model is shown again."""


@dataclass(frozen=True)
class Query:
    """What is asked.

    Attributes:
        prompt: our own words: the task.
        data: everything that others wrote; plain JSON data.
        pictures: label (a word of ours) and picture, RGB.
        check: what is wrong with an answer of the right form, in words for the model ('': nothing).
    """

    prompt: Prompt
    data: Mapping[str, Any]
    pictures: tuple[tuple[str, Image.Image], ...] = ()
    check: Callable[[Any], str] = lambda _: ""


@dataclass(frozen=True)
class Reply(Generic[F]):
    """An answer or a failure, exactly one; what it took: USD, s (its share), requests. `cached`: nothing was asked."""

    value: F | None = None
    failure: Failure | None = None
    usd: float = 0.0
    seconds: float = 0.0
    requests: int = 0
    cached: bool = False


class Chat:
    """A language or vision model that is asked in JSON.

    Args:
        endpoint: which, and where.
        seed: sent where it is taken, and temperature 0 where that is.
        answers: an SQLite file that keeps every answer, so that a second run asks nothing; None: in memory only.
        body: more fields of every request ({'reasoning_effort': 'low'}).
        again: how often an answer that cannot be used is asked for again.
        side: pictures are sent with at most that many px a side.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        seed: int = 0,
        answers: str | Path | None = None,
        body: Mapping[str, Any] | None = None,
        again: int = 2,
        side: int = SIDE,
    ) -> None:
        self.endpoint, self.seed, self.body = endpoint, seed, dict(body or {})
        self.again, self.side = again, side
        self._file, self._lock = answers, Lock()
        for name, value, least in (("again", again, 0), ("side", side, 16), ("seed", seed, 0)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise PoserError(f"{endpoint.owner}: {name} is {value!r}; give a whole number from {least}")

    @classmethod
    def of(cls, owner: str, settings: Mapping[str, Any], known: Sequence[str] = ()) -> Chat:
        """The chat that a part of a config describes; `known` are the keys of that part that are not the chat's.

        Raises `PoserError` for any other key, or a value that cannot be.
        """
        refuse(owner, settings, (*KEYS, *known))
        own = {key: settings[key] for key in ("seed", "answers", "body", "again", "side") if key in settings}
        return cls(Endpoint(owner, settings), **own)

    @property
    def model(self) -> str:
        """The model's id at its endpoint."""
        return self.endpoint.terms.model

    @cached_property
    def _memory(self) -> Answers[str]:
        return Answers(self._file, f"chat {self.endpoint.terms.base_url} {self.model}", as_text)

    def ask(self, queries: Sequence[Query], form: type[F]) -> list[Reply[F]]:
        """Same length and order. What is asked twice is asked once, and charged to the first.

        Raises `PoserError` where there is no key; whatever the endpoint does comes back as a value.
        """
        start = time.perf_counter()
        keys = [self._key(query, form, k) for k, query in enumerate(queries)]
        first: dict[str, int] = {}
        for k, key in enumerate(keys):
            first.setdefault(key, k)
        with self._lock:
            known = self._memory.get((key, "") for key in first)
        found: dict[str, Reply[F]] = {}
        for key, k in first.items():
            value = read(known[key, ""], form, queries[k].check)[0] if (key, "") in known else None
            if value is not None:
                found[key] = Reply(value, cached=True)
        fresh = [key for key in first if key not in found]
        if fresh:
            self.endpoint.ready()
            seats = min(self.endpoint.terms.limits.concurrency, len(fresh))
            with ThreadPoolExecutor(seats, "chat") as threads:
                replies = list(threads.map(lambda key: self._one(queries[first[key]], form, key), fresh))
            share = (time.perf_counter() - start) / len(fresh)
            found |= {key: replace(reply, seconds=share) for key, reply in zip(fresh, replies, strict=True)}
        again = {key: replace(reply, usd=0.0, seconds=0.0, requests=0, cached=True) for key, reply in found.items()}
        return [found[key] if first[key] == k else again[key] for k, key in enumerate(keys)]

    def _key(self, query: Query, form: type[Form], number: int) -> str:
        """What the answer depends on, as sha256; something unique for a query that cannot be asked."""
        try:
            pictures = [(label, image_digest(picture)) for label, picture in query.pictures]
            parts = [
                query.prompt.text,
                document(query.data),
                pictures,
                schema_of(form),
                self.seed,
                self.body,
                self.side,
            ]
            return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        except Exception:
            return f"number {number}"  # `_one` will say what is wrong with it

    def _one(self, query: Query, form: type[F], key: str) -> Reply[F]:
        """One query's answer; never raises."""
        line, scrub = self.endpoint.line, self.endpoint.secret.scrub
        errand = None
        try:
            with line.pace.seats:
                errand = self.endpoint.errand()
                value, text = self._talk(errand, query, form)
            with self._lock:
                self._memory.put({(key, ""): text})
            return Reply(value, usd=errand.usd, requests=errand.requests)
        except Fault as fault:
            failure = Failure(fault.kind, scrub(fault.message)[:MAX_MESSAGE], fault.retry_after)
        except Exception as error:
            failure = replace(boundary(error), message=scrub(boundary(error).message))
        usd, requests = (errand.usd, errand.requests) if errand else (0.0, 0)
        return Reply(failure=failure, usd=usd, requests=requests)

    def _talk(self, errand: Errand, query: Query, form: type[F]) -> tuple[F, str]:
        """The answer, and its JSON. Raises Fault: none that can be used came."""
        pictures = [(label, data_url(shrunk(picture, self.side))) for label, picture in query.pictures]
        data = query.data
        wrong = ""
        for _ in range(1 + self.again):
            text = say(self.endpoint, errand, _messages(query.prompt, data, pictures), form, self.seed, self.body)
            value, wrong = read(text, form, query.check)
            if value is not None:
                return value, value.model_dump_json()
            data = {**query.data, "refused_answer": text[:ECHO], "what_was_wrong": wrong}
        raise Fault("broken", f"{1 + self.again} answers and none of use: {wrong}")


def _messages(prompt: Prompt, data: Mapping[str, Any], pictures: Sequence[tuple[str, str]]) -> list[Message]:
    """Our words as the system's, others' as one JSON document of the user, then the pictures, each after its label."""
    text: Any = document(data)
    if pictures:
        text = [{"type": "text", "text": text}]
        for label, url in pictures:
            text += [{"type": "text", "text": f"Picture: {label}"}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "system", "content": prompt.text}, {"role": "user", "content": text}]
