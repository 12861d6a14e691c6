"""Every embedded expert on every kind of request, read exactly: who is good at what.

`python -m benchmarks.experts [--n 100] [--json] [--save]`. Requests are of the test split, in the experts' words.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks._judge import judged
from benchmarks._results import command_line, publish, span, table, track, with_origin
from benchmarks._stats import Estimate, estimate
from experts.memory import Residency
from experts.pool import Pool
from experts.poster.reader import read
from experts.poster.requests import Trial, trial
from experts.poster.tasks import EDITS, KINDS
from experts.registry import builtin
from experts.types import Card, Job, Request

MAIN = {"few": "objects", "crowded": "objects", "count": "count"} | dict.fromkeys(EDITS, "done")
"""The figure that stands for a kind in the table."""
Figures = Mapping[str, Any]


def kinds_of(card: Card) -> tuple[str, ...]:
    """What an expert is asked for: kinds of scenes where it draws, verbs where it edits."""
    return KINDS if card.mode == "text-to-image" else EDITS


def jobs(expert: str, trials: Sequence[Trial], seed: int = 0) -> list[Job]:
    """The trials as calls of one expert, with the seeds `seed`, `seed` + 1, ..."""
    return [
        Job(expert, Request(asked.prompt, (asked.image,) if asked.image else (), size=(96, 96), seed=seed + k))
        for k, asked in enumerate(trials)
    ]


def measured(n: int, seed: int = 0, split: str = "test", only: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """`n` requests a kind for every expert: expert -> kind -> figure, and 'seconds': mean s an image."""
    registry, found = builtin(), dict[str, dict[str, Any]]()
    cards = [card for card in registry.cards if card.id.startswith("poster-") and (not only or card.id in only)]
    pool = Pool(registry, Residency("cpu"))
    for card, kind in track([(c, k) for c in cards for k in kinds_of(c)], "experts"):
        rng = np.random.default_rng((seed, (*KINDS, *EDITS).index(kind)))
        trials = [trial(rng, kind, split) for _ in range(n)]
        results = pool.run(jobs(card.id, trials))
        failures = [result.failure.message for result in results if result.failure]
        if failures:
            raise SystemExit(f"{card.id} failed {len(failures)} of {n} requests: {failures[0]}")
        rows = [judged(r.image, asked) for r, asked in zip(results, trials, strict=True) if r.image is not None]
        cell: dict[str, Any] = {key: estimate([row[key] for row in rows]).to_json() for key in rows[0]}
        seconds = round(float(np.mean([result.seconds for result in results])), 4)
        found.setdefault(card.id, {})[kind] = cell | {"seconds": seconds}
    return found


def best_of(found: Figures, kinds: Sequence[str]) -> dict[str, Any]:
    """The expert with the highest mean over `kinds`, and the kinds at which another's whole interval is above its."""
    names = [name for name in found if kinds[0] in found[name]]

    def at(name: str, kind: str) -> Mapping[str, float]:
        return found[name][kind][MAIN[kind]]

    best = max(names, key=lambda name: float(np.mean([at(name, kind)["mean"] for kind in kinds])))
    tops = {kind: max(names, key=lambda name: at(name, kind)["mean"]) for kind in kinds}
    beyond = [f"{kind}: {top}" for kind, top in tops.items() if at(top, kind)["low"] > at(best, kind)["high"]]
    return {"best_overall": best, "another_is_better_beyond_the_interval": beyond}


def autoencoder(n: int) -> Estimate:
    """Share of objects that are read again after encode and decode, on test scenes of 1 to 5 items, by scene."""
    import torch

    from experts.poster.render import render
    from experts.poster.tasks import draw_scene
    from experts.poster.train.bank import load_vae
    from experts.poster.train.vae import to_pictures, to_tensor

    rng, vae = np.random.default_rng(3), load_vae()
    scenes = [draw_scene(rng, "test") for _ in range(n)]
    with torch.no_grad():
        pixels = to_tensor([render(scene, rng) for scene in scenes])
        again = vae.decode(vae.encode(pixels).latent_dist.mode()).sample
    values, clusters = [], []
    for k, (picture, scene) in enumerate(zip(to_pictures(again), scenes, strict=True)):
        found = read(picture)
        values += [float(found.at(item.place or 0) == item) for item in scene.items]
        clusters += [k] * len(scene.items)
    return estimate(values, clusters)


def _block(found: Figures, title: str, kinds: Sequence[str]) -> str:
    names = [name for name, row in found.items() if kinds[0] in row]
    rows = []
    for name in names:
        cells = []
        for kind in kinds:
            row, key = found[name][kind], MAIN[kind]
            best = row[key]["mean"] == max(found[other][kind][key]["mean"] for other in names)
            text = f"**{span(row[key])}**" if best else span(row[key])
            cells.append(text + (f"<br>kept {row['kept']['mean']:.2f}" if "kept" in row else ""))
        rows.append([f"`{name}`", *cells])
    return table([title, *kinds], rows) if rows else ""


def page(found: Figures) -> str:
    """Expert x kind of request: the main figure with its interval, and what was kept."""
    parts = [
        f"n = {found['n']} requests a cell, mean [95 % interval]. Drawn scenes: share of objects right in shape, "
        "colour, size and place (`few`: 1 or 2 items, `crowded`: 4 or 5), `count`: share of scenes with every number "
        "right. Commands: share carried out, and the share of the other objects kept as they were.",
        _block(found["experts"], "scene drawn", KINDS),
        _block(found["experts"], "command", EDITS),
    ]
    if "editing" in found:
        beyond = [item.split(": ") for item in found["editing"]["another_is_better_beyond_the_interval"]]
        parts.append(
            f"The shared autoencoder gives back {span(found['autoencoder'], 3)} of the objects of {2 * found['n']} "
            f"test scenes. Best editor overall: `{found['editing']['best_overall']}`; another is better beyond the "
            f"intervals at {', '.join(f'{kind} (`{name}`)' for kind, name in beyond) or 'nothing'}."
        )
    return "\n\n".join(part for part in parts if part)


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = command_line("experts", __doc__)
    parser.add_argument("--n", type=int, default=100, help="requests a kind (default 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument("--only", nargs="*", default=(), help="these experts only")
    asked = parser.parse_args(argv)
    found = measured(asked.n, asked.seed, asked.split, asked.only)
    figures: dict[str, Any] = {"n": asked.n, "seed": asked.seed, "split": asked.split, "experts": found}
    if not asked.only:
        figures["autoencoder"] = autoencoder(2 * asked.n).to_json()
        figures |= {"generation": best_of(found, KINDS), "editing": best_of(found, EDITS)}
    return publish(asked, "experts", with_origin(figures, "experts"), page)


if __name__ == "__main__":
    sys.exit(main())
