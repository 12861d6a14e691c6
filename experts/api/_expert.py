"""A model of a service as an expert: requests checked, asked for at once, answered as values."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from experts.api._client import Errand, Line, line_of
from experts.api._faults import Fault
from experts.api._pictures import finished
from experts.api._secret import Secret
from experts.api._sizes import Sizes
from experts.api._terms import Terms
from experts.calling import unsupported
from experts.entries import Described, card_of, checked
from experts.failures import MAX_MESSAGE, boundary
from experts.memory import Residency
from experts.registry import Entry, as_described
from experts.scheduling import side_by_side
from experts.types import Card, Expert, Failure, Request, Result

CARD: dict[str, Any] = {"min_side": 16, "max_side": 8192, "multiple": 1, "seeded": False, "licence": "proprietary"}
"""Fields that the card of every service's model has unless it says otherwise: sizes are fitted by the adapter."""


@dataclass(frozen=True)
class Ask:
    """A request in the service's terms.

    `size`: in the service's words, None: the service's own. `seed`: None where the card has none. `usd`: the card's
    price, USD. `params`: the card's with the request's over them.
    """

    prompt: str
    images: tuple[Image.Image, ...]
    mask: Image.Image | None
    size: str | None
    seed: int | None
    params: Mapping[str, Any]
    usd: float


Draw = Callable[[Errand, Ask], Image.Image]
"""One picture: every request that it sends goes through the errand. Raises Fault."""


class Remote(Described, Terms):
    """An entry of a config: a model of a service.

    Attributes:
        family: the service: a file of `experts/api`.
    """

    family: str


@dataclass(frozen=True)
class Service:
    """A protocol, as data: a file of `experts/api` fills this in.

    Attributes:
        name: the file's name.
        connect: (terms, key, line) -> what draws; imports the client package.
        base_url, key: the usual address, and the environment variable of its key.
        params: params that a card may have; None: any, the model's own.
        sizes: the sizes of a model.
        most_images, masks, wishes: `pictures`, `masks` and `wishes` of its cards.
        card: fields that its cards have unless they say otherwise.
        retired: model -> (date of its end, what replaces it).
    """

    name: str
    connect: Callable[[Terms, Secret, Line], Draw]
    base_url: str = ""
    key: str = ""
    params: tuple[str, ...] | None = None
    sizes: Callable[[str, Card], Sizes] | None = None
    most_images: int = 1
    masks: bool = False
    wishes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=lambda: CARD)
    retired: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def usual(self) -> dict[str, Any]:
        """Fields that its cards have unless they say otherwise."""
        return {"pictures": self.most_images, "masks": self.masks, "wishes": self.wishes, **self.card}

    def described(self, id: str, description: Mapping[str, Any], profile: str) -> Entry:
        """The entry of a config.

        Args:
            id: the expert's.
            description: the keys of `Remote`; `base_url` and `key` are the service's own where they are not given.
            profile: which profile's fields are laid over the card.

        Raises:
            RegistryError: a value that cannot be.
        """
        key = description.get("key", self.key) or ""
        told = checked(
            id, Remote, {**description, "key": key, "base_url": description.get("base_url") or self.base_url}
        )
        terms = Terms(**{name: getattr(told, name) for name in Terms.model_fields})
        card = card_of(id, told, profile, self.usual, self.params)
        return as_described(self.entry(card, terms, told.get), told, description)

    def entry(self, card: Card, terms: Terms, get: str = "") -> Entry:
        """An entry whose expert is connected, without any request, when it is loaded."""
        gone = ""
        if terms.model in self.retired and terms.base_url == self.base_url:
            end, successor = self.retired[terms.model]
            if time.strftime("%Y-%m-%d") >= end:
                gone, get = f"{terms.model}, shut down by its service on {end}", f"use {successor}"

        def load(residency: Residency) -> Expert:
            if gone:
                raise OSError(f"{gone}: {get}")
            return self.expert(card, terms)

        env = (terms.key,) if terms.key else ()
        return Entry(
            card, load, env=env, gone=gone, remote=True, get=get or (f"type: export {terms.key}=..." if env else "")
        )

    def expert(self, card: Card, terms: Terms, line: Line | None = None) -> RemoteExpert:
        """The expert. Raises OSError: the key is not set."""
        line = line or line_of(self.name, terms.base_url, terms.key, terms.limits)
        return RemoteExpert(card, self, terms, line, Secret(terms.key))


class RemoteExpert:
    """An expert that is a model of a service. Requests of a list are asked for at once, up to the line's concurrency.

    Args:
        line: its pace and its ledger.
        secret: its key.
    """

    def __init__(self, card: Card, service: Service, terms: Terms, line: Line, secret: Secret) -> None:
        self.card, self.service, self.terms, self.line = card, service, terms, line
        self._secret = secret
        self._sizes = service.sizes(terms.model, card) if service.sizes else None
        self._draw = service.connect(terms, secret, line)

    def __repr__(self) -> str:
        """Model and address."""
        return f"RemoteExpert({self.terms.model} at {self.terms.base_url})"

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        """Same length and order as `requests`; the time of the whole list is shared evenly."""
        start = time.perf_counter()
        seats = min(self.line.limits.concurrency, len(requests))
        results = side_by_side(self._one, requests, seats)
        share = (time.perf_counter() - start) / max(1, len(requests))
        return [Result(r.image, r.failure, share, r.usd, r.notes) for r in results]

    def _one(self, request: Request) -> Result:
        failure = unsupported(self.card, request)
        if failure:
            return Result(failure=failure)
        errand = None
        try:
            wanted = request.size or (request.images[0].size if request.images else None)
            size = self._sizes.nearest(wanted) if self._sizes and wanted else None
            ask = Ask(
                request.prompt,
                request.images,
                request.mask,
                size.words if size else None,
                request.seed if self.card.seeded else None,
                {**self.card.params, **request.params},
                self.card.usd,
            )
            with self.line.pace.seats:
                known = uuid.uuid4().hex if self.terms.idempotency else ""
                again = self.terms.repeat_unknown
                errand = Errand(self.line, self.terms.model, self._secret.scrub, again, known, self.card.seconds)
                drawn = self._draw(errand, ask)
            image, notes = finished(drawn, size.px if size else None, wanted)
        except Fault as fault:
            return self._failed(fault.kind, fault.message, errand, fault.retry_after)
        except BaseException as error:
            failure = boundary(error)
            return self._failed(failure.kind, failure.message, errand)
        seed = () if self.card.seeded else ("seed ignored",)
        return Result(image, usd=errand.usd, notes=seed + notes + _sent(errand))

    def _failed(self, kind: Any, message: str, errand: Errand | None, retry_after: float | None = None) -> Result:
        """The failure as a value: what its requests cost stays charged."""
        words = self._secret.scrub(f"{self.card.id}: {message}")[:MAX_MESSAGE]
        usd, notes = (errand.usd, _sent(errand)) if errand else (0.0, ())
        return Result(failure=Failure(kind, words, retry_after), usd=usd, notes=notes)


def _sent(errand: Errand) -> tuple[str, ...]:
    """Notes on requests that had to be repeated and on prices that are assumed."""
    notes = []
    if errand.repeated:
        notes.append(f"requests repeated: {errand.repeated}")
    if errand.assumed:
        notes.append(f"answers lost, charged at the card's price: {errand.assumed}")
    return tuple(notes)
