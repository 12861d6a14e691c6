"""The learned policy: `dqn:FOLDER` (as `poser train` wrote it), `dqn:NAME` (shipped), `dqn` (the embedded world's)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from poser.actions import ActionSet
from poser.learned import policy_file as policyfile
from poser.learned.encode import Encoder, embedder
from poser.learned.observation import Observer
from poser.types import PoserError, State

if TYPE_CHECKING:
    from torch import Tensor

SHIPPED = Path(__file__).parent / "weights"
DEFAULT = "poster"


@dataclass(frozen=True, eq=False)
class DqnPolicy:
    """The legal slot of the highest Q; of equal ones the first. A function of each state alone.

    Q is computed in float64 and rounded to 1e-9, so that what else is in the batch cannot tip the choice.

    Attributes:
        id: 'dqn:NAME@' and 8 digits of the weights' sha256.
        network: `poser.learned.network`'s, float64.
        observer: over the network's slots: those of this run, or those of the training where the network's head is
            fixed or a card is no more than a slot's number.
        slots: the number in this run of each of the network's slots.
        open: which of them the recipe lets it choose.
        count: slots of this run.
        about: `policy.json`; {} for a policy that was never written.
    """

    id: str
    network: Any
    observer: Observer
    slots: tuple[int, ...]
    open: tuple[bool, ...]
    count: int
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        shape: Any,
        tensors: Mapping[str, Tensor],
        observer: Observer,
        recipe: Any,
        name: str = "dqn",
        actions: ActionSet | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> DqnPolicy:
        """The policy of these weights. `shape` is a `poser.learned.network.Shape`; `recipe` tells `scopes` and `stop`;
        `actions` are this run's, where the observer's are others. Raises ValueError for weights of another network."""
        from poser.learned import network

        actions = actions or observer.actions
        own = observer.actions.slots
        free = tuple(recipe.stop if slot.expert is None else slot.scope in recipe.scopes for slot in own)
        places = tuple(actions.slots.index(slot) for slot in own)
        filled = network.fill(shape, {key: value.double() for key, value in tensors.items()})
        return cls(name, filled, observer, places, free, len(actions.slots), about or {})

    def values(self, states: Sequence[State], mask: np.ndarray) -> np.ndarray:
        """Predicted discounted return of every slot, float64 [B, K]; -inf where illegal or closed by the recipe."""
        import torch

        mask = np.asarray(mask, bool)
        table = np.full((len(states), self.count), -np.inf)
        if not len(states):
            return table
        at = list(self.slots)
        own = mask[:, at] & np.asarray(self.open)
        own = np.where(own.any(axis=1, keepdims=True), own, mask[:, at])
        seen = self.observer(states, own)
        with torch.no_grad():
            found = self.network(*(torch.as_tensor(seen[name]).double() for name in ("state", "cards")))
        table[:, at] = np.where(own, np.round(found.numpy(), 9), -np.inf)
        lost = ~own.any(axis=1, keepdims=True)  # nothing that the network knows is legal
        return np.where(lost & mask, 0.0, table)

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [int(slot) for slot in self.values(states, mask).argmax(axis=1)]


def load(argument: str, actions: ActionSet, kind: str = "dqn") -> DqnPolicy:
    """The policy of a folder, or a shipped one.

    Raises `PoserError`: none there, a damaged one, other experts than those of a fixed head, another embedder.
    """
    folder = Path(argument).expanduser() if argument and Path(argument).expanduser().is_dir() else None
    if folder is None:
        shipped = sorted(path.name for path in SHIPPED.glob("*") if (path / policyfile.ABOUT).is_file())
        name = argument or DEFAULT
        if name not in shipped:
            known = f"; shipped are {', '.join(shipped)}" if shipped else ""
            raise PoserError(f"no policy {name!r}; write {kind}:FOLDER of one that 'poser train' wrote{known}")
        folder = SHIPPED / name
    return _of(*policyfile.load(folder), actions, f"{kind}:{folder.resolve().name}")


def _of(about: dict[str, Any], tensors: Mapping[str, Tensor], actions: ActionSet, name: str) -> DqnPolicy:
    """The policy of a checked file."""
    from poser.learned.network import Shape

    found = policyfile.About.model_validate(about)
    seen, net = found.observer, found.network
    fixed = net.kind == "flat" or seen.cards == "identity"
    own = _own(found.actions.slots, actions, name) if fixed else actions
    embed = embedder(seen.embedder.name, seen.embedder.model)
    scores = {
        card: {kind: score for kind, score in row.items() if score is not None} for card, row in seen.scores.items()
    }
    encoder = Encoder(embed, tuple(seen.extras), seen.remaining)
    observer = Observer(encoder, own, scores, seen.cards == "identity")
    if observer.digest != seen.digest:
        raise PoserError(
            f"policy {name!r} was trained on other observations (embedder {seen.embedder.id!r}, here {embed.id!r}); "
            "use that embedder and version, or train anew"
        )
    whole = f"{name}@{found.sha256[:8]}"
    try:
        return DqnPolicy.of(Shape(**net.model_dump()), tensors, observer, found.actions, whole, actions, about)
    except ValueError as error:
        raise PoserError(f"policy {name!r} has weights of another network ({error!s:.160}); train anew") from None


def _own(slots: Sequence[str], actions: ActionSet, name: str) -> ActionSet:
    """The slots of the training. Raises `PoserError` where its experts are not those of this run."""
    here = {str(action): action for action in actions.slots}
    theirs, ours = ({slot.rpartition("/")[0] for slot in names} - {""} for names in (slots, here))
    if theirs != ours or not all(slot in here for slot in slots):
        raise PoserError(
            f"policy {name!r} knows only its own experts ({', '.join(sorted(theirs))}), this run has "
            f"{', '.join(sorted(ours))}; give these, or train one whose network is 'slot'"
        )
    return replace(actions, slots=tuple(here[slot] for slot in slots))
