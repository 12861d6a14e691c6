"""A comparison as a page that stands alone: differences, win rates, strengths, and pairs of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from benchmarks._harness.report import picture_url, template
from benchmarks._harness.sources import Key, Source
from benchmarks._harness.statistics import whole
from benchmarks._harness.types import Row
from benchmarks._harness.votes import Vote
from experts.files import write_whole

SHOWN = 4
"""Items that are shown of each pair of systems where the first fares better, and as many where the second does."""


def write(
    path: Path,
    found: Mapping[str, Any],
    systems: Sequence[Source],
    rows: Mapping[str, Sequence[Row]],
    votes: Sequence[Vote] = (),
    prompts: Mapping[str, str] | None = None,
) -> Path:
    """Writes the page.

    Args:
        path: where to.
        found: what `benchmarks.compare` tells.
        systems: whose pictures are shown.
        rows: those of the same systems, by their names.
        votes: of a judge; they are told under the pictures.
        prompts: item -> what was asked.
    """
    texts = dict(prompts or {})
    for one in systems:
        texts = {**one.prompts, **texts}
    pairs = [
        {"a": a.name, "b": b.name, "tiles": [_tile(key, a, b, gap, votes, texts) for key, gap in _told(a, b, rows)]}
        for a, b in combinations(systems, 2)
    ]
    words = template("comparison.html.j2").render(found=found, names=[one.name for one in systems], pairs=pairs)
    write_whole(path, words.encode())
    return path


def _told(a: Source, b: Source, rows: Mapping[str, Sequence[Row]]) -> list[tuple[Key, float | None]]:
    """The items that are shown, with the difference of their scores: where either fares better by most."""
    first, second = ({(r.item, r.seed): r.score for r in whole(rows.get(one.name, ()))} for one in (a, b))
    common = [key for key in a.pictures if key in b.pictures]
    gaps = {key: first[key] - second[key] for key in common if key in first and key in second}
    ranked = sorted((key for key in gaps if gaps[key] == gaps[key]), key=lambda key: -gaps[key])
    chosen = [*[k for k in ranked[:SHOWN] if gaps[k] > 0], *[k for k in ranked[::-1][:SHOWN] if gaps[k] < 0]]
    return [(key, gaps[key]) for key in chosen] or [(key, gaps.get(key)) for key in common[: 2 * SHOWN]]


def _tile(
    key: Key, a: Source, b: Source, gap: float | None, votes: Sequence[Vote], texts: Mapping[str, str]
) -> dict[str, Any]:
    won = next((v.won for v in votes if (v.item, v.seed, v.a, v.b) == (*key, a.name, b.name)), None)
    return {
        "item": key[0] if not key[1] else f"{key[0]}, seed {key[1]}",
        "prompt": texts.get(key[0], ""),
        "gap": gap,
        "vote": {1.0: a.name, 0.0: b.name, 0.5: "neither"}.get(won, "") if won is not None else "",
        "start": picture_url(start) if (start := a.starts.get(key[0]) or b.starts.get(key[0])) else "",
        "urls": [picture_url(a.pictures[key]), picture_url(b.pictures[key])],
    }
