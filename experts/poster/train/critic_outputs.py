"""Pictures that look generated: renders through the shared autoencoder, and the experts' own outputs, read back."""

from __future__ import annotations

import json
import zlib
from dataclasses import astuple
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from experts.poster.instruction import apply, canonical
from experts.poster.reader import read
from experts.poster.requests import trial
from experts.poster.scene import UNKNOWN, Item, Scene
from experts.poster.tasks import EDITS, KINDS, SPLITS, draw_edit
from experts.poster.train.critic_data import Sample
from experts.poster.train.loop import FOLDER, device
from experts.poster.train.store import WEIGHTS
from experts.poster.train.vae import to_pictures, to_tensor
from experts.types import Job, Request

OUTPUTS = FOLDER / "outputs"
"""Experts' outputs: `train-*.png` to learn from, `test-*.png` to be measured on; not committed."""

TAG = "wanted"
"""Name of the text chunk that holds the scene that was asked for."""


class Blurrer:
    """Renders -> what a diffusion model of little skill might decode: their latents, noisy or mixed, decoded.

    Without a trained autoencoder pictures come back as they are.
    """

    def __init__(self, folder: Path = WEIGHTS / "vae") -> None:
        self.vae = None
        if (folder / "config.json").exists():
            from diffusers import AutoencoderKL

            self.vae = AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True)
            self.vae = self.vae.to(device()).eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, samples: list[Sample], rng: np.random.Generator) -> list[Sample]:
        """Same length and order; labelled anew by the reader."""
        if self.vae is None or not samples:
            return samples
        latents = self.vae.encode(to_tensor([s.picture for s in samples])).latent_dist.mode()
        strength = torch.from_numpy(rng.uniform(0, 0.5, len(samples)) * rng.integers(0, 2, len(samples)))
        latents = latents + latents.std() * strength.to(latents)[:, None, None, None] * torch.randn_like(latents)
        mixture = torch.rand(len(samples), 1, 3, 3, device=latents.device)
        mixture = mixture * (torch.rand_like(mixture) < 0.12)  # one cell in eight, by any share
        cells = mixture.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        latents = torch.lerp(latents, latents.roll(1, dims=0), cells)
        pictures = to_pictures(self.vae.decode(latents).sample)
        return [Sample(picture, read(picture)) for picture in pictures]


def _tagged(scene: Scene) -> PngInfo:
    """The scene as text inside a PNG file."""
    info = PngInfo()
    info.add_text(TAG, json.dumps([scene.background, [list(astuple(item)) for item in scene.items]]))
    return info


def outputs(split: str, folder: Path = OUTPUTS) -> list[Sample]:
    """The collected outputs of a split in the order of their names, each read by the reader; [] where none are."""
    samples = []
    for path in sorted(folder.glob(f"{split}-*.png")):
        with Image.open(path) as picture:
            rgb = picture.convert("RGB")
            tag = picture.info.get(TAG)
        wanted = None
        if tag:
            background, items = json.loads(tag)
            wanted = Scene(background, tuple(Item(*item) for item in items))
        samples.append(Sample(rgb, read(rgb), wanted))
    return samples


def _trials(
    mode: str, split: str, count: int, rng: np.random.Generator, painted: list[Image.Image]
) -> list[tuple[Request, Scene]]:
    """Requests of every kind in turn, with the scenes they ask for; every other edit is of an earlier output, as in a
    chain of experts."""
    kinds, requests = (KINDS if mode == "text-to-image" else EDITS), []
    for k in range(count):
        made = trial(rng, kinds[k % len(kinds)], split)
        prompt, image, wanted = made.prompt, made.image, made.wanted
        if image is not None and painted and k % 2:
            other = painted[int(rng.integers(len(painted)))]
            scene = _named(read(other))
            edit = draw_edit(scene, rng, kinds[k % len(kinds)])
            if edit is not None:
                prompt, image, wanted = canonical(edit), other, apply(scene, edit)
        request = Request(prompt, (image,) if image else (), seed=int(rng.integers(2**31)))
        requests.append((request, wanted))
    return requests


def _named(scene: Scene) -> Scene:
    """The scene less what the reader cannot name."""
    return Scene(scene.background, tuple(item for item in scene.items if item.shape != UNKNOWN))


def collect(count: int, folder: Path = OUTPUTS, splits: tuple[str, ...] = ("train", "test")) -> dict[str, int]:
    """Lets every trained poster expert paint `count` pictures of the train split and a quarter as many of 'test'.

    Editors work on renders and on what the painters made. Returns how many pictures each expert gave.
    """
    from experts.pool import Pool
    from experts.poster.roster import entries
    from experts.registry import Registry

    there = [entry for entry in entries() if not entry.missing()]
    pool, given = Pool(Registry(there)), dict.fromkeys((entry.card.id for entry in there), 0)
    folder.mkdir(parents=True, exist_ok=True)
    for split in splits:
        wanted = count if split == "train" else max(1, count // 4)
        painted: list[Image.Image] = []
        for entry in sorted(there, key=lambda entry: entry.card.mode != "text-to-image"):
            rng = np.random.default_rng((zlib.crc32(entry.card.id.encode()), SPLITS.index(split)))
            trials = _trials(entry.card.mode, split, wanted, rng, painted)
            results = pool.run([Job(entry.card.id, request) for request, _ in trials])
            for k, (result, (_, scene)) in enumerate(zip(results, trials, strict=True)):
                if result.image is not None:
                    painted.append(result.image)
                    given[entry.card.id] += 1
                    result.image.save(folder / f"{split}-{entry.card.id}-{k:04d}.png", pnginfo=_tagged(scene))
    return given
