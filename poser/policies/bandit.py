"""A greedy contextual bandit: which slot pays most at once, one linear ridge regression a slot. `bandit:FOLDER`.

The reference for 'is planning ahead worth it': it sees what a learned policy sees of the state, takes its reward, and
discounts everything after the step to 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experts.files import write_whole
from poser.actions import ActionSet
from poser.learned.embedders import described, embedder
from poser.learned.exploring import Explorer
from poser.learned.observation import Encoder
from poser.plugins import Context
from poser.protocols import Policy
from poser.types import PoserError, State, Step

WEIGHTS, ABOUT = "bandit.safetensors", "bandit.json"
LIMITS = {WEIGHTS: 64 * 2**20, ABOUT: 4 * 2**20}
"""Bytes of a file."""


@dataclass(frozen=True)
class Bandit:
    """The legal slot with the highest predicted reward.

    Attributes:
        weights: float64 [K, D]; `bias`: float64 [K], in units of reward.
    """

    id: str
    encoder: Encoder
    weights: np.ndarray
    bias: np.ndarray

    def values(self, states: Sequence[State], mask: np.ndarray) -> np.ndarray:
        """Predicted reward of every slot, float64 [B, K]; illegal ones -inf."""
        found = self.encoder(states).astype(np.float64) @ self.weights.T + self.bias
        return np.where(np.asarray(mask, bool), found, -np.inf)

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [int(slot) for slot in self.values(states, mask).argmax(axis=1)]


def ridge(rows: np.ndarray, rewards: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    """Weights [D] and bias of a ridge regression whose bias is not shrunk; solved in the smaller dimension.

    Args:
        rows: [N, D], N >= 1; `rewards`: [N]; `strength`: > 0, added to the Gram matrix' diagonal.
    """
    centre, level = rows.mean(axis=0), float(rewards.mean())
    x, y = rows - centre, rewards - level
    if len(x) <= x.shape[1]:
        weights = x.T @ np.linalg.solve(x @ x.T + strength * np.eye(len(x)), y)
    else:
        weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y)
    return weights, level - float(centre @ weights)


class Learner(Explorer[Bandit]):
    """A bandit that explores and is fitted as it goes.

    Args:
        encoder: what it sees; strength: of the ridge; the rest is `Explorer`'s.
    """

    id = "bandit-learner"

    def __init__(
        self, encoder: Encoder, actions: ActionSet, calls: int, seed: int = 0, strength: float = 1.0, **more: Any
    ) -> None:
        self.encoder, self.strength = encoder, strength
        self._rows: list[list[np.ndarray]] = [[] for _ in actions.slots]
        self._rewards: list[list[float]] = [[] for _ in actions.slots]
        super().__init__(actions, calls, seed, **more)

    def _remember(self, step: Step) -> None:
        slot = self.actions.slots.index(step.action)
        self._rows[slot].append(self.encoder([step.before])[0])
        self._rewards[slot].append(float(step.reward["total"]))

    def _fitted(self) -> Bandit:
        """The bandit of all rewards so far; a slot that was never tried is predicted their mean."""
        every = [reward for rewards in self._rewards for reward in rewards]
        weights = np.zeros((len(self._rows), self.encoder.dim))
        bias = np.full(len(self._rows), np.mean(every) if every else 0.0)
        for k, (rows, rewards) in enumerate(zip(self._rows, self._rewards, strict=True)):
            if rows:
                weights[k], bias[k] = ridge(np.stack(rows).astype(np.float64), np.asarray(rewards), self.strength)
        return Bandit(f"bandit@{_digest(weights, bias)}", self.encoder, weights, bias)

    def save(self, folder: Path) -> Path:
        """Writes the two files of a bandit, the description last."""
        from safetensors.numpy import save as packed

        bandit = self.policy
        about = {
            "format": 1,
            "embedder": described(self.encoder.embedder),
            "extras": list(self.encoder.extras),
            "remaining": self.encoder.remaining,
            "encoder": self.encoder.digest,
            "slots": [str(action) for action in self.actions.slots],
            "actions": self.actions.digest,
            "training": {"calls": self.seen, "seed": self.seed, "strength": self.strength},
        }
        tensors = {"weights": bandit.weights.astype(np.float64), "bias": bandit.bias.astype(np.float64)}
        write_whole(folder / WEIGHTS, packed(tensors))
        write_whole(folder / ABOUT, (json.dumps(about, indent=1) + "\n").encode())
        return folder


def _digest(weights: np.ndarray, bias: np.ndarray) -> str:
    return hashlib.sha256(weights.tobytes() + bias.tobytes()).hexdigest()[:8]


def _read(folder: Path) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Description, weights [K, D], bias [K]. Raises `ValueError`, `OSError`, `KeyError`, `TypeError`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    for name, limit in LIMITS.items():
        if (folder / name).stat().st_size > limit:
            raise ValueError(f"{name} is larger than {limit} bytes")
    about = json.loads((folder / ABOUT).read_text("utf-8"))
    if not isinstance(about, dict) or about.get("format") != 1:
        raise ValueError(f"{ABOUT} is not of format 1")
    try:
        tensors = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise ValueError(f"{WEIGHTS}: {error}") from None
    weights, bias = tensors["weights"].astype(np.float64), tensors["bias"].astype(np.float64)
    if weights.ndim != 2 or bias.shape != weights.shape[:1] or len(bias) != len(about["slots"]):
        raise ValueError(f"shapes {weights.shape}, {bias.shape} do not fit {len(about['slots'])} slots")
    return about, weights, bias


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """`bandit:FOLDER`; slots are matched by name, so experts may have left since.

    Raises `PoserError`: not such a folder, another embedder, or a slot that it never learned about.
    """
    argument = str(settings.get("argument", ""))
    actions = context.slots
    folder = Path(argument)
    try:
        if not argument:
            raise ValueError("no folder given")
        about, weights, bias = _read(folder)
        inner = embedder(str(about["embedder"]["name"]), about["embedder"]["model"])
        encoder = Encoder(inner, tuple(about["extras"]), bool(about["remaining"]))
        if encoder.digest != about["encoder"] or encoder.dim != weights.shape[1]:
            raise ValueError(f"it was learned with {about['embedder']['id']}, here is {inner.id}")
        names = list(about["slots"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PoserError(f"no bandit in {argument!r} ({error}); write bandit:FOLDER, a folder with {ABOUT}") from None
    wanted = [str(action) for action in actions.slots]
    unknown = next((name for name in wanted if name not in names), None)
    if unknown:
        raise PoserError(f"bandit {argument!r} never learned about {unknown}; learn it again, or leave that expert out")
    rows = [names.index(name) for name in wanted]
    return Bandit(f"bandit:{folder.name}@{_digest(weights, bias)}", encoder, weights[rows], bias[rows])
