"""Trajectory -> one HTML page that stands alone: no file, script or address outside it is needed.

All words come from prompts, models and services: everything is escaped. The look is `report.css`, laid into the page.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from poser.runs.ends import ends_of, plan_of, threshold_of
from poser.runs.page import SMALL, badge, bar, figure, picture, score, table, text, tile, usd
from poser.runs.summary import Summary, commands_of, outcome, scores, step_data, summarise
from poser.types import End, Step, Trajectory

_STANDINGS = {
    "all": "all satisfied",
    "some": "not everything is satisfied",
    "none": "nothing could be done",
    "unfinished": "unfinished",
}
_KINDS: dict[End, str] = {
    "done": "done",
    "not understood": "dropped",
    "not possible": "dropped",
    "failed": "dropped",
    "left over": "pending",
}
"""The colour of each end."""
_AFTER = {
    "accepted": "after",
    "reverted": "candidate, not kept",
    "unjudged": "candidate without a verdict",
    "failed": "after",
}
_MARKS = {"now": "this step", "earlier": "done before", "kept": "kept", "quality": "quality"}


def render(whole: Trajectory, folder: str = "DIR") -> str:
    """The report of a run, finished or not. `folder` names the run's folder in the commands that repeat it."""
    summary = summarise(whole)
    title = f"{whole.task.prompt[:60]} · Image-POSER"
    css = Path(__file__).with_name("report.css").read_text("utf-8")
    parts = [
        _header(whole, summary),
        _hero(whole),
        _tiles(summary),
        _ends(summary),
        "<h2>Overview</h2>" + _strip(whole) if whole.steps else "",
        "<h2>Steps</h2>" if whole.steps else "",
        *(_step(number, step, threshold_of(whole.config)) for number, step in enumerate(whole.steps, 1)),
        _again(whole, summary, folder),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; style-src '
        f"'unsafe-inline'\"><title>{text(title)}</title><style>{css}</style></head><body><main>"
        + "\n".join(part for part in parts if part)
        + "</main></body></html>\n"
    )


def _header(whole: Trajectory, summary: Summary) -> str:
    prompt = whole.task.prompt
    long = ' class="long"' if len(prompt) > 240 else ""
    standing = badge(f"standing-{summary.standing}", _STANDINGS[summary.standing])
    return (
        f'<header><div class="eyebrow"><strong>Image-POSER</strong>{standing}'
        f"<span>policy {text(whole.policy)}</span><span>seed {whole.task.seed}</span></div>"
        f"<h1{long}>{_marked(whole)}</h1></header>"
    )


def _marked(whole: Trajectory) -> str:
    """The prompt with every command underlined by what became of it."""
    prompt, plan, at = whole.task.prompt, plan_of(whole), 0
    spans = {command.span for command in (*plan.commands, *plan.settled) if command.span}
    ends = {(ended.command): ended for ended in ends_of(whole)}
    words = []
    for start, end in sorted(spans):
        ended = ends.get(prompt[start:end])
        if ended is not None and at <= start < end <= len(prompt):
            title = ended.end + (f": {ended.reason}" if ended.reason else "")
            words.append(
                f'{text(prompt[at:start])}<mark class="{_KINDS[ended.end]}" title="{text(title)}">'
                f"{text(prompt[start:end])}</mark>"
            )
            at = end
    return "".join(words) + text(prompt[at:])


def _hero(whole: Trajectory) -> str:
    start, final = whole.task.image, whole.images[0] if whole.images else None
    given = figure(start, f"Given · {start.width} x {start.height} px") if start else ""
    size = f" · {final.width} x {final.height} px" if final else ""
    return f'<section class="hero">{given}{figure(final, f"Delivered{size}", "no picture was made")}</section>'


def _tiles(summary: Summary) -> str:
    tiles = (
        (f"{len(summary.of('done'))} of {len(summary.ends)}", "done"),
        (score(summary.value), "worth in the critic's eyes"),
        (str(summary.calls), "expert calls"),
        (f"{summary.seconds:.1f} s", "experts and critic"),
        (usd(summary.usd), "charged"),
    )
    return '<section class="tiles">' + "".join(tile(*pair) for pair in tiles) + "</section>"


def _strip(whole: Trajectory) -> str:
    """One thumbnail a step, linked to it."""
    cells = []
    for number, step in enumerate(whole.steps, 1):
        image = step.result.image if step.result else step.after.image
        name = f"step {number}"
        cells.append(
            f'<a class="{outcome(step)}" href="#step-{number}">{picture(image, name, outcome(step), SMALL)}'
            f"<b>{number}. {text(step.action.expert or 'stop')}</b>{outcome(step)}</a>"
        )
    return f'<nav class="strip" aria-label="Overview">{"".join(cells)}</nav>'


def _step(number: int, step: Step, threshold: float) -> str:
    data, kind = step_data(step), outcome(step)
    if step.request is None:
        return (
            f'<article class="step" id="step-{number}"><div class="head"><span class="number">{number}</span>'
            f"<h3>Stop</h3>{badge(kind)}</div><p>The policy chose to deliver the picture as it is.</p></article>"
        )
    after = figure(step.result.image if step.result else None, _AFTER[kind], "no picture came back")
    cost = f"{data['seconds']:.2f} s · {usd(data['usd'])}" + (" · from the store" if _cached(step) else "")
    return (
        f'<article class="step" id="step-{number}"><div class="head"><span class="number">{number}</span>'
        f"<h3>{text(step.action.expert)}</h3>{badge(kind)}<span>scope <b>{text(step.action.scope)}</b></span>"
        f'<span class="cost">{text(cost)}</span></div><div class="body"><div class="pair {kind}-pair">'
        f"{figure(step.before.image, 'before', 'nothing yet')}{after}</div><div>"
        f"{_words(step)}{_bars(step, threshold)}{_feedback(step)}{_details(step)}</div></div></article>"
    )


def _words(step: Step) -> str:
    """The words asked and, where they differ, the words handed on."""
    asked = [command.text for command in commands_of(step)]
    handed = step.request.prompt if step.request else ""
    lines = "".join(f'<p class="asked">{text(words)}</p>' for words in asked)
    return lines + (f'<p class="handed">handed on as: {text(handed)}</p>' if [handed] != asked else "")


def _bars(step: Step, threshold: float) -> str:
    rows = []
    for kind, words, value in scores(step):
        about = _MARKS[kind] + (" · no verdict" if math.isnan(value) else "")
        rows.append(
            f'<div class="label">{text(words)}<small>{about}</small></div><div class="bar">'
            f'{bar(value, threshold)}</div><div class="value">{score(value)}</div>'
        )
    return f'<div class="bars">{"".join(rows)}</div>' if rows else ""


def _feedback(step: Step) -> str:
    failure = step.result.failure if step.result else None
    if failure:
        wait = f"; may be tried again in {failure.retry_after:g} s" if failure.retry_after is not None else ""
        words = f"{failure.kind.replace('_', ' ')}: {failure.message}{wait}"
        return f'<p class="feedback error">{text(words)}</p>'
    words = step.critique.feedback if step.critique else ""
    return f'<p class="feedback">{text(words)}</p>' if words else ""


def _details(step: Step) -> str:
    request, result, critique = step.request, step.result, step.critique
    if request is None:
        return ""
    rows: list[tuple[str, Any]] = [
        ("seed", request.seed),
        ("size", request.size and "{} x {} px".format(*request.size)),
    ]
    rows += [(str(name), value) for name, value in request.params.items()]
    rows += [("note", note) for note in (result.notes if result else ())]
    rows += [(f"reward: {name}", f"{value:+.3f}") for name, value in step.reward.items()]
    rows += [
        (f"P(yes) {score(answer.yes)}", f"{answer.question} (wanted: {'yes' if answer.wanted else 'no'})")
        for answer in (critique.answers if critique else ())
    ]
    rows += [("critic", critique.critic)] if critique else []
    return f"<details><summary>How it was asked and judged</summary>{table(rows)}</details>"


def _ends(summary: Summary) -> str:
    """Every stretch of the prompt with its end and the reason."""
    rows = [
        f"<li>{badge(_KINDS[ended.end], ended.end)} {text(ended.command)}"
        + (f"<small>{text(ended.reason)}</small>" if ended.reason else "")
        + "</li>"
        for ended in summary.ends
    ]
    rows += [f"<li>{badge('dropped', 'harmed')} {text(harm)}</li>" for harm in summary.harmed]
    rows += [f"<li>{badge('note')} {text(note)}</li>" for note in summary.notes]
    return f'<h2>What became of it</h2><ul class="ends">{"".join(rows)}</ul>' if rows else ""


def _again(whole: Trajectory, summary: Summary, folder: str) -> str:
    """How to repeat the run, with what it ran and how it was set."""
    task, place = whole.task, shlex.quote(folder)
    words = ["poser", "run", task.prompt, "--preset", f"{folder}/config.yaml", "--policy", whole.policy]
    words += ["--seed", str(task.seed), "--max-steps", str(task.budget.steps)]
    words += ["--image", f"{folder}/steps/00-input.png"] if task.image is not None else []
    resume = f"poser run --resume {place}\n" if summary.standing == "unfinished" else ""
    lines = f"{shlex.join(words)}\nposer replay {place}\n{resume}"
    return (
        f"<h2>Again</h2><pre>{text(lines.strip())}</pre>"
        f"<details><summary>Configuration</summary><pre>{text(_yaml(whole.config))}</pre></details>"
        f"<details><summary>Versions</summary>{table({**whole.versions, 'actions': whole.actions}.items())}</details>"
        "<footer>Green: done or accepted. Amber: reverted, because the critic found the picture before better or "
        "something harmed; or without a verdict. Red: failed, not possible or not understood.</footer>"
    )


def _yaml(config: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)


def _cached(step: Step) -> bool:
    return step.result is not None and step.result.cached
