"""The ladder as Markdown: rungs, gains, scope, matched budgets, ablations. Every figure is from a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks._results import number, span, table, verdict
from benchmarks.ladder.figures import OURS, SIMPLE

HIDDEN = (":blind", ":second=")
"""Rungs that have their own tables."""
Figures = Mapping[str, Any]


def _rungs(figures: Figures) -> str:
    head = ["rung", "worth", "target", "exact", "looks as it did", "false claims", "calls", "seconds", "ours minus it"]
    head += ["p (Holm)", "ours wins"]
    rows = []
    shown = {name: row for name, row in figures["rungs"].items() if not any(part in name for part in HIDDEN)}
    for name, row in sorted(shown.items(), key=lambda item: item[1]["worth"]["mean"]):
        less = figures.get("ours_minus", {}).get(name)
        rate = figures.get("ours_against", {}).get(name)
        title = f"**`{name}`**" if name == OURS else f"`{name}`"
        names = ("share", "exact", "identity", "false_claim", "calls", "seconds")
        cells = [span(row["worth"], 3), *(number(row[key]["mean"]) for key in names)]
        told = [verdict(less), number(less["holm"], 3)] if less else ["", ""]
        rows.append([title, *cells, *told, number(rate["rate"]["mean"]) if rate else ""])
    return table(head, rows)


def _classes(figures: Figures) -> str:
    """Ours against the simple rungs, class by class."""
    found = figures.get("classes", {})
    names = [name for name in SIMPLE if any(name in row["minus"] for row in found.values())]
    if not names:
        return ""
    rows = []
    for name, row in found.items():
        cells = [verdict(row["minus"][rung]) if rung in row["minus"] else "" for rung in names]
        win = f"{span(row['wins']['rate'])} (`{row['hardest']}`)" if "wins" in row else ""
        rows.append([f"`{name}` ({row['tasks']})", *cells, win])
    return table(["tasks, ours minus", *(f"`{name}`" for name in names), "lowest win rate against a fixed pair"], rows)


def _gains(figures: Figures) -> str:
    rows = [[name, verdict(gain)] for name, gain in figures["gains"].items()]
    return table(["gain in worth", "mean [95 %]"], rows) if rows else ""


def _scope(figures: Figures) -> str:
    scope = figures["scope"]
    if not scope:
        return ""
    rows = [["all tasks", verdict(scope["overall"])]]
    rows += [[f"`{kind}`", verdict(gap)] for kind, gap in scope["by_kind"].items()]
    rows += [[f"`{name}`", verdict(gap)] for name, gap in scope["by_name"].items()]
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
    rows = []
    for name, row in figures.get("ablations", {}).items():
        told = [verdict(row["difference"]), number(row["holm"], 3)] if "holm" in row else ["", ""]
        rows.append([name, span(row["worth"], 3), *told, number(row["calls"]["mean"], 1)])
    return table(["ours,", "worth", "less as it is", "p (Holm)", "calls"], rows) if rows else ""


def _newcomer(figures: Figures) -> str:
    found = figures.get("new_expert")
    if not found:
        return ""
    rows = []
    for name, mean in found["worth"].items():
        cells = [span(found[key][name]) if name in found[key] else "" for key in ("value", "relative")]
        rows.append([name, number(mean, 3), *cells])
    head = [f"`{found['expert']}` is new", "worth", "share of its value", "relative to training with it"]
    return table(head, rows) + f"\n\n'after': {found['calls_after']} expert calls of training."


def _front(figures: Figures) -> str:
    names = [OURS, *(name for name in figures["rungs"] if name.startswith(f"{OURS}:second="))]
    rows = []
    for name in names:
        if name in figures["rungs"]:
            row = figures["rungs"][name]
            price = name.partition("=")[2] or "0"
            rows.append([price, *(span(row[key]) for key in ("worth", "calls", "seconds"))])
    return table(["price of a second", "worth", "calls", "seconds"], rows) if len(rows) > 1 else ""


def _held_out(figures: Figures) -> str:
    """Which tasks those are: 'seed 3 of the test split, opened once'."""
    once = ", opened once" if figures["split"] == "test" else ", on which design was done"
    where = f"class {figures['class']}, seed {figures['seed']} of the {figures['split']} split"
    return f"{figures['tasks']} tasks ({where}{once})"


def markdown(figures: Figures) -> str:
    """Every table of a result."""
    told = (
        f"{_held_out(figures)}, {figures['seeds']} seeds of what is learned (at {figures['calls']} expert calls each), "
        f"at most {figures['steps']} expert calls an episode, judged by the exact {figures['judge']}, never by the "
        "critic. Worth: the share of the target weighs as much as the commands, the likeness of what must stay as one "
        "more. Mean [95 % interval, tasks and seeds drawn again]; bold: the interval excludes 0; p: corrected for all "
        f"rungs; seconds as the cards declare them, {figures['seconds_of_a_look']:g} s a look of the critic; wins: "
        "P(ours better) + half of the ties (differences to 0.005), by task. The oracle searched the first "
        f"{figures['oracle_tasks']} tasks."
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
        _classes(figures),
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
    """The further tests as a page of their own."""
    return (
        f"{_held_out(figures)}, {figures['seeds']} policies each, {figures['calls']} expert calls each. "
        f"`{figures['command']}`\n\n" + further(figures)
    )


SHORT = ("best-fixed", "paper-dqn", "two-lines", "rules", "table", OURS, "oracle")


def short(figures: Figures) -> str:
    """A few rungs with what they are and two figures each."""
    about, rungs = figures["about"], figures["rungs"]
    rows = [
        [f"`{name}`", about[name], span(rungs[name]["worth"]), number(rungs[name]["calls"]["mean"], 1)]
        for name in SHORT
        if name in rungs
    ]
    return table(["who chooses", "how", "worth of the picture", "expert calls"], rows)
