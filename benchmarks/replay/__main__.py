"""`python -m benchmarks.replay --data DIR [--deck i2ebench] [--errors 0 .1 .2] [--prices 0 .1] [--seeds 1] [--save]`.

Policies choose among experts whose outcomes were recorded; the transition is that of any other run. Every item is
tested by policies that were fitted or trained without its fold. The critic is a recorded verdict, wrong with a given
probability; another rater, or the verdict without error, judges. Score: mean judged score of the delivered picture.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks._results import command_line, publish, span, table, track, verdict, with_origin
from benchmarks._stats import estimate, paired
from benchmarks.replay import learned, orders
from benchmarks.replay.deck import DECKS, Deck
from benchmarks.replay.world import TRIES, Replay, folds
from poser.learned.embedders import EMBEDDERS, Embedder, embedder
from poser.policies.random import Random
from poser.protocols import Policy
from poser.rollout import rollout
from poser.types import PoserError

Row = dict[str, Any]
Fit = Callable[[Replay, Sequence[int]], Policy]
RULES = ("random", "best single", "one-order", "text-router", "per-kind")
AGAINST = "per-kind"
"""The strongest rule that sees no more than the kind of command: what learning has to beat."""


def played(replay: Replay, policy: Policy, numbers: Sequence[int], tries: int, price: float) -> list[tuple[float, int]]:
    """Judged score of the delivered picture, and calls, item by item."""
    tasks = [replay.task(number, tries, price) for number in numbers]
    ended = dict(rollout(replay.mdp, policy, tasks, seats=256))
    last = [ended[k].steps[-1].after for k in range(len(tasks))]
    return [
        (replay.judged(number, state.image), state.spent.steps) for number, state in zip(numbers, last, strict=True)
    ]


def fits(words: Embedder, calls: int, seeds: int, highest: float, folder: Path) -> dict[str, Fit]:
    """Every policy by its id, as it is made from the items of all other folds."""
    made: dict[str, Fit] = {
        "random": lambda replay, numbers: Random(),
        "best single": lambda replay, numbers: orders.by_group(replay, numbers, grouped=False),
        "one-order": lambda replay, numbers: orders.by_group(replay, numbers, grouped=False),
        "text-router": lambda replay, numbers: orders.by_text(replay, numbers, words),
        "per-kind": lambda replay, numbers: orders.by_group(replay, numbers, grouped=True),
    }
    for seed in range(seeds):

        def dqn(replay: Replay, numbers: Sequence[int], seed: int = seed) -> Policy:
            place = folder / f"{replay.deck.name}-{replay.error:g}-{hash(tuple(numbers)) & 0xFFFFFFFF:x}-{seed}"
            return learned.trained(replay, numbers, words, calls, seed, highest, place)

        made[f"dqn:{seed}"] = dqn
    return made


def compared(deck: Deck, made: Mapping[str, Fit], errors: Sequence[float], prices: Sequence[float]) -> list[Row]:
    """A row for each (policy, error rate, tries, price): 'scores' and 'calls', one an item in the deck's order."""
    cells: dict[tuple[str, float, int, float], tuple[np.ndarray, np.ndarray]] = {}
    todo = [(error, name, fold) for error in errors for name in made for fold in range(len(folds(Replay(deck))))]
    for error, name, fold in track(todo, deck.name, len(todo)):
        replay = Replay(deck, error)
        learn, test = folds(replay)[fold]
        policy = made[name](replay, learn)
        for tries in (1,) if name == "best single" else TRIES:
            for price in prices:
                empty = np.full(len(deck.items), np.nan), np.full(len(deck.items), np.nan)
                scores, calls = cells.setdefault((name, error, tries, price), empty)
                for number, (score, count) in zip(test, played(replay, policy, test, tries, price), strict=True):
                    scores[number], calls[number] = score, count
    return [
        {"policy": name, "error": error, "tries": tries, "price": price}
        | {"scores": [round(float(s), 4) for s in scores], "calls": [int(c) for c in calls]}
        for (name, error, tries, price), (scores, calls) in cells.items()
    ]


def worth(row: Row) -> np.ndarray:
    """Score less the price of the calls, item by item."""
    return np.asarray(row["scores"]) - row["price"] * np.asarray(row["calls"])


def summary(deck: Deck, rows: Sequence[Row]) -> dict[str, Any]:
    """Means with intervals over items (seeds of one item are one cluster), and what is learned against `AGAINST`."""
    ids = [item.id for item in deck.items]
    groups: dict[tuple[str, float, int, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["policy"].partition(":")[0], row["error"], row["tries"], row["price"]), []).append(row)
    cells = []
    for (name, error, tries, price), same in groups.items():
        values = np.concatenate([worth(row) for row in same])
        cell = {"policy": name, "error": error, "tries": tries, "price": price}
        cell["worth"] = estimate(list(values), ids * len(same), False).to_json()
        cell["score"] = float(np.mean([row["scores"] for row in same]))
        cell["calls"] = float(np.mean([row["calls"] for row in same]))
        if name == "dqn":
            rule = np.concatenate([worth(groups[AGAINST, error, tries, price][0])] * len(same))
            cell["against"] = paired(list(values), list(rule), ids * len(same)).to_json()
        cells.append(cell)
    judged = deck.table("judged")
    fixed = {"items": len(deck.items), "experts": list(deck.experts), "random": float(judged.mean())}
    return fixed | {"best of all": float(judged.max(axis=1).mean()), "cells": cells}


def page(result: Mapping[str, Any]) -> str:
    """The cells as Markdown: a table an error rate and price, a column a number of tries."""
    found, parts = result["figures"], []
    cells = {(c["policy"], c["error"], c["tries"], c["price"]): c for c in found["cells"]}
    for error in sorted({key[1] for key in cells}):
        for price in sorted({key[3] for key in cells}):
            rows = [
                [
                    name,
                    *(span(cells[key]["worth"], 3) if (key := (name, error, n, price)) in cells else "" for n in TRIES),
                ]
                for name in dict.fromkeys(key[0] for key in cells)
            ]
            more = [cells.get(("dqn", error, n, price)) for n in TRIES]
            if all(more):
                rows.append([f"dqn − {AGAINST}", *(verdict(cell["against"]) for cell in more if cell)])
            head = f"The critic is wrong in {error:.0%} of its verdicts; a call costs {price:g}."
            parts.append(f"{head}\n\n" + table(["policy", *(f"{n} tries" for n in TRIES)], rows))
    about = (
        f"`{result['deck']}`: {found['items']} items, {len(found['experts'])} experts; random {found['random']:.3f}, "
    )
    return "\n\n".join([about + f"the best of all for each item {found['best of all']:.3f}.", *parts])


def pages(results: Sequence[Mapping[str, Any]]) -> str:
    """Every saved deck, one after the other."""
    return "\n\n".join(f"### {result['deck']}\n\n{page(result)}" for result in results)


def main(argv: list[str] | None = None) -> int:
    """Plays, prints, perhaps saves, with the outcomes of every item."""
    parser = command_line("replay", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the recorded outcomes")
    parser.add_argument("--deck", default="i2ebench", choices=tuple(DECKS))
    parser.add_argument("--errors", nargs="*", type=float, default=[0.0, 0.1, 0.2])
    parser.add_argument("--prices", nargs="*", type=float, default=[0.0, 0.1], help="of a call, in units of score")
    parser.add_argument("--calls", type=int, default=3000, help="recorded calls that a learned policy trains on")
    parser.add_argument("--seeds", type=int, default=1, help="learned policies (0: the rules alone)")
    parser.add_argument("--embedder", default="minilm", choices=EMBEDDERS, help="of the prompts")
    asked = parser.parse_args(argv)
    try:
        deck = DECKS[asked.deck](asked.data)
        with TemporaryDirectory() as folder:
            made = fits(embedder(asked.embedder), asked.calls, asked.seeds, max([0.3, *asked.prices]), Path(folder))
            rows = compared(deck, made, asked.errors, asked.prices)
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    figures = {"deck": deck.name, "calls": asked.calls, "seeds": asked.seeds, "figures": summary(deck, rows)}
    return publish(asked, "replay", with_origin(figures, "replay"), page, rows)


if __name__ == "__main__":
    sys.exit(main())
