"""Training jobs of the six embedded experts: what each one sees is what makes it good at something."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from experts.local._pipeline import PipelineExpert
from experts.memory import DeviceLock
from experts.poster.reader import read
from experts.poster.requests import trial
from experts.poster.roster import ROSTER
from experts.poster.scene import SIDE, match
from experts.poster.tasks import EDITS, FULL, KINDS
from experts.poster.train.bank import Bank, bank
from experts.poster.train.family import Batch, Family
from experts.poster.train.flux import Flux
from experts.poster.train.lesson import Lesson
from experts.poster.train.loop import Schedule, device
from experts.poster.train.pixart import PixArt
from experts.poster.train.store import WEIGHTS
from experts.poster.train.unet import UNet
from experts.poster.train.vocabulary import LONG
from experts.registry import from_config
from experts.types import Request

SOURCE_NOISE = 0.05
"""Noise on the source latents of editors, so that they accept pictures that went through the autoencoder before."""
LESSON = 0.2
"""Weight of the lesson (`lesson`) beside the diffusion loss."""
PHRASED = 0.2
"""Share of prompts in a training phrasing instead of the experts' own words."""
DROPPED = 0.08
"""Share of empty prompts, for classifier-free guidance."""


@dataclass(frozen=True)
class Diet:
    """What an expert is trained on: the share of each kind of scene (`KINDS`) or edit (`EDITS`, then 'two').

    `start` names the expert whose weights it begins with, as the full-size editors began with the models that draw;
    `taught`: whether it names what is in each cell while it learns to draw (`lesson`).
    """

    family: Family
    shares: dict[str, float]
    schedule: Schedule
    start: str = ""
    taught: bool = True

    @property
    def edits(self) -> bool:
        """Whether it changes pictures instead of making them."""
        return set(self.shares) <= {*EDITS, "two"}


DIETS = {
    "poster-sd": Diet(
        UNet(),
        {"few": 0.9, "count": 0.05, "crowded": 0.05},
        Schedule(steps=5000, batch=48, rate=1.8e-3, evaluate_every=500),
        taught=False,
    ),
    "poster-pixart": Diet(
        PixArt(),
        {"crowded": 0.5, "count": 0.5},
        Schedule(steps=5000, batch=48, rate=1.5e-3, evaluate_every=500),
    ),
    "poster-flux": Diet(
        Flux(),
        {"few": 0.6, "count": 0.2, "crowded": 0.2},
        Schedule(steps=2500, batch=48, rate=1.5e-3, evaluate_every=500),
    ),
    "poster-ip2p": Diet(
        UNet(edits=True),
        {
            "add": 0.32,
            "remove": 0.26,
            "move": 0.32,
            "recolour": 0.03,
            "replace": 0.03,
            "resize": 0.02,
            "background": 0.02,
        },
        Schedule(steps=10_000, batch=48, rate=1.5e-3, evaluate_every=500),
    ),
    "poster-magicbrush": Diet(
        UNet(edits=True),
        {
            "recolour": 0.33,
            "replace": 0.33,
            "resize": 0.2,
            "add": 0.04,
            "remove": 0.04,
            "move": 0.03,
            "background": 0.03,
        },
        Schedule(steps=12_000, batch=48, rate=1.5e-3, evaluate_every=500, seed=1),
    ),
    "poster-kontext": Diet(
        Flux(edits=True),
        {
            "background": 0.5,
            "two": 0.1,
            "recolour": 0.1,
            "add": 0.08,
            "remove": 0.08,
            "replace": 0.05,
            "move": 0.05,
            "resize": 0.04,
        },
        Schedule(steps=10_000, batch=48, rate=1.2e-3, evaluate_every=500),
        start="poster-flux",
    ),
}
LONGER = {
    "poster-pixart": Diet(
        PixArt(caption=LONG),
        {FULL: 0.5, "crowded": 0.2, "count": 0.2, "few": 0.1},
        Schedule(steps=1400, batch=48, rate=1e-3, evaluate_every=700, seed=1),
        start="poster-pixart",
    ),
}
"""What an expert goes on with when it is trained: the same on scenes of up to nine items."""
SPECIALTY = {
    "poster-sd": ("few",),
    "poster-pixart": ("crowded", "count"),
    "poster-flux": ("few",),
    "poster-ip2p": ("add", "remove", "move"),
    "poster-magicbrush": ("recolour", "replace", "resize"),
    "poster-kontext": ("background",),
}


def begin(module: nn.Module, name: str) -> None:
    """Loads the weights of the expert `name`; input channels that it lacks start at 0, as those of InstructPix2Pix did.

    Raises `FileNotFoundError` where that expert is not trained yet.
    """
    files = list((WEIGHTS / name).glob("*/diffusion_pytorch_model.safetensors"))
    if not files:
        raise FileNotFoundError(f"{name} comes first: python -m experts.poster.train {name}")
    known, own = load_file(files[0]), module.state_dict()
    for key, value in known.items():
        if value.shape != own[key].shape:
            wide = torch.zeros_like(own[key])
            wide[:, : value.shape[1]] = value
            known[key] = wide
    module.load_state_dict({key: value.float() for key, value in known.items()})


class Denoiser:
    """Training job of one expert: of `DIETS`, or of `LONGER` with the weights that it has."""

    def __init__(self, name: str, longer: bool = False) -> None:
        self.expert, self.diet = name, (LONGER if longer else DIETS)[name]
        self.name = f"{name}-longer" if longer else name
        self.schedule = self.diet.schedule
        torch.manual_seed(self.schedule.seed)
        network = self.diet.family.build()
        if self.diet.start:
            begin(network, self.diet.start)
        self.module: Lesson = Lesson(network, self.diet.family.inside(network) if self.diet.taught else ())
        self.bank: Bank = bank("pairs" if self.diet.edits else FULL if longer else "scenes")
        kinds = (*EDITS, "two") if self.diet.edits else (*KINDS, FULL)
        self.rows = {k: torch.nonzero(self.bank.tags == n).flatten() for n, k in enumerate(kinds)}
        rng = np.random.default_rng(4321)
        tried = (*SPECIALTY[name], "few", FULL) if longer else SPECIALTY[name]
        self.trials = {kind: [trial(rng, kind, "validation") for _ in range(48)] for kind in tried}

    def _rows(self, rng: np.random.Generator) -> torch.Tensor:
        kinds = list(self.diet.shares)
        counts = rng.multinomial(self.schedule.batch, list(self.diet.shares.values()))
        return torch.cat(
            [
                self.rows[kind][torch.from_numpy(rng.integers(len(self.rows[kind]), size=count))]
                for kind, count in zip(kinds, counts, strict=True)
            ]
        )

    def _batch(self, rows: torch.Tensor, rng: np.random.Generator) -> Batch:
        ids = self.bank.ids[rows, torch.from_numpy((rng.random(len(rows)) < PHRASED).astype(np.int64))].long()
        drop = torch.from_numpy(rng.random(len(rows)) < DROPPED)
        ids[drop, 1], ids[drop, 2:] = 2, 0  # '<s> </s>' and padding: the empty prompt
        mask = (ids != 0).long()
        target = self.bank.latents[self.bank.target[rows]].float()
        source = None
        if self.diet.edits:
            source = self.bank.latents[self.bank.source[rows]].float()
            source = (source + SOURCE_NOISE * torch.randn_like(source)).to(device())
        return Batch(target.to(device()), source, ids.to(device()), mask.to(device()))

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """The family's loss on a batch of the diet, and the lesson's."""
        rows = self._rows(rng)
        batch = self._batch(rows, rng)
        loss = self.diet.family.loss(self.module.network, batch)
        if not self.diet.taught:
            return loss
        after = self.bank.facts[self.bank.target[rows]].long().to(device())
        before = self.bank.facts[self.bank.source[rows]].long().to(device()) if self.diet.edits else None
        return loss + LESSON * self.module(before, after)

    def evaluate(self, module: Lesson) -> dict[str, float]:
        """Through the adapter and its card, read exactly: share of wanted objects, of exact scenes, per specialty."""
        entry = ROSTER[self.expert]
        card = from_config({self.expert: {**entry, "weights": self.expert}}, WEIGHTS)[self.expert].card
        kind_of = importlib.import_module(f"experts.local.{entry['family']}").FAMILY
        pipe = self.diet.family.pipeline(module.network)
        pipe.set_progress_bar_config(disable=True)
        expert, figures = PipelineExpert(card, pipe, kind_of, DeviceLock()), {}
        for kind, trials in self.trials.items():
            requests = [
                Request(t.prompt, (t.image,) if t.image else (), size=(SIDE, SIDE), seed=k)
                for k, t in enumerate(trials)
            ]
            pictures = [result.image for result in expert(requests) if result.image is not None]
            matches = [match(read(picture), t.wanted) for picture, t in zip(pictures, trials, strict=True)]
            figures[f"{kind}_objects"] = round(sum(m.right for m in matches) / sum(m.wanted for m in matches), 4)
            figures[f"{kind}_exact"] = round(sum(m.exact for m in matches) / len(matches), 4)
        return figures

    def save(self, module: Lesson) -> None:
        """`save_pretrained` of the whole pipeline in half precision, less the parts that stand once beside it."""
        pipe = self.diet.family.pipeline(module.network.half().cpu())
        folder = WEIGHTS / self.expert
        shutil.rmtree(folder, ignore_errors=True)
        pipe.save_pretrained(folder, safe_serialization=True)
        for part in ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"):
            shutil.rmtree(folder / part, ignore_errors=True)
