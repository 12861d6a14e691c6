"""A world in milliseconds for tests: procedural experts, and a critic whose verdict is a hash of what it looks at."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from PIL import Image

from experts.fake import Fail, fake_entries
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry
from experts.types import image_digest
from poser.actions import ActionSet
from poser.mdp import MDP, Rules
from poser.planning.rules import RulesExtractor
from poser.types import Critique, Look
from poser.wording import load as wording

PROMPTS = (
    "Draw a cat. Make it blue. Add a hat.",
    "Paint a barn, then remove the door, then make the sky green; write 'hello' on the roof",
    "silent",
    "A dog.",
    "1. Draw a tree.\n2. Something silent.\n3. Move the tree to the left.\n4. Add a bird.",
)
PICTURE = Image.new("RGB", (32, 32), (10, 120, 200))


def _score(*parts: str) -> float:
    return hashlib.sha256("|".join(parts).encode()).digest()[0] / 255


class HashCritic:
    """Deterministic scores in [0, 1]; `silent` in a command's text gives no verdict."""

    id = "hash:1"

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        return [self._one(look) for look in looks]

    def _one(self, look: Look) -> Critique:
        digest = image_digest(look.image)
        wanted = tuple(math.nan if "silent" in c.text else _score(digest, c.text) for c in look.wanted)
        earlier = tuple(_score(digest, c.text, "earlier") for c in look.earlier)
        kept = _score(digest, "kept") if look.start is not None else math.nan
        return Critique(wanted, earlier, kept, critic=self.id, usd=0.001)


def make(
    n_t2i: int = 2,
    n_i2i: int = 2,
    rules: Rules = Rules(),  # noqa: B008  (frozen)
    fail: Fail | None = None,
    usd: float = 0.0,
    redraw: bool = True,
    seconds: float = 0.0,
) -> MDP:
    """A transition over fake experts."""
    registry = Registry(fake_entries(n_t2i, n_i2i, seconds=seconds, fail=fail, usd=usd))
    return MDP(
        Pool(registry, Residency("cpu")),
        HashCritic(),
        RulesExtractor(),
        wording("plain"),
        ActionSet.of(registry.cards, redraw=redraw),
        rules,
        size=(32, 32),
    )
