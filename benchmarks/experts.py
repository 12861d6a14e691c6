"""Every embedded expert on every kind of request, read exactly: who is good at what.

`python -m benchmarks.experts [--n 100] [--json] [--save]`. Requests are of the test split, in the experts' words.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.result import save, with_origin
from benchmarks.stats import Estimate, estimate
from experts.memory import Residency
from experts.pool import Pool
from experts.poster.reader import read
from experts.poster.requests import Trial, trial
from experts.poster.scene import Scene, match
from experts.poster.tasks import EDITS, KINDS
from experts.registry import builtin
from experts.types import Job, Request


def generated(found: Scene, wanted: Scene) -> dict[str, float]:
    """Of a drawn scene: share of right objects; whether every group has the right number; exact or not."""
    have = Counter((item.shape, item.colour) for item in found.items)
    want = Counter((item.shape, item.colour) for item in wanted.items)
    result = match(found, wanted)
    return {
        "objects": result.right / result.wanted,
        "count": float(all(have[key] == count for key, count in want.items())),
        "exact": float(result.exact),
    }


def edited(found: Scene, before: Scene, wanted: Scene) -> dict[str, float]:
    """Of an edit: whether it was carried out (all that was to change did), and share of the other objects kept."""
    touched = set(before.items) ^ set(wanted.items)
    places = {item.place for item in touched}
    done = all(found.at(place or 0) == wanted.at(place or 0) for place in places)
    others = [item for item in before.items if item not in touched]
    return {
        "done": float(done and found.background == wanted.background),
        "kept": sum(found.at(item.place or 0) == item for item in others) / len(others) if others else float("nan"),
        "exact": float(match(found, wanted).exact),
    }


def judge(picture: Image.Image, asked: Trial) -> dict[str, float]:
    """The reader's figures of one picture."""
    found = read(picture)
    return generated(found, asked.wanted) if asked.before is None else edited(found, asked.before, asked.wanted)


def run(n: int, seed: int = 0, split: str = "test", only: list[str] | None = None) -> dict[str, Any]:
    """`n` requests a kind for every expert: {expert: {kind: {figure: Estimate, 'seconds': mean s an image}}}."""
    registry = builtin()
    names = [card.id for card in registry.cards if card.id.startswith("poster-") and (not only or card.id in only)]
    pool, table = Pool(registry, Residency("cpu")), dict[str, dict[str, Any]]()
    with tqdm(total=sum(len(_kinds(registry[name].card.mode)) for name in names), desc="experts", disable=None) as bar:
        for name in names:
            table[name] = {}
            for kind in _kinds(registry[name].card.mode):
                rng = np.random.default_rng((seed, (*KINDS, *EDITS).index(kind)))
                trials = [trial(rng, kind, split) for _ in range(n)]
                jobs = [
                    Job(name, Request(t.prompt, (t.image,) if t.image else (), size=(96, 96), seed=k))
                    for k, t in enumerate(trials)
                ]
                results = pool.run(jobs)
                rows = [judge(r.image, t) for r, t in zip(results, trials, strict=True) if r.image is not None]
                failures = [r.failure.message for r in results if r.failure]
                if failures:
                    raise SystemExit(f"{name} failed {len(failures)} of {n} requests: {failures[0]}")
                table[name][kind] = {key: estimate([row[key] for row in rows]) for key in rows[0]}
                table[name][kind]["seconds"] = float(np.mean([r.seconds for r in results]))
                bar.update()
    return table


def _kinds(mode: str) -> tuple[str, ...]:
    return KINDS if mode == "text-to-image" else EDITS


MAIN = {"few": "objects", "crowded": "objects", "count": "count"} | dict.fromkeys(EDITS, "done")
"""The figure that stands for a kind in the table."""


def overall_best(table: dict[str, Any], kinds: tuple[str, ...]) -> tuple[str, dict[str, tuple[str, bool]]]:
    """The expert with the highest mean over `kinds`; per kind the best one and whether its interval is wholly above."""
    names = [name for name in table if kinds[0] in table[name]]
    best = max(names, key=lambda name: np.mean([table[name][kind][MAIN[kind]].mean for kind in kinds]))
    verdict = {}
    for kind in kinds:
        top = max(names, key=lambda name: table[name][kind][MAIN[kind]].mean)
        apart = table[top][kind][MAIN[kind]].low > table[best][kind][MAIN[kind]].high
        verdict[kind] = (top, top != best and apart)
    return best, verdict


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


def markdown(table: dict[str, Any]) -> str:
    """Two tables: text-to-image experts by kind of scene, editors by verb."""
    blocks = []
    for kinds in (KINDS, EDITS):
        names = [name for name in table if kinds[0] in table[name]]
        if not names:
            continue
        lines = ["| expert | " + " | ".join(kinds) + " | s/image |", "|---" * (len(kinds) + 2) + "|"]
        for name in names:
            cells = []
            for kind in kinds:
                row = table[name][kind]
                main = row[MAIN[kind]]
                kept = f"<br>kept {row['kept'].mean:.3f}" if "kept" in row else f"<br>exact {row['exact'].mean:.2f}"
                cells.append(f"{main.mean:.2f} [{main.low:.2f}, {main.high:.2f}]{kept}")
            seconds = np.mean([table[name][kind]["seconds"] for kind in kinds])
            lines.append(f"| `{name}` | " + " | ".join(cells) + f" | {seconds:.3f} |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experts", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="requests a kind (default 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument("--only", nargs="*", help="these experts only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/experts.json")
    asked = parser.parse_args(argv)
    table = run(asked.n, asked.seed, asked.split, asked.only)
    plain = {
        name: {
            kind: {key: v.to_json() if isinstance(v, Estimate) else round(v, 4) for key, v in row.items()}
            for kind, row in kinds.items()
        }
        for name, kinds in table.items()
    }
    figures: dict[str, Any] = {"n": asked.n, "seed": asked.seed, "split": asked.split, "experts": plain}
    if not asked.only:
        figures["autoencoder"] = autoencoder(2 * asked.n).to_json()
        for label, kinds in (("generation", KINDS), ("editing", EDITS)):
            best, verdict = overall_best(table, kinds)
            beyond = [f"{kind}: {top}" for kind, (top, apart) in verdict.items() if apart]
            figures[label] = {"best_overall": best, "another_is_better_beyond_the_interval": beyond}
    figures = with_origin(figures, "benchmarks.experts")
    if asked.save:
        save("experts", figures)
    print(json.dumps(figures) if asked.json else markdown(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
