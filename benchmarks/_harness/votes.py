"""Votes of people or judges on pairs of pictures: how they are written, what they come to, how far voters agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks._harness.data import field, read_lines
from benchmarks._stats import estimate

PRIOR = 0.5
"""Wins that each of a pair is given before any vote: a Bradley-Terry strength stays finite without a loss."""
ATTENTIVE = 0.75
"""Share of its attention checks that a rater has to pass; the votes of others are left out."""
WORTH = {"a": 1.0, "b": 0.0, "tie": 0.5}


class Vote(NamedTuple):
    """How `a` fared against `b`: 1 won, 0 lost, 0.5 a tie. `rater`: a random name, '' where nobody gave one."""

    item: str
    seed: int
    a: str
    b: str
    won: float
    rater: str = ""


class Votes(NamedTuple):
    """The votes that count; who rated, and who of them did not look (their votes are left out)."""

    votes: list[Vote]
    raters: tuple[str, ...] = ()
    inattentive: tuple[str, ...] = ()


def read(path: Path) -> Votes:
    """A file of votes: JSON lines {"item", "seed", "a", "b", "vote": "a" | "b" | "tie"}, and from the study page
    "rater", and "check": whether an attention check (which is no vote) was passed. Raises `BadData`."""
    found, checks = list[Vote](), dict[str, list[bool]]()
    for line, row in read_lines(path):
        where = f"{path}, line {line}"
        item, a, b, vote = (field(row, key, str, where) for key in ("item", "a", "b", "vote"))
        rater = field(row, "rater", str, where) if "rater" in row else ""
        if "check" in row:
            checks.setdefault(rater, []).append(field(row, "check", bool, where))
        elif vote not in WORTH:
            field({}, "vote", str, f"{where}: {vote!r} is not a, b or tie")
        else:
            seed = field(row, "seed", int, where) if "seed" in row else 0
            found.append(Vote(item, seed, a, b, WORTH[vote], rater))
    raters = tuple(dict.fromkeys([*(vote.rater for vote in found if vote.rater), *checks]))
    out = tuple(rater for rater, passed in checks.items() if np.mean(passed) < ATTENTIVE)
    return Votes([vote for vote in found if vote.rater not in out], raters, out)


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
    """Of each pair of systems: win rate (a tie is half a win) with its interval and s.e. by prompt, wins, ties, losses,
    the share of wins among decided votes with Wilson's interval, McNemar's exact p."""
    found = []
    for pair in sorted({(vote.a, vote.b) for vote in votes}):
        part = [vote for vote in votes if (vote.a, vote.b) == pair]
        rate = estimate([vote.won for vote in part], [vote.item for vote in part])
        wins, losses = sum(vote.won == 1 for vote in part), sum(vote.won == 0 for vote in part)
        error = (rate.high - rate.low) / 2 / float(stats.t.ppf(0.975, max(1, rate.clusters - 1)))
        p = float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
        share = stats.binomtest(wins, wins + losses).proportion_ci(method="wilson") if wins + losses else None
        decided = [wins / (wins + losses), float(share.low), float(share.high)] if share else [math.nan] * 3
        told = {
            "decided": dict(zip(("mean", "low", "high"), decided, strict=True)),
            "a": pair[0],
            "b": pair[1],
            "rate": rate.to_json(),
            "error": error,
            "wins": wins,
            "losses": losses,
        }
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


def between(votes: Sequence[Vote]) -> dict[str, float]:
    """Agreement of raters who saw the same pairs: share of pairs of votes that are the same, and Krippendorff's alpha
    for nominal values (1: perfect, 0: chance). NaN where nobody saw what another saw."""
    units: dict[tuple[Any, ...], list[float]] = {}
    for vote in votes:
        turned = vote.a > vote.b
        pair = (vote.b, vote.a) if turned else (vote.a, vote.b)
        units.setdefault((vote.item, vote.seed, *pair), []).append(1 - vote.won if turned else vote.won)
    seen = [values for values in units.values() if len(values) > 1]
    total = sum(map(len, seen))
    if not seen:
        return {"pairs": 0, "same": math.nan, "alpha": math.nan}
    found = [[x == y for x, y in combinations(values, 2)] for values in seen]
    differ = sum(2 * (len(f) - sum(f)) / (len(values) - 1) for f, values in zip(found, seen, strict=True)) / total
    counts = [sum(values.count(worth) for values in seen) for worth in WORTH.values()]
    chance = 1 - sum(n * (n - 1) for n in counts) / (total * (total - 1))
    same = float(np.mean([hit for f in found for hit in f]))
    return {"pairs": len(seen), "same": same, "alpha": 1 - differ / chance if chance else math.nan}
