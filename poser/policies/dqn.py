"""The learned policy: `dqn:FOLDER` (as `poser train` wrote it), `dqn:hf://OWNER/NAME` (on the hub), `dqn:NAME`
(shipped), `dqn:untrained` (what the cards' skills say). `dqn` alone is the embedded world's where it knows any of the
experts, else the untrained one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from poser.actions import ActionSet
from poser.config import home
from poser.learned import on_hub, policy_file
from poser.learned.embedders import HashEmbedder
from poser.learned.network import FlatQ, NetworkShape, SlotQ, build, restore
from poser.learned.observation import IDENTITY_COLUMNS, SCORE_COLUMN, Encoder, Observer
from poser.plugins import Context
from poser.types import Action, PoserError, State

SHIPPED = Path(__file__).parent / "weights"
DEFAULT = "poster"
UNTRAINED = "untrained"
PRIOR = {"tried": -1.0, "text-to-image": -0.5, "all": -0.1, "price": -1.0, "stop": -1.0}
"""What the untrained policy adds to an expert's skill: weights of columns of a card. A failed try costs a third, so
that another expert comes next; a picture is edited, and drawn anew where no edit promises more than half a command;
several commands are handed over at once where that scores higher by more than two benchmarks differ; a call costs its
price; it stops where nothing promises more than minus one command."""


@dataclass(frozen=True, eq=False)
class DqnPolicy:
    """The legal slot of the highest Q; of equal ones the first. A function of each state alone.

    Q is computed in float64 and rounded to 1e-9, so that what else is in the batch cannot tip the choice.

    Attributes:
        id: 'dqn:NAME@' and 8 digits of the weights' sha256, or 'dqn:untrained'.
        network: of `poser.learned.network`, float64.
        observer: over the network's slots. They are those of this run, or those of the training where the network's
            head is fixed or a card is no more than a slot's number. Its action set says which may be chosen, and
            whether input pictures may be drawn anew: only what the training knew.
        slots: the number in this run of each of the network's slots.
        count: how many slots this run has.
        about: the content of `policy.json`; {} for a policy that was never written.
    """

    id: str
    network: SlotQ | FlatQ
    observer: Observer
    slots: tuple[int, ...]
    count: int
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        shape: NetworkShape,
        tensors: Mapping[str, torch.Tensor],
        observer: Observer,
        name: str = "dqn",
        actions: ActionSet | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> DqnPolicy:
        """The policy of these weights.

        Args:
            shape, tensors: the network.
            observer: what it sees; `allowed` of its action set is what it may choose.
            actions: this run's slots, where the observer's are others.

        Raises ValueError for weights of another network.
        """
        actions = actions or observer.actions
        places = tuple(actions.slots.index(slot) for slot in observer.actions.slots)
        weights = {key: value.double() for key, value in tensors.items()}
        return cls(name, restore(shape, weights), observer, places, len(actions.slots), about or {})

    def values(self, states: Sequence[State], mask: np.ndarray) -> np.ndarray:
        """Predicted discounted return of every slot, float64 [B, K]; -inf where `mask` or the training forbids it.

        Where nothing else is legal, what the training forbids is open, and slots that the network lacks are worth 0.
        """
        mask = np.asarray(mask, bool)
        table = np.full((len(states), self.count), -np.inf)
        if not len(states):
            return table
        at, actions = list(self.slots), self.observer.actions
        own = mask[:, at] & np.asarray([slot.scope in actions.allowed for slot in actions.slots])
        if not actions.recreate:
            given = np.asarray([state.task.image is not None for state in states])
            own &= ~(given[:, None] & np.asarray([_draws(actions, slot) for slot in actions.slots]))
        own = np.where(own.any(axis=1, keepdims=True), own, mask[:, at])
        seen = self.observer(states, own)
        with torch.no_grad():
            q = self.network(*(torch.as_tensor(seen[name]).double() for name in ("state", "cards")))
        table[:, at] = np.where(own, np.round(q.numpy(), 9), -np.inf)
        return np.where(~own.any(axis=1, keepdims=True) & mask, 0.0, table)

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [int(slot) for slot in self.values(states, mask).argmax(axis=1)]


def _draws(actions: ActionSet, slot: Action) -> bool:
    return slot.expert is not None and actions.cards[slot.expert].mode == "text-to-image"


def load(settings: Mapping[str, Any], context: Context) -> DqnPolicy:
    """The policy of a folder, or a shipped one. Raises `PoserError` as `of_folder`."""
    return of_folder(str(settings.get("argument", "")), context.slots)


def of_folder(argument: str, actions: ActionSet, kind: str = "dqn") -> DqnPolicy:
    """The policy of a folder, of the hub (`on_hub`), or a shipped one.

    Raises `PoserError`: none there, a damaged one, other experts than those of a fixed head, another embedder.
    """
    if argument.startswith(on_hub.PREFIX):
        content, tensors = policy_file.load(on_hub.folder(argument))
        return _policy(content, tensors, actions, f"{kind}:{argument}")
    folder = home(argument) if argument and home(argument).is_dir() else None
    if folder is None:
        shipped = sorted(path.name for path in SHIPPED.glob("*") if (path / policy_file.ABOUT).is_file())
        name = argument or (DEFAULT if _knows(SHIPPED / DEFAULT, actions) else UNTRAINED)
        if name == UNTRAINED:
            return untrained(actions)
        if name not in shipped:
            known = f"; shipped are {', '.join([*shipped, UNTRAINED])}"
            raise PoserError(f"no policy {name!r}; write {kind}:FOLDER of one that 'poser train' wrote{known}")
        folder = SHIPPED / name
    content, tensors = policy_file.load(folder)
    return _policy(content, tensors, actions, f"{kind}:{folder.resolve().name}")


def _knows(folder: Path, actions: ActionSet) -> bool:
    """Whether a policy was trained with any of these experts."""
    trained = policy_file.load(folder)[0]["actions"]["slots"]
    return any(slot.rpartition("/")[0] in actions.cards for slot in trained)


def untrained(actions: ActionSet) -> DqnPolicy:
    """A slot network that nobody trained: Q of a slot is its expert's skill (0 where it is unknown) and `PRIOR`."""
    observer = Observer(Encoder(HashEmbedder(1)), actions)
    shape = NetworkShape(
        kind="slot",
        state_columns=observer.encoder.dim,
        card_columns=len(observer.names),
        slots=len(actions.slots),
        hidden_size=1,
        text_columns=observer.encoder.dim,
        identity_columns=IDENTITY_COLUMNS,
        score_column=SCORE_COLUMN,
    )
    with torch.device("meta"):
        names = build(shape).state_dict()
    tensors = {name: torch.zeros(value.shape) for name, value in names.items()}
    for name, weight in {observer.names[SCORE_COLUMN]: 1.0, **PRIOR}.items():
        tensors["trust.weight"][0, observer.names.index(name) - IDENTITY_COLUMNS] = weight
    return DqnPolicy.of(shape, tensors, observer, f"dqn:{UNTRAINED}")


def _policy(
    content: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], actions: ActionSet, name: str
) -> DqnPolicy:
    """The policy of a checked file."""
    about = policy_file.About.model_validate(content)
    fixed = about.network.kind == "flat" or about.observer.cards == "identity"
    own = _own(about.actions.slots, actions, name) if fixed else actions
    try:
        trained = replace(own.only(about.actions.allowed), recreate=about.actions.recreate)
        observer = about.observer_over(trained)
        whole = f"{name}@{about.sha256[:8]}"
        return DqnPolicy.of(about.network, tensors, observer, whole, actions, content)
    except PoserError as error:
        raise PoserError(f"policy {name!r}: {error}") from None
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
