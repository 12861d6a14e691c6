"""`python -m benchmarks.people --policy greedy [--split PART|all] [--data FILE ...] [--meaning]`.

Meaning: the plan, carried out in symbols, equals gold. Right: the delivered picture shows gold, by the exact reader.
A claim is the agent's 'all satisfied'; it is false where the picture is wrong or the request cannot be done as asked.
Told: requests that cannot be done as asked of which the agent does not claim success. The judge is never the critic.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._judge import JUDGE, refuse_circular
from benchmarks._results import command_line, publish, span, table, track, with_origin
from benchmarks._stats import estimate
from benchmarks.people._requests import PARTS, Request, load
from experts.poster.language.reading import Reading
from experts.poster.language.reading import read as grammar
from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.scene import Scene
from experts.poster.understanding import understand
from poser.runs.ends import ends_of
from poser.types import PoserError

Row = dict[str, Any]
Reader = Callable[[str, Scene | None], Reading]


def meant(request: Request, reader: Reader = understand) -> Row:
    """How a request is understood on its true start scene: 'meaning' (None where it cannot be done), 'told', ms."""
    begun = time.perf_counter()
    reading = reader(request.prompt, request.start)
    took = 1000 * (time.perf_counter() - begun)
    right = None if request.gold is None else reading.target is not None and request.gold.shown(reading.target)
    return {"id": request.id, "meaning": right, "reads": not any(wish.end for wish in reading.wishes), "ms": took}


def fault(request: Request, row: Row) -> str:
    """Which part failed where the outcome is not as it should be: reading, expert or critic; '' where it is."""
    if request.gold is None:
        return "" if not row["claim"] else "critic" if not row["reads"] else "reading"
    if row["right"] and row["claim"]:
        return ""
    if not row["meaning"] or (row["right"] and not row["reads"]):
        return "reading"
    return "critic" if row["claim"] or row["right"] else "expert"


def summary(requests: Sequence[Request], rows: Sequence[Row]) -> dict[str, Any]:
    """The figures, proportions with their intervals."""
    pairs = list(zip(requests, rows, strict=True))
    possible = [row for request, row in pairs if request.gold is not None]
    others = [row for request, row in pairs if request.gold is None]
    figures = {"n": len(rows), "possible": len(possible), "meaning": _share(possible, "meaning")}
    figures["ms"] = {"mean": sum(row["ms"] for row in rows) / len(rows), "max": max(row["ms"] for row in rows)}
    if "claim" not in rows[0]:
        told = [{**row, "told": not row["reads"]} for row in others]
        read_wrongly = [{**row, "false": row["reads"] and not row["meaning"]} for row in rows]
        return figures | {
            "told": _share(told, "told"),
            "claimed": _share(rows, "reads"),
            "false": _share(read_wrongly, "false"),
        }
    for row in rows:
        row["false"] = row["claim"] and not (row["possible"] and row["right"])
    told = [{**row, "told": not row["claim"]} for row in others]
    figures |= {"right": _share(possible, "right"), "claimed": _share(rows, "claim"), "false": _share(rows, "false")}
    figures |= {"told": _share(told, "told"), "calls": sum(row["calls"] for row in rows) / len(rows)}
    figures["failed"] = {part: sum(row["fault"] == part for row in rows) for part in ("reading", "expert", "critic")}
    return figures


def _share(rows: Sequence[Row], name: str) -> Mapping[str, float | None] | None:
    if not rows:
        return None
    values = [float(bool(row[name])) for row in rows]
    return estimate(values, [row["id"] for row in rows], True).to_json()


def page(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    found = figures["figures"]
    shares = ("meaning", "right", "told", "claimed", "false")
    rows = [[name, span(found[name], 3)] for name in shares if found.get(name)]
    rows += [[f"failed: {part}", str(count)] for part, count in found.get("failed", {}).items()]
    rows.append(["ms to read a request: mean, max", f"{found['ms']['mean']:.1f}, {found['ms']['max']:.0f}"])
    head = (
        f"{found['n']} requests ({figures['split']}), {found['possible']} of them possible; policy {figures['policy']}."
    )
    return f"{head}\n\n{table(['figure', 'share [95 % interval]'], rows)}"


def overview(results: Sequence[Mapping[str, Any]]) -> str:
    """One row a saved result: which requests, which policy, the figures, and which part failed how often."""
    shares = ("meaning", "right", "told", "false")
    rows = []
    for found in results:
        figures, failed = found["figures"], found["figures"].get("failed", {})
        asked = "ours, " + found["split"] if found["split"] != "all" else "given ones"
        row = [asked, f"`{found['policy'].partition('@')[0]}`", f"{figures['n']} ({figures['possible']})"]
        row += [span(figures[name], 3) if figures.get(name) else "–" for name in shares]
        row += [" / ".join(str(failed.get(part, "–")) for part in ("reading", "expert", "critic"))]
        rows.append([*row, f"{figures['ms']['mean']:.1f}"])
    head = ["requests", "policy", "n (possible)", "meaning", "picture right", "impossible ones told", "false claims"]
    return table([*head, "failed: reading / expert / critic", "ms to read one"], rows)


def played(requests: Sequence[Request], preset: str, policy: str) -> tuple[str, list[Row]]:
    """The agent's id, and a row a request: each on its own, as a person would."""
    from poser.agent import Poser

    agent = Poser.from_pretrained(preset, policy=policy)
    refuse_circular(agent.mdp.critic.id)
    rows = []
    for request in track(requests, policy, len(requests)):
        out = agent(request.prompt, render(request.start) if request.start else None, seed=0)
        found = read(out.images[0]) if out.images else None
        wanted = request.gold or request.best
        row = meant(request) | {"possible": request.gold is not None, "claim": bool(out.satisfied)}
        row["right"] = found is not None and wanted.shown(found) if wanted else None
        row |= {"calls": len(out.trajectory.steps), "found": str(found) if found else None}
        row["ends"] = [ended._asdict() for ended in ends_of(out.trajectory)]
        rows.append(row | {"fault": fault(request, row)})
    return agent.policy_id, rows


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves, with one row a request."""
    parser = command_line("people", __doc__)
    parser.add_argument("--preset", default="poster")
    parser.add_argument("--policy", default="greedy")
    parser.add_argument("--split", default="development", choices=(*PARTS, "all"))
    parser.add_argument("--data", nargs="*", type=Path, help="other files of requests, whole (say --split all)")
    parser.add_argument("--meaning", action="store_true", help="only how they are understood, without a picture")
    parser.add_argument("--grammar", action="store_true", help="with --meaning: by the grammar alone")
    asked = parser.parse_args(argv)
    try:
        files = [file for name, file in PARTS.items() if asked.split in ("all", name)]
        requests = load(asked.data or files)
        if asked.meaning:
            reader = grammar if asked.grammar else understand
            policy, rows = (
                ("grammar only" if asked.grammar else "words only"),
                [meant(request, reader) for request in requests],
            )
        else:
            policy, rows = played(requests, asked.preset, asked.policy)
    except (PoserError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    figures = {"policy": policy, "split": asked.split, "judge": JUDGE, "figures": summary(requests, rows)}
    return publish(asked, "people", with_origin(figures, "people"), page, rows)


if __name__ == "__main__":
    sys.exit(main())
