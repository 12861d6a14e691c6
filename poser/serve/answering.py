"""What a caller is answered: pictures in OpenAI's forms, what became of every command, what it cost."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

from PIL import Image

from experts.images import png, rgb
from poser import limits
from poser.runs.ends import threshold_of
from poser.runs.report import fate
from poser.runs.summary import number, step_data, summarise
from poser.seats import Played
from poser.serve import faults
from poser.serve.asking import Ask
from poser.serve.faults import Fault
from poser.types import Step, Trajectory

MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def encoded(image: Image.Image, form: str) -> bytes:
    """A picture file, without metadata."""
    if form == "png":
        return png(image)
    buffer = io.BytesIO()
    rgb(image, alpha=form == "webp").save(buffer, form.upper(), quality=95)
    return buffer.getvalue()


def b64(image: Image.Image, form: str) -> str:
    """The same in base64."""
    return base64.b64encode(encoded(image, form)).decode("ascii")


def usage(whole: list[Trajectory]) -> dict[str, Any]:
    """OpenAI's form, which counts tokens (none are charged here), with expert calls, seconds and USD beside it."""
    spent = [trajectory.steps[-1].after.spent for trajectory in whole if trajectory.steps]
    return {
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": 0,
        "calls": sum(step.request is not None for trajectory in whole for step in trajectory.steps),
        "seconds": number(sum(s.seconds for s in spent)),
        "usd": number(sum(s.usd for s in spent), 6),
    }


def account(whole: Trajectory, run: str = "") -> dict[str, Any]:
    """What became of every command, in plain words and numbers."""
    summary = summarise(whole)
    return {
        "satisfied": summary.standing == "all",
        "standing": summary.standing,
        "ends": [ended._asdict() for ended in summary.ends],
        "harmed": list(summary.harmed),
        "notes": list(summary.notes),
        "calls": summary.calls,
        "seconds": number(summary.seconds),
        "usd": number(summary.usd, 6),
        "value": number(summary.value),
        "seed": whole.task.seed,
        "policy": whole.policy,
    } | ({"run": run} if run else {})


def step_told(step: Step, count: int, config: Any) -> dict[str, Any]:
    """A step as data, and why its candidate was kept or not."""
    return {"step": count, **step_data(step), "why": fate(step, threshold_of(config))}


def refusal(played: Played) -> Fault | None:
    """Why an episode delivered nothing; None where it did."""
    if played.error is not None:
        return faults.of(played.error)
    whole = played.trajectory
    if whole.images:
        return None
    failure = next((s.result.failure for s in reversed(whole.steps) if s.result and s.result.failure), None)
    if failure is not None:
        wait = None if failure.retry_after is None else max(1, round(failure.retry_after))
        status = 400 if failure.kind in ("refused", "unsupported") else 503
        return Fault(status, f"no picture: {failure.message}", failure.kind, None, wait)
    why = "; ".join(f"{end.command[:60]!r}: {end.end}, {end.reason}" for end in summarise(whole).ends)
    return Fault(400, f"no picture was made: {why or 'there was nothing to do'}", "nothing_made", "prompt")


def response(ask: Ask, data: list[dict[str, Any]], whole: list[Trajectory], runs: list[str]) -> dict[str, Any]:
    """The whole answer; `data` holds the pictures in OpenAI's form."""
    image = whole[0].images[0]
    return {
        "created": int(time.time()),
        "data": data,
        "background": _ground(image),
        "output_format": ask.output_format,
        "size": "{}x{}".format(*image.size),
        "usage": usage(whole),
        **_identified(ask),
        "poser": {
            "pictures": [account(t, run) for t, run in zip(whole, runs, strict=True)],
            "ignored": list(ask.ignored),
        },
    }


def _ground(image: Image.Image) -> str:
    return "transparent" if image.has_transparency_data else "opaque"


def revised(whole: Trajectory) -> str:
    """What was handed to experts and kept, in words."""
    return " ".join(s.request.prompt for s in whole.steps if s.request is not None and s.accepted)


def picture_event(kind: str, ask: Ask, image: Image.Image, **more: Any) -> dict[str, Any]:
    """An event of a stream that carries a picture."""
    return {
        "type": kind,
        "b64_json": b64(image, ask.output_format),
        "created_at": int(time.time()),
        "size": "{}x{}".format(*image.size),
        "quality": ask.quality if ask.quality in limits.QUALITIES else "auto",
        "background": _ground(image),
        "output_format": ask.output_format,
        **more,
    }


def completed(kind: str, ask: Ask, whole: Trajectory, run: str, candidate: int) -> dict[str, Any]:
    """The event that carries a delivered picture."""
    told = {"candidate": candidate, **account(whole, run), "ignored": list(ask.ignored)}
    more = {"usage": usage([whole]), **_identified(ask), "poser": told}
    return picture_event(f"{kind}.completed", ask, whole.images[0], **more)


def _identified(ask: Ask) -> dict[str, str]:
    name = ask.safety_identifier or ask.user
    return {"safety_identifier": name} if name else {}
