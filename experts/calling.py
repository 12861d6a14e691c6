"""A call of an expert: `unsupported` says what its card forbids, and `call` is the one place where an expert is called:
whatever it does becomes results, one a request, and spoils no other's."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, cast, get_args

from PIL import Image

from experts.failures import MAX_MESSAGE, boundary, hint, plain_line
from experts.images import ImageError, opened
from experts.types import Card, Expert, Failure, FailureKind, Request, Result

KINDS = get_args(FailureKind)
MAX_SEED = 2**31 - 1


def unsupported(card: Card, request: Request) -> Failure | None:
    """Why the card forbids the request (mode, pictures, mask, size, seed, params), or None where it does not."""
    reason = _pictures(card, request) or _size(card, request) or _params(card, request)
    if not reason and not 0 <= request.seed <= MAX_SEED:
        reason = f"seed {request.seed} is outside 0 .. {MAX_SEED}"
    return Failure("unsupported", f"{card.id}: {reason}"[:MAX_MESSAGE]) if reason else None


def _pictures(card: Card, request: Request) -> str:
    """What is wrong with the input pictures (how many, damaged), '' where nothing is."""
    if card.mode == "text-to-image" and request.images:
        return "it draws from words only: ask without a picture, or ask an image-to-image expert"
    if card.mode == "image-to-image" and not request.images:
        return "it edits a picture and got none: give one, or ask a text-to-image expert"
    if len(request.images) > card.pictures:
        most = "one picture" if card.pictures == 1 else f"at most {card.pictures} pictures"
        return f"it takes {most}, not {len(request.images)}"
    if request.mask is not None and not card.takes_mask:
        return "it takes no mask: ask without one"
    if request.mask is not None and (not request.images or request.mask.size != request.images[0].size):
        return "the mask must have the size of the first picture"
    for number, image in enumerate(request.images, start=1):
        try:
            image.load()  # PIL reads files lazily: damage shows here
        except Exception as error:
            return (
                f"picture {number} cannot be read ({boundary(error).message}): read it with experts.images.open_image"
            )
    return ""


def _size(card: Card, request: Request) -> str:
    """What is wrong with the wanted size, '' where nothing is."""
    if request.size is None:
        return ""
    width, height = request.size
    if not all(card.min_side <= side <= card.max_side for side in request.size):
        return f"{width}x{height} px is outside its {card.min_side} to {card.max_side} px a side"
    if any(side % card.multiple for side in request.size):
        return f"{width}x{height} px: both sides must be divisible by {card.multiple}"
    return ""


def _params(card: Card, request: Request) -> str:
    """The first param that the card does not have or whose kind differs from the default's, '' where all is well."""
    granted = {name for params in card.wishes.values() for name in params}
    for name, value in request.params.items():
        if name not in card.params and name not in granted:
            return f"no such param {name!r}; {hint(name, card.params, 'its params')}"
        if _number(card.params.get(name)) and not _number(value):
            return f"param {name!r} must be a number, not {value!r}"
    return ""


def _number(value: Any) -> bool:
    """True for int and float, not for bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def call(expert: Expert, card: Card, requests: Sequence[Request], free: bool) -> list[Result]:
    """What the expert answers: same length and order as `requests`, pictures readable, costs finite.

    Args:
        expert: anything; only a KeyboardInterrupt of it is raised.
        card: what it promised; its price stands where a cost is no number.
        requests: one call's.
        free: asking again costs nothing, so that where a list as a whole went wrong each request is asked alone, and
            those that are not at fault get their pictures.
    """
    start = time.perf_counter()
    failure = None
    try:
        answers = list(islice(expert(requests), len(requests) + 1))
    except BaseException as error:
        failure = boundary(error)
    share = (time.perf_counter() - start) / max(1, len(requests))
    if failure is None:
        given = sum(isinstance(answer, Result) for answer in answers)
        if len(answers) == len(requests) and (given or len(requests) == 1):
            return [_checked(*pair, card, share) for pair in zip(answers, requests, strict=True)]
        many = "more" if len(answers) > len(requests) else given
        failure = Failure("broken", f"{card.id} gave {many} results for {len(requests)} requests")
    if len(requests) > 1 and free and failure.kind != "memory":
        return [result for request in requests for result in call(expert, card, [request], free)]
    return [Result(failure=failure, seconds=share)] * len(requests)


def _checked(answer: Any, request: Request, card: Card, share: float) -> Result:
    """The answer to one request, or a Failure 'broken' in its place; raises nothing."""
    if not isinstance(answer, Result):
        return Result(
            failure=Failure("broken", f"{card.id} gave a {type(answer).__name__} for a picture"), seconds=share
        )
    try:
        return _sound(answer, request, card, share)
    except BaseException as error:
        return Result(failure=boundary(error), seconds=share)


def _sound(answer: Result, request: Request, card: Card, share: float) -> Result:
    """The answer with what is not as it should be replaced: the costs by what was declared and measured."""
    notes = tuple(plain_line(str(note)) for note in islice(answer.notes, 100))
    seconds = _cost(answer.seconds)
    usd = _cost(answer.usd)
    if usd is None:
        notes += (f"cost {plain_line(repr(answer.usd), 40)} refused, counted as declared: {card.usd:g} USD",)
    costs: dict[str, Any] = {"seconds": share if seconds is None else seconds, "usd": card.usd if usd is None else usd}
    if answer.failure is not None:
        return Result(failure=_known(answer.failure), notes=notes, **costs)
    image, failure = _picture(answer.image, request, card)
    if image is not None and image.mode != "RGBA" and getattr(answer.image, "has_transparency_data", False):
        notes += ("transparency laid on white",)
    return Result(image, failure, notes=notes, **costs)


def _picture(image: Any, request: Request, card: Card) -> tuple[Image.Image | None, Failure | None]:
    """A picture that can be read, RGB (RGBA where that is welcome); or why there is none."""
    if not isinstance(image, Image.Image):
        return None, Failure("broken", f"{card.id} gave {type(image).__name__} for a picture")
    try:
        image.load()
        if image.mode == "RGB" and min(image.size) > 0 and "transparency" not in image.info:
            return image, None
        return opened(image, f"the picture of {card.id}", request.alpha), None
    except ImageError as error:
        return None, Failure("broken", plain_line(str(error)))


def _known(failure: Any) -> Failure:
    """The failure, its fields as they should be."""
    kind = getattr(failure, "kind", "broken")
    wait = _cost(getattr(failure, "retry_after", None))
    return Failure(
        cast(FailureKind, kind if kind in KINDS else "broken"),
        plain_line(str(getattr(failure, "message", failure))),
        wait,
    )


def _cost(value: Any) -> float | None:
    """A finite number, 0 or above; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and value >= 0 else None
