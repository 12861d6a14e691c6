"""Win rates of two or more systems: `python -m benchmarks.compare RUN_A RUN_B ... [--judge NAME] [--votes FILE]`.

A run is the folder of a benchmark (`--out`): its rows give paired differences of item scores. With `--judge`, its
pictures are compared pair by pair as well: blind, each pair in both orders, so that a judge that prefers a side gives a
tie. `--votes` are people's: JSON lines {"item", "seed", "a", "b", "vote": "a" | "b" | "tie"}, as the study page writes
them; then the agreement of judge and people is told. Table 3 of Image-POSER (arXiv:2511.11780) is of this kind.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks._harness import judges, rows
from benchmarks._harness.data import field, read_json, read_lines
from benchmarks._harness.run import PICTURES, RESULT
from benchmarks._harness.statistics import against, whole
from benchmarks._harness.types import Asked, Judge, Row
from benchmarks._results import number, table
from benchmarks._stats import estimate
from experts.images import ImageError, open_image
from poser.types import PoserError

PRIOR = 0.5
"""Wins that each of a pair is given before any vote: a Bradley-Terry strength stays finite without a loss."""


class Vote(NamedTuple):
    """How `a` fared against `b`: 1 won, 0 lost, 0.5 a tie."""

    item: str
    seed: int
    a: str
    b: str
    won: float


def loaded(folders: Sequence[Path]) -> dict[str, tuple[Path, list[Row]]]:
    """System -> folder and rows. Raises `PoserError` for a folder that holds no run, or two of the same system."""
    found: dict[str, tuple[Path, list[Row]]] = {}
    for folder in folders:
        if not (folder / RESULT).is_file():
            raise PoserError(f"{folder} holds no finished run; give the --out of a benchmark")
        name = str(read_json(folder / RESULT).get("system", folder.name))
        name = name if name not in found else folder.name
        if name in found:
            raise PoserError(f"{folder}: the system {name!r} stands there twice; rename one of the folders")
        found[name] = folder, rows.read(folder)
    return found


def judged(runs: Mapping[str, tuple[Path, list[Row]]], judge: Judge, prompts: Mapping[str, str]) -> list[Vote]:
    """A vote for each pair of systems and each item that both have a picture of."""
    votes = []
    for a, b in combinations(runs, 2):
        for row in whole(runs[a][1]):
            left, right = (_picture(runs[name][0], row) for name in (a, b))
            if left is not None and right is not None:
                votes.append(Vote(row.item, row.seed, a, b, _preferred(judge, row, left, right, prompts)))
    return [vote for vote in votes if not math.isnan(vote.won)]


def _preferred(judge: Judge, row: Row, left: Any, right: Any, prompts: Mapping[str, str]) -> float:
    """1, 0.5 or 0: both orders are asked, and a side that is preferred in one of them alone is no win."""
    text = prompts.get(row.item, row.item)
    first, second = judge(
        [
            Asked(row.item, "ab", "choice", text, (left, right), seed=row.seed),
            Asked(row.item, "ba", "choice", text, (right, left), seed=row.seed),
        ]
    )
    p, q = float(first.value), float(second.value)
    if math.isnan(p) or math.isnan(q):
        return math.nan
    return 1.0 if p > 0.5 > q else 0.0 if p < 0.5 < q else 0.5


def _picture(folder: Path, row: Row) -> Any:
    for name in (f"{row.item}.png", f"{row.item}-{row.seed}.png", f"{row.item}/{row.seed}.png"):
        try:
            return open_image(folder / PICTURES / name)
        except (ImageError, OSError):
            continue
    return None


def read_votes(path: Path) -> list[Vote]:
    """People's votes. Raises `BadData`."""
    found = []
    for line, row in read_lines(path):
        where = f"{path}, line {line}"
        texts = [field(row, key, str, where) for key in ("item", "a", "b", "vote")]
        worth = {"a": 1.0, "b": 0.0, "tie": 0.5}.get(texts[3])
        if worth is None:
            field({}, "vote", str, f"{where}: {texts[3]!r} is not a, b or tie")
        found.append(Vote(texts[0], int(row.get("seed", 0)), texts[1], texts[2], float(worth or 0.0)))
    return found


def bradley_terry(votes: Sequence[Vote]) -> dict[str, float]:
    """Strength of each system: log-odds of winning against the mean one; ties are half a win for either.

    Maximum likelihood by Hunter's iteration (2004) with `PRIOR` wins of either side for every pair that met.
    """
    names = sorted({name for vote in votes for name in (vote.a, vote.b)})
    wins = np.zeros((len(names), len(names)))
    for vote in votes:
        a, b = names.index(vote.a), names.index(vote.b)
        wins[a, b] += vote.won
        wins[b, a] += 1 - vote.won
    met = wins + wins.T > 0
    wins = wins + PRIOR * met
    strength = np.ones(len(names))
    for _ in range(2000):
        games = wins + wins.T
        new = wins.sum(axis=1) / (games / (strength[:, None] + strength[None, :])).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        if float(np.abs(new - strength).max()) < 1e-10:
            break
        strength = new
    return {name: float(np.log(value)) for name, value in zip(names, strength, strict=True)}


def rates(votes: Sequence[Vote]) -> list[dict[str, Any]]:
    """Of each pair of systems: win rate with its interval and s.e. by prompt, wins, ties, losses, McNemar's exact p."""
    found = []
    for pair in sorted({(vote.a, vote.b) for vote in votes}):
        part = [vote for vote in votes if (vote.a, vote.b) == pair]
        rate = estimate([vote.won for vote in part], [vote.item for vote in part])
        wins, losses = sum(vote.won == 1 for vote in part), sum(vote.won == 0 for vote in part)
        error = (rate.high - rate.low) / 2 / float(stats.t.ppf(0.975, max(1, rate.clusters - 1)))
        p = float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
        told = {"a": pair[0], "b": pair[1], "rate": rate.to_json(), "error": error, "wins": wins, "losses": losses}
        found.append({**told, "ties": len(part) - wins - losses, "p": p})
    return found


def agreement(ours: Sequence[Vote], theirs: Sequence[Vote]) -> dict[str, float]:
    """Share of pairs on which two sets of votes agree (ties apart), and Cohen's kappa over a, b and tie."""
    first = {vote[:4]: vote.won for vote in ours} | {
        (v.item, v.seed, v.b, v.a): 1 - v.won for v in ours if (v.item, v.seed, v.b, v.a) not in {x[:4] for x in ours}
    }
    pairs = [(first[vote[:4]], vote.won) for vote in theirs if vote[:4] in first]
    clear = [(a, b) for a, b in pairs if 0.5 not in (a, b)]
    same = float(np.mean([a == b for a, b in pairs])) if pairs else math.nan
    chance = sum(
        np.mean([a == v for a, _ in pairs]) * np.mean([b == v for _, b in pairs]) for v in (0, 0.5, 1) if pairs
    )
    kappa = (same - float(chance)) / (1 - float(chance)) if pairs and chance < 1 else math.nan
    return {
        "pairs": len(pairs),
        "clear": float(np.mean([a == b for a, b in clear])) if clear else math.nan,
        "kappa": kappa,
    }


def compared(
    runs: Mapping[str, tuple[Path, list[Row]]], votes: Sequence[Vote], people: Sequence[Vote]
) -> dict[str, Any]:
    """Everything that is told."""
    scores = [{"a": a, "b": b, **against(runs[a][1], runs[b][1])} for a, b in combinations(runs, 2)]
    found: dict[str, Any] = {"scores": scores, "votes": rates(votes), "people": rates(people)}
    found["strength"] = bradley_terry(votes) if votes else {}
    found["people_strength"] = bradley_terry(people) if people else {}
    found["agreement"] = agreement(votes, people) if votes and people else None
    return found


def page(found: Mapping[str, Any]) -> str:
    """As Markdown."""
    lines = [
        [f"{row['a']} − {row['b']}", _span(row["difference"]), f"{row['p']:.3f}", f"{row['win_rate']:.3f}", row["word"]]
        + [number(row["smallest"], 3)]
        for row in found["scores"]
    ]
    head = ["item scores, paired", "difference", "p (sign flip)", "win rate, ties halves", "", "smallest seen"]
    parts = [table(head, lines)]
    for key, who in (("votes", "judge, blind, both orders"), ("people", "people")):
        lines = [
            [f"{row['a']} against {row['b']}", f"{100 * row['rate']['mean']:.1f} % ± {100 * row['error']:.1f}"]
            + [f"{row['wins']} / {row['ties']} / {row['losses']}", f"{row['p']:.3f}"]
            for row in found[key]
        ]
        if lines:
            parts.append(table([f"win rate ({who})", "± s.e. by prompt", "wins / ties / losses", "p (McNemar)"], lines))
    for key in ("strength", "people_strength"):
        if len(found[key]) > 2:
            ranked = sorted(found[key].items(), key=lambda pair: -pair[1])
            parts.append(table(["Bradley-Terry", "log-odds"], [[name, f"{value:+.2f}"] for name, value in ranked]))
    if found["agreement"]:
        told = found["agreement"]
        parts.append(
            f"Judge and people agree on {number(told['clear'])} of the pairs that both decided "
            f"({told['pairs']} pairs in all; kappa {number(told['kappa'])})."
        )
    return "\n\n".join(parts)


def _span(figure: Mapping[str, Any]) -> str:
    return f"{figure['mean']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]"


def main(argv: list[str] | None = None) -> int:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders that benchmarks wrote (--out)")
    parser.add_argument("--judge", help="chat:MODEL or recorded:FILE: compares their pictures")
    parser.add_argument("--prompts", type=Path, help="JSON object: item -> prompt, told to the judge")
    parser.add_argument("--votes", type=Path, help="people's votes, JSON lines")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    try:
        if len(asked.runs) < 2:
            raise PoserError("one run alone cannot be compared; give two or more folders")
        runs = loaded(asked.runs)
        prompts = read_json(asked.prompts) if asked.prompts else {}
        votes = judged(runs, judges.load(asked.judge), prompts) if asked.judge else []
        found = compared(runs, votes, read_votes(asked.votes) if asked.votes else [])
    except (PoserError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found) if asked.json else page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
