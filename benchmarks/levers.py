"""What the actions of scarce tasks are worth: the same simple rules with and without each, class by class.

`python -m benchmarks.levers [--tasks 24] [--split validation] [--save]`. Net change (`extractor.net`), drawing an input
picture anew (`rules.recreate`), scopes of the next K; judged by the exact reader, with the price of a new drawing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks._judge import JUDGE, refuse_circular
from benchmarks._results import command_line, number, publish, span, table, track, verdict, with_origin
from benchmarks._stats import estimate
from benchmarks.poster import score, tasks
from experts.poster.tasks import CLASSES
from poser.actions import ActionSet
from poser.agent import Poser
from poser.learned.observation import kind_of
from poser.learning.tasks.poster import to_task
from poser.rollout import rollout
from poser.types import PoserError, Scope, State

NET = {"extractor": {"name": "poster", "net": True}}
ANEW = {"rules.recreate": True}
BASE = "rules"
FIGURES = ("share", "exact", "worth", "identity", "calls", "claimed", "false_claims")
RULES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "rules": ("greedy", {}),
    "rules, net": ("greedy", NET),
    "rules, anew": ("greedy", ANEW),
    "rules, net, anew": ("greedy", {**NET, **ANEW}),
    "two lines": ("two-lines", {}),
    "two lines, net": ("two-lines", NET),
    "two lines, net, anew": ("two-lines", {**NET, **ANEW}),
    "dqn": ("dqn", {}),
    "dqn, net": ("dqn", NET),
}
"""What is played: a policy, and what of the preset is different."""


@dataclass(frozen=True)
class TwoLines:
    """Without an input picture everything is drawn at once by the best drawer, until it is done; with one, each command
    goes to the best editor by the cards. Where input pictures may be drawn anew and fewer calls are left than commands,
    that is done."""

    actions: ActionSet
    id: str = "two-lines"

    def _best(self, mode: str, kind: str) -> str:
        """The expert of a mode with the highest skill for a kind of command (for drawing: mean over all kinds)."""

        def skill(name: str) -> float:
            skills = {k: s.score for k, s in self.actions.cards[name].skills.items()}
            drawn = [s for k, s in skills.items() if k.startswith("generate")]
            return float(np.mean(drawn)) if kind == "generate" and drawn else skills.get(kind, 0.0)

        return max((c.id for c in self.actions.cards.values() if c.mode == mode), key=skill)

    def _choose(self, state: State, row: np.ndarray) -> int:
        command = state.plan.current
        if command is None:
            return int(row.argmax())
        scarce = len(state.plan.pending) > state.task.budget.steps - state.spent.steps and self.actions.recreate
        given = state.task.image is not None and not scarce
        name = self._best("image-to-image", kind_of(command)) if given else self._best("text-to-image", "generate")
        scopes: tuple[Scope, ...] = ("current",) if given else ("all", "current")
        slots = [self.actions.slot(name, scope) for scope in scopes]
        return next((slot for slot in slots if row[slot]), int(row.argmax()))

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [self._choose(state, row) for state, row in zip(states, mask, strict=True)]


def played(rule: str, split: str, count: int, seed: int, folder: str) -> list[dict[str, Any]]:
    """A row an episode of one rule on `count` tasks of each class."""
    policy, overrides = RULES[rule]
    poser = Poser.from_pretrained(
        "poster",
        policy="greedy" if policy == "two-lines" else policy,
        overrides={**overrides, "cache": folder},
    )
    refuse_circular(poser.mdp.critic.id)
    chooser = TwoLines(poser.mdp.actions) if policy == "two-lines" else poser.policy
    asked = [task for name in CLASSES for task in tasks(split, count, seed, None, name)]
    found = dict(track(rollout(poser.mdp, chooser, map(to_task, asked), 16), rule, len(asked)))
    about = [{"rule": rule, "task": task.id, "class": task.name, "kind": task.id[:3]} for task in asked]
    return [row | score(task, found[k]) for k, (row, task) in enumerate(zip(about, asked, strict=True))]


def _of(rows: Sequence[Mapping[str, Any]], rule: str, name: str, figure: str) -> list[float]:
    return [row[figure] for row in rows if row["rule"] == rule and name in (row["class"], "all")]


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rule -> class ('all': every one) -> figure with its interval, and the paired difference in worth to `BASE`."""
    found: dict[str, Any] = {}
    for rule in dict.fromkeys(row["rule"] for row in rows):
        for name in (*CLASSES, "all"):
            cell: dict[str, Any] = {f: estimate(_of(rows, rule, name, f)).to_json() for f in FIGURES}
            pair = [_of(rows, which, name, "worth") for which in (rule, BASE)]
            if pair[1] and rule != BASE:
                cell["above"] = estimate([a - b for a, b in zip(*pair, strict=True)], proportion=False).to_json()
            found.setdefault(rule, {})[name] = cell
    return found


def page(found: Mapping[str, Any]) -> str:
    """A table a class."""
    parts = [
        f"{found['tasks']} {found['split']} tasks a class, generator seed {found['seed']}, judged by the exact "
        f"{found['judge']}, never by the critic; mean [95 % interval by task]. 'worth': share of the target and, as "
        "one command more, how much the untouched things look as in the input picture ('looks'); 'false claims': share "
        "of the claims that all is satisfied whose picture is not exact; bold: the interval excludes 0."
    ]
    for name in (*CLASSES, "all"):
        rows = []
        for rule, cells in found["rules"].items():
            cell = cells[name]
            above = verdict(cell["above"]) if "above" in cell else ""
            numbers = [number(cell[f]["mean"]) for f in ("exact", "identity", "calls", "false_claims")]
            rows.append([f"`{rule}`", span(cell["worth"]), span(cell["share"]), *numbers, above])
        head = [
            f"{name}",
            "worth",
            "target reached",
            "exact",
            "looks",
            "calls",
            "false claims",
            f"worth above `{BASE}`",
        ]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = command_line("levers", __doc__)
    parser.add_argument("--tasks", type=int, default=24, help="tasks a class (24)")
    parser.add_argument("--split", default="validation", choices=("train", "validation"))
    parser.add_argument("--seed", type=int, default=0, help="of the generator of tasks")
    parser.add_argument("--only", nargs="+", default=list(RULES), choices=list(RULES), metavar="RULE")
    parser.add_argument("--folder", default="runs/levers/cache", help="stored pictures")
    asked = parser.parse_args(argv)
    try:
        rows = [row for rule in asked.only for row in played(rule, asked.split, asked.tasks, asked.seed, asked.folder)]
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    about = {"tasks": asked.tasks, "split": asked.split, "seed": asked.seed, "judge": JUDGE}
    return publish(asked, "levers", with_origin({**about, "rules": figures(rows)}, "levers"), page, rows)


if __name__ == "__main__":
    sys.exit(main())
