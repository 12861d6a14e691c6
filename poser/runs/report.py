"""Trajectory -> one HTML page that stands alone: no file, script or address outside it is needed.

All words come from prompts, models and services: the template `report.html.j2` escapes everything. The look is
`report.css`, laid into the page.
"""

from __future__ import annotations

import base64
import io
import math
import shlex
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from experts.images import data_url, rgb
from poser.runs.ends import Ended, ends_of, plan_of, threshold_of
from poser.runs.pictures import STEPS
from poser.runs.record import given
from poser.runs.summary import Summary, commands_of, outcome, scores, step_data, summarise
from poser.runs.templates import environment
from poser.types import Critique, Step, Trajectory

SMALL = 256
"""Longest side, px, up to which a picture is enlarged without smoothing and laid in without loss."""
STANDINGS = {
    "all": "all satisfied",
    "some": "not everything is satisfied",
    "none": "nothing is satisfied",
    "unfinished": "unfinished",
}
CAPTIONS = {"reverted": "candidate, not kept", "unjudged": "candidate without a verdict"}
MARKS = {"now": "this step", "earlier": "done before", "kept": "kept", "quality": "quality"}


def render(whole: Trajectory, folder: str = "DIR") -> str:
    """The report of a run, finished or not. `folder` names the run's folder in the commands that repeat it."""
    summary, threshold = summarise(whole), threshold_of(whole.config)
    page = environment(Path(__file__).parent)
    page.tests["small"] = _small
    page.filters |= {"url": url_of, "score": _score, "outcome": outcome, "commands": commands_of, "scores": scores}
    page.filters |= {"cost": _cost, "details": _details, "fate": lambda step: fate(step, threshold)}
    return page.get_template("report.html.j2").render(
        whole=whole,
        task=whole.task,
        summary=summary,
        standing=STANDINGS[summary.standing],
        marked=_marked(whole),
        changed=any(step.accepted for step in whole.steps),
        lost=summary.of("not understood"),
        tiles=_tiles(whole, summary),
        captions=CAPTIONS,
        marks=MARKS,
        threshold=threshold,
        again=_again(whole, summary, folder),
        config=yaml.safe_dump(dict(whole.config), sort_keys=False, allow_unicode=True),
        versions=[*whole.versions.items(), ("actions", whole.actions)],
    )


def _marked(whole: Trajectory) -> list[tuple[str, Ended | None]]:
    """The prompt in stretches: the commands, each with what became of it, and what stands between them."""
    prompt, plan, at = whole.task.prompt, plan_of(whole), 0
    ends = {ended.command: ended for ended in ends_of(whole)}
    stretches: list[tuple[str, Ended | None]] = []
    for start, end in sorted({command.span for command in (*plan.commands, *plan.settled) if command.span}):
        ended = ends.get(prompt[start:end])
        if ended is not None and at <= start < end <= len(prompt):
            stretches += [(prompt[at:start], None), (prompt[start:end], ended)]
            at = end
    return [*stretches, (prompt[at:], None)]


def _tiles(whole: Trajectory, summary: Summary) -> list[tuple[str, str]]:
    """Big values with their labels; a picture that nobody judged has no worth."""
    worth = summary.value if whole.steps and _judged(whole.steps[-1].after.verdict) else math.nan
    return [
        (f"{len(summary.of('done'))} of {len(summary.ends)}", "done"),
        (_score(worth), "worth in the critic's eyes"),
        (str(summary.calls), "expert calls"),
        (f"{summary.seconds:.1f} s", "experts and critic"),
        (_usd(summary.usd), "charged"),
    ]


def _cost(step: Step) -> str:
    """What a step took."""
    data = step_data(step)
    stored = " · from the store" if step.result and step.result.cached else ""
    return f"{data['seconds']:.2f} s · {_usd(data['usd'])}{stored}"


def fate(step: Step, threshold: float) -> str:
    """Why a candidate was kept or not, where its badge does not say it; '' where it does."""
    kind, critique, before = outcome(step), step.critique, step.before
    if kind == "unjudged":
        return f"Nobody judged it as a whole; {'it is kept' if step.accepted else 'the picture before it stays'}."
    if critique is None or kind not in ("accepted", "reverted"):
        return ""
    if critique.harmed:
        return f"{'Kept, though' if kind == 'accepted' else 'Not kept:'} it harms what was to be kept."
    if kind == "accepted":
        return "Kept, though not all that was asked for is there." if min(critique.wanted) < threshold else ""
    better = "the critic found the picture before it better"
    return f"Not kept: {better if _judged(before.verdict) else 'by its scores it is worth less than no change'}."


def _details(step: Step) -> list[tuple[str, Any]]:
    """How a step was asked and judged, by name."""
    request, result, critique = step.request, step.result, step.critique
    if request is None or result is None:
        return []
    rows: list[tuple[str, Any]] = [
        ("seed", request.seed),
        ("size", request.size and "{} x {} px".format(*request.size)),
    ]
    rows += [(str(name), value) for name, value in request.params.items()]
    rows += [("note", note) for note in result.notes]
    rows += [(f"reward: {name}", f"{value:+.3f}") for name, value in step.reward.items()]
    rows += [
        (f"P(yes) {_score(answer.yes)}", f"{answer.question} (wanted: {'yes' if answer.wanted else 'no'})")
        for answer in (critique.answers if critique else ())
    ]
    return [*rows, ("critic", critique.critic if critique else "")]


def _again(whole: Trajectory, summary: Summary, folder: str) -> str:
    """The commands that repeat the run, with what it ran and how it was set."""
    task, place = whole.task, shlex.quote(folder)
    words = ["poser", "run", task.prompt, "--preset", f"{folder}/config.yaml", "--policy", whole.policy]
    words += ["--seed", str(task.seed), "--max-steps", str(task.budget.steps)]
    for name, _ in given(task):
        words += ["--mask" if name == "00-mask" else "--image", f"{folder}/{STEPS}/{name}.png"]
    words += ["--size", "{}x{}".format(*task.size)] if task.size else []
    words += [
        word for wish in task.wishes for word in (["--transparent"] if wish == "transparent" else ["--quality", wish])
    ]
    resume = [f"poser run --resume {place}"] if summary.standing == "unfinished" else []
    return "\n".join([shlex.join(words), f"poser replay {place}", *resume])


def _judged(verdict: Critique | None) -> bool:
    """Whether somebody gave a verdict."""
    return verdict is not None and not math.isnan(verdict.score)


def _small(image: Image.Image) -> bool:
    return max(image.size) <= SMALL


def url_of(image: Image.Image, side: int) -> str:
    """A picture as a data URL: lossless where it is small, else at most `side` px in WebP (the file keeps its own)."""
    if _small(image):
        return data_url(image)
    shown = rgb(image)
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=90)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _score(value: float) -> str:
    """A score in [0, 1] with two digits, a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def _usd(value: float) -> str:
    """USD in as many digits as it takes; 'free' for nothing."""
    return "free" if not value else f"${value:.4f}".rstrip("0").rstrip(".") if value < 0.1 else f"${value:.2f}"
