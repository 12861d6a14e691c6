"""Win rates of two or more systems: `python -m benchmarks.compare RUN_A RUN_B ... [--judge NAME] [--votes FILE]
[--page FILE.html]`.

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
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from benchmarks._harness import comparison, judges, rows, votes
from benchmarks._harness.data import read_json
from benchmarks._harness.run import RESULT
from benchmarks._harness.sources import Source, judged, source
from benchmarks._harness.statistics import against
from benchmarks._harness.types import Row
from benchmarks._harness.votes import Vote, Votes
from benchmarks._results import number, table
from poser.types import PoserError

NOBODY = Votes([])


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


def pictures(name: str, folder: Path) -> Source:
    """A run's pictures under the name that it has here; none where its answers were recorded."""
    try:
        return replace(source(folder), name=name)
    except PoserError:
        return Source(name, {})


def compared(
    runs: Mapping[str, tuple[Path, list[Row]]], judge: Sequence[Vote] = (), people: Votes = NOBODY
) -> dict[str, Any]:
    """Everything that is told."""
    scores = [{"a": a, "b": b, **against(runs[a][1], runs[b][1])} for a, b in combinations(runs, 2)]
    return {"scores": scores, **voted(judge, people)}


def voted(judge: Sequence[Vote], people: Votes) -> dict[str, Any]:
    """What the votes come to."""
    found: dict[str, Any] = {"votes": votes.rates(judge), "people": votes.rates(people.votes)}
    found["strength"] = votes.bradley_terry(judge) if judge else {}
    found["people_strength"] = votes.bradley_terry(people.votes) if people.votes else {}
    found["agreement"] = votes.agreement(judge, people.votes) if judge and people.votes else None
    found["raters"] = {"raters": len(people.raters), "inattentive": len(people.inattentive)}
    found["raters"] |= votes.between(people.votes)
    return found


def page(found: Mapping[str, Any]) -> str:
    """As Markdown."""
    lines = [
        [f"{row['a']} − {row['b']}", _span(row["difference"]), f"{row['p']:.3f}", f"{row['win_rate']:.3f}", row["word"]]
        + [number(row["smallest"], 3)]
        for row in found["scores"]
    ]
    head = ["item scores, paired", "difference", "p (sign flip)", "win rate, ties halves", "", "smallest seen"]
    parts = [table(head, lines)] if lines else []
    for key, who in (("votes", "judge, blind, both orders"), ("people", "people")):
        lines = [
            [f"{row['a']} against {row['b']}", f"{100 * row['rate']['mean']:.1f} % ± {100 * row['error']:.1f}"]
            + [f"{row['wins']} / {row['ties']} / {row['losses']}", _share(row["decided"]), f"{row['p']:.3f}"]
            for row in found[key]
        ]
        if lines:
            heads = [f"win rate ({who})", "± s.e. by prompt", "wins / ties / losses", "of decided (Wilson 95 %)"]
            parts.append(table([*heads, "p (McNemar)"], lines))
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
    told = found["raters"]
    if told["raters"]:
        parts.append(
            f"{told['raters']} raters, {told['inattentive']} left out by their attention checks; on {told['pairs']} "
            f"pairs that several saw, {number(told['same'])} of their votes are the same (Krippendorff's alpha "
            f"{number(told['alpha'])})."
        )
    return "\n\n".join(parts)


def _share(figure: Mapping[str, Any]) -> str:
    return "–" if math.isnan(figure["mean"]) else "{mean:.2f} [{low:.2f}, {high:.2f}]".format(**figure)


def _span(figure: Mapping[str, Any]) -> str:
    return f"{figure['mean']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]"


def main(argv: list[str] | None = None) -> int:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders that benchmarks wrote (--out)")
    parser.add_argument("--judge", help="chat:MODEL or recorded:FILE: compares their pictures")
    parser.add_argument("--prompts", type=Path, help="JSON object: item -> prompt, told to the judge")
    parser.add_argument("--votes", type=Path, help="people's votes, JSON lines")
    parser.add_argument("--page", type=Path, help="writes a page with the tables and pairs of pictures: FILE.html")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    try:
        if len(asked.runs) < 2:
            raise PoserError("one run alone cannot be compared; give two or more folders")
        runs = loaded(asked.runs)
        prompts = read_json(asked.prompts) if asked.prompts else {}
        systems = [pictures(name, folder) for name, (folder, _) in runs.items()]
        if asked.judge and sum(bool(one.pictures) for one in systems) < 2:
            raise PoserError("fewer than two of these runs have pictures for a judge to look at; leave --judge out")
        said = judged(systems, judges.load(asked.judge), prompts) if asked.judge else []
        found = compared(runs, said, votes.read(asked.votes) if asked.votes else NOBODY)
        if asked.page:
            comparison.write(asked.page, found, systems, {name: own for name, (_, own) in runs.items()}, said, prompts)
    except (PoserError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found) if asked.json else page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
