"""Pre-encoded training data: scenes with captions, chains of edits with commands, as latents and token ids.

Banks are built once from the 'train' split and kept beside the checkpoints; combinations of other splits never enter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from rich.progress import Progress

from experts.poster.instruction import Instruction, apply, canonical
from experts.poster.phrases import phrase
from experts.poster.render import jitters, render
from experts.poster.scene import COLOURS, SHAPES, SIZES, Item, Scene
from experts.poster.tasks import EDITS, FULL, KINDS, draw_edit, draw_scene
from experts.poster.train.loop import FOLDER, device
from experts.poster.train.store import WEIGHTS
from experts.poster.train.vae import to_tensor
from experts.poster.train.vocabulary import LENGTH, LONG, tokenizer

SCENES = 40_000
FULL_SCENES = 30_000
PAIRS = 60_000


@dataclass(frozen=True)
class Bank:
    """N training examples.

    latents: [M, 16, 6, 6] half, raw means of the autoencoder; target, source: [N] rows of `latents` (source -1: none);
    ids: [N, 2, 48] token ids (72 of full scenes), in the experts' words and in a training phrasing; tags: [N] kind or
    verb number; facts: [M, 28] what each picture shows (`facts`).
    """

    latents: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor
    ids: torch.Tensor
    tags: torch.Tensor
    facts: torch.Tensor


def facts(scene: Scene) -> list[int]:
    """A scene in 28 numbers: shape, colour and size (1.., 0: nothing) of each of the 9 cells, then the background."""
    numbers = [0] * 27 + [list(COLOURS).index(scene.background)]
    for item in scene.items:
        named = SHAPES.index(item.shape), list(COLOURS).index(item.colour), SIZES.index(item.size)
        numbers[3 * (item.place or 0) : 3 * (item.place or 0) + 3] = [number + 1 for number in named]
    return numbers


def load_vae() -> AutoencoderKL:
    """The trained autoencoder, fp32, frozen."""
    vae = AutoencoderKL.from_pretrained(WEIGHTS / "vae", dtype=torch.float32)
    return vae.to(device(), memory_format=torch.channels_last).requires_grad_(False).eval()


Chunk = tuple[list[Image.Image], list[list[int]], list[tuple[int, int, str, str, int]]]
"""Pictures, the facts of each, and rows of (source, target, canonical words, other words, tag)."""


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: list[Image.Image]) -> torch.Tensor:
    """Pictures -> raw latents [N, 16, 6, 6], half, on the CPU."""
    parts = [to_tensor(pictures[k : k + 32]) for k in range(0, len(pictures), 32)]
    return torch.cat([vae.encode(part).latent_dist.mode().half().cpu() for part in parts])


def token_ids(texts: list[str], length: int = LENGTH) -> torch.Tensor:
    """Texts -> [N, length], padded."""
    kept = {"padding": "max_length", "truncation": True, "max_length": length}
    return tokenizer()(texts, return_tensors="pt", **kept).input_ids


def follow(
    scene: Scene, edit: Instruction, jitter: dict[Item, tuple[float, float, float]], rng: np.random.Generator
) -> tuple[Scene, dict[Item, tuple[float, float, float]]]:
    """The scene after an edit, with the jitter of what stayed; what changed keeps its shift if it keeps its place."""
    after = apply(scene, edit)
    fresh = jitters(after, rng)
    by_place = {item.place: move for item, move in jitter.items()}
    return after, {item: jitter.get(item, by_place.get(item.place, fresh[item])) for item in after.items}


def _scene_chunk(rng: np.random.Generator, count: int, shares: Sequence[float] = (0.4, 0.35, 0.25)) -> Chunk:
    pictures, shown, rows = [], [], []
    for k in range(count):
        tag = int(rng.choice(len(shares), p=shares))
        scene = draw_scene(rng, "train", (*KINDS, FULL)[tag])
        made = Instruction("generate", items=scene.items, background=scene.background)
        pictures.append(render(scene, rng))
        shown.append(facts(scene))
        rows.append((-1, k, canonical(made), phrase(made, rng), tag))
    return pictures, shown, rows


def _full_chunk(rng: np.random.Generator, count: int) -> Chunk:
    return _scene_chunk(rng, count, (0.1, 0.2, 0.2, 0.5))


def _pair_chunk(rng: np.random.Generator, count: int) -> Chunk:
    pictures, shown, rows = list[Image.Image](), list[list[int]](), list[tuple[int, int, str, str, int]]()
    while len(rows) < count:
        scene = draw_scene(rng, "train", ("any", "any", *KINDS)[int(rng.integers(5))])
        jitter = jitters(scene, rng)
        pictures.append(render(scene, jitter=jitter))
        shown.append(facts(scene))
        first, before = len(pictures) - 1, None
        for _ in range(5):
            tag = int(rng.integers(len(EDITS)))
            edit = draw_edit(scene, rng, EDITS[tag])
            if edit is None:
                continue
            after, jitter = follow(scene, edit, jitter, rng)
            pictures.append(render(after, jitter=jitter))
            shown.append(facts(after))
            rows.append((first, len(pictures) - 1, canonical(edit), phrase(edit, rng), tag))
            if before is not None and rng.random() < 0.4:
                both = (f"{before[0]}, then {canonical(edit)}", f"{before[1]} and then {phrase(edit, rng)}")
                rows.append((first - 1, len(pictures) - 1, *both, len(EDITS)))
            before = (rows[-1][2], rows[-1][3]) if rows[-1][4] < len(EDITS) else None
            scene, first = after, len(pictures) - 1
    return pictures, shown, rows


def bank(kind: str) -> Bank:
    """The bank of 'scenes' (tags: `KINDS`), of 'full' ones (tags: `KINDS`, then `FULL`) or of 'pairs' (tags: `EDITS`,
    then 'two edits'), built on first use."""
    path = FOLDER / f"bank-{kind}.pt"
    if not path.exists():
        rng, vae = np.random.default_rng({"scenes": 11, "pairs": 12, FULL: 13}[kind]), load_vae()
        chunk = {"scenes": _scene_chunk, "pairs": _pair_chunk, FULL: _full_chunk}[kind]
        wanted = {"scenes": SCENES, "pairs": PAIRS, FULL: FULL_SCENES}[kind]
        length = LONG if kind == FULL else LENGTH
        latents, ids, shown, done = list[torch.Tensor](), list[torch.Tensor](), list[list[int]](), 0
        source, target, tags = list[int](), list[int](), list[int]()
        with Progress(transient=True) as bar:
            counted = bar.add_task(f"bank of {kind}", total=wanted)
            while len(tags) < wanted:
                pictures, seen, rows = chunk(rng, 512)
                shown += seen
                latents.append(encode(vae, pictures))
                source += [row[0] + done if row[0] >= 0 else -1 for row in rows]
                target += [row[1] + done for row in rows]
                texts = ([r[2] for r in rows], [r[3] for r in rows])
                ids.append(torch.stack([token_ids(part, length) for part in texts], dim=1))
                tags += [row[4] for row in rows]
                done += len(pictures)
                bar.advance(counted, len(rows))
        state = {"latents": torch.cat(latents), "source": torch.tensor(source), "target": torch.tensor(target)}
        state |= {
            "ids": torch.cat(ids).short(),
            "tags": torch.tensor(tags),
            "facts": torch.tensor(shown).to(torch.int8),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
    return Bank(**torch.load(path, weights_only=True))
