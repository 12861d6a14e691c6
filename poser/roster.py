"""The experts of a config: registered ones by id, or entries that the config itself describes; and their memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from experts import registry
from experts.failures import hint
from experts.memory import Residency
from experts.own_file import is_file
from experts.types import Card
from poser.config import Config
from poser.types import PoserError

FULL = "full"
"""The profile that every expert has: its card as it stands, where it has none of that name."""


def registry_of(config: Config) -> registry.Registry:
    """The experts of a config, in its profile: ids of built-in ones and plugins, or entries; nothing heavy is imported.

    Raises PoserError: an unknown id, an entry that is described wrongly, a profile that none of them has, or a file of
    skill scores that cannot be read.
    """
    try:
        if isinstance(config.experts, dict):
            found = registry.from_config(config.experts, profile=config.profile)
        else:
            found = (registry.builtin(config.profile) | registry.from_plugins()).only(config.experts)
    except (registry.UnknownExpert, registry.RegistryError) as error:
        raise PoserError(str(error)) from None
    words = str(config.wording.get("name", ""))
    own = words == "llm" or is_file(words)
    strange = next((entry for entry in found.values() if entry.wording not in ("", words) and not own), None)
    if strange is not None:
        raise PoserError(
            f"expert {strange.card.id!r} knows only the words of wording {strange.wording!r}, not of {words!r}; "
            f"set wording: {strange.wording}, or begin your config with extends: {strange.wording}"
        )
    profiles = [FULL, *dict.fromkeys(name for entry in found.values() for name in entry.profiles if name != FULL)]
    if config.profile not in profiles:
        raise PoserError(f"no expert has a profile {config.profile!r}; {hint(config.profile, profiles, 'profiles')}")
    return _measured(found, config.skills) if config.skills else found


def _measured(found: registry.Registry, file: str) -> registry.Registry:
    """The experts with what `poser probe` wrote to a file laid over the skills of their cards."""
    from poser.learned.skills import measured

    cards = measured(found.cards, Path(file))
    return registry.Registry([replace(e, card=card) for e, card in zip(found.values(), cards, strict=True)])


def playable(experts: registry.Registry) -> list[Card]:
    """The cards of those that can be chosen: all but models that their service shut down.

    Raises PoserError: none is left.
    """
    cards = [entry.card for entry in experts.values() if not entry.gone]
    if not cards:
        raise PoserError(f"every expert is gone: {', '.join(experts)}; name others under experts (poser experts)")
    return cards


def restricted(cards: Iterable[Card]) -> str:
    """One line that names the experts whose licence forbids commercial use; '' where none has such a one."""
    found = dict.fromkeys(f"{card.id} ({card.licence})" for card in cards if not card.commercial)
    return f"no commercial use by their licence: {', '.join(found)}; leave them out of experts" if found else ""


def reachable(experts: registry.Registry, name: str) -> None:
    """Raises PoserError where not one expert of the config `name` can be asked on this machine, not even after the
    downloads that its first call starts."""
    barred = {id: lacks for id, entry in experts.items() if (lacks := entry.barred())}
    if len(barred) == len(experts):
        every = ", ".join(dict.fromkeys(lack for each in barred.values() for lack in each))
        raise PoserError(
            f"no expert of {name!r} can be asked here, not there: {every}; type: poser doctor --preset {name}"
        )


def residency_of(config: Config, experts: registry.Registry) -> Residency:
    """The memory of a config: its device, limits and pinned experts.

    Raises PoserError: a pinned expert that is not among them.
    """
    limits = config.memory.model_dump(exclude={"pin"}, exclude_none=True)
    residency = Residency(None if config.device == "auto" else config.device, **limits)
    for id in config.memory.pin:
        if id not in experts:
            raise PoserError(f"memory.pin: no expert {id!r} here; {hint(id, experts, 'experts')}")
        residency.pinned.add(f"expert {id}")  # the key by which the pool asks for it
    return residency
