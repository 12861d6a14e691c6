"""The ladder as Markdown: rungs, gains, scope, matched budgets, ablations. Every figure is from a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks._results import number, span, table, verdict
from benchmarks.ladder.figures import OURS

HIDDEN = (":blind", ":second=")
"""Rungs that have their own tables."""
Figures = Mapping[str, Any]


def _rungs(figures: Figures) -> str:
    head = ["rung", "target reached", "IQM", "exact", "kept", "calls", "seconds", "ours minus it", "ours wins"]
    rows = []
    shown = {name: row for name, row in figures["rungs"].items() if not any(part in name for part in HIDDEN)}
    for name, row in sorted(shown.items(), key=lambda item: item[1]["share"]["mean"]):
        less = figures.get("ours_minus", {}).get(name)
        rate = figures.get("ours_against", {}).get(name)
        title = f"**`{name}`**" if name == OURS else f"`{name}`"
        cells = [
            span(row["share"]),
            *(number(row[key]["mean"]) for key in ("iqm", "exact", "kept", "calls", "seconds")),
        ]
        rows.append([title, *cells, verdict(less) if less else "", number(rate["rate"]["mean"]) if rate else ""])
    return table(head, rows)


def _gains(figures: Figures) -> str:
    rows = [[name, verdict(gain)] for name, gain in figures["gains"].items()]
    return table(["gain in share of the target, by task", "mean [95 %]"], rows) if rows else ""


def _scope(figures: Figures) -> str:
    scope = figures["scope"]
    if not scope:
        return ""
    rows = [["all tasks", verdict(scope["overall"])]]
    rows += [[f"`{kind}`", verdict(gap)] for kind, gap in scope["by_kind"].items()]
    rows += [[f"{count} commands", verdict(gap)] for count, gap in scope["by_commands"].items()]
    text = table(["tasks", "all at once minus one at a time"], rows)
    agreed = scope.get(f"agreement:{OURS}")
    if agreed:
        text += (
            f"\n\nOn the {scope['decided']} tasks where the two differ, ours first hands over what the better one does "
            f"in {span(agreed)} of its choices; always handing over everything agrees in {number(scope['always_all'])}."
        )
    return text


def _matched(figures: Figures, key: str, title: str) -> str:
    found = {
        name: row
        for name, row in figures[key].items()
        if not name.startswith("fixed:") and not any(part in name for part in HIDDEN)
    }
    limits = list(next(iter(found.values()), {}))
    return table([title, *limits], [[f"`{name}`", *(f"{row[k]:.2f}" for k in limits)] for name, row in found.items()])


def _ablations(figures: Figures) -> str:
    rows = [
        [name, number(row["share"], 3), verdict(row["difference"]), number(row["calls"], 1)]
        for name, row in figures.get("ablations", {}).items()
    ]
    return table(["ours,", "target reached", "minus ours", "calls"], rows) if rows else ""


def _newcomer(figures: Figures) -> str:
    found = figures.get("new_expert")
    if not found:
        return ""
    rows = []
    for name, share in found["share"].items():
        cells = [span(found[key][name]) if name in found[key] else "" for key in ("value", "relative")]
        rows.append([name, number(share, 3), *cells])
    head = [f"`{found['expert']}` is new", "target reached", "share of its value", "relative to training with it"]
    return table(head, rows) + f"\n\n'after': {found['calls_after']} expert calls of training."


def _front(figures: Figures) -> str:
    names = [OURS, *(name for name in figures["rungs"] if name.startswith(f"{OURS}:second="))]
    rows = []
    for name in names:
        if name in figures["rungs"]:
            row = figures["rungs"][name]
            price = name.partition("=")[2] or "0"
            rows.append([price, *(span(row[key]) for key in ("share", "calls", "seconds"))])
    return table(["price of a second", "target reached", "calls", "seconds"], rows) if len(rows) > 1 else ""


def markdown(figures: Figures) -> str:
    """Every table of a result."""
    told = (
        f"{figures['tasks']} held-out tasks, {figures['seeds']} seeds of what is learned (at {figures['calls']} expert "
        f"calls each), {figures['steps']} expert calls an episode, judged by the exact {figures['judge']}, never by "
        "the critic. Mean [95 % interval by task]; IQM: interquartile mean over seeds and tasks; seconds as the cards "
        f"declare them, {figures['seconds_of_a_look']:g} s a look of the critic; bold: the interval excludes 0; wins: "
        "P(ours better) + half of the ties, by task."
    )
    chosen = "; ".join(f"`{name}` is `{id}`" for name, id in figures["chosen"].items())
    gain = figures["oracle_gain"].get(OURS)
    lines = [f"Chosen on training tasks: {chosen}."] if chosen else []
    if gain:
        lines.append(f"Of the oracle's gain over the best fixed pair, ours reaches {span(gain)}.")
    against = {name: row for name, row in figures.get("ours_against", {}).items() if name.startswith("fixed:")}
    if against:
        hardest = min(against, key=lambda name: against[name]["rate"]["mean"])
        row = against[hardest]
        lines.append(
            f"Lowest win rate against a fixed pair: {span(row['rate'])} (`{hardest}`): {row['won']:.2f} won, "
            f"{row['tied']:.2f} tied, {row['lost']:.2f} lost; without the ties "
            f"{row['won'] / max(1e-9, row['won'] + row['lost']):.2f}."
        )
    parts = [
        told,
        _rungs(figures),
        " ".join(lines),
        _gains(figures),
        _scope(figures),
        _front(figures),
        _matched(figures, "matched_calls", "cut at so many calls"),
        _matched(figures, "matched_seconds", "cut at so many seconds"),
        further(figures),
    ]
    return "\n\n".join(part for part in parts if part)


def further(figures: Figures) -> str:
    """What each part is worth, and what a new expert brings."""
    return "\n\n".join(part for part in (_ablations(figures), _newcomer(figures)) if part)


def parts(figures: Figures) -> str:
    """The further tests as a page of their own, with the share that ours comes to in their run."""
    return (
        f"{figures['tasks']} held-out tasks, {figures['seeds']} policies each, {figures['calls']} expert calls each; "
        f"ours comes to {figures['rungs'][OURS]['share']['mean']:.3f} there. `{figures['command']}`\n\n"
        + further(figures)
    )


SHORT = ("best-fixed", "paper-dqn", "best-of-n", "rules", OURS, "oracle")


def short(figures: Figures) -> str:
    """A few rungs with what they are and two figures each."""
    about, rungs = figures["about"], figures["rungs"]
    rows = [
        [f"`{name}`", about[name], span(rungs[name]["share"]), number(rungs[name]["calls"]["mean"], 1)]
        for name in SHORT
    ]
    return table(["who chooses", "how", "target reached", "expert calls"], rows)
