"""One request to a service, as the books have it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Charge:
    """One request.

    Attributes:
        number: counted from 1; a number is given before the request leaves.
        model: whom it asked.
        outcome: 'open', 'done', or the kind of failure.
        usd: what it cost, USD.
        bought: a picture was made, or may have been.
        certain: False where the answer was lost, so that the price is assumed.
    """

    number: int
    model: str
    outcome: str = "open"
    usd: float = 0.0
    bought: bool = False
    certain: bool = True
