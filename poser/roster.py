"""The experts of a config: registered ones by id, or entries that the config itself describes."""

from __future__ import annotations

from experts import registry
from poser.config import Config
from poser.types import PoserError


def registry_of(config: Config) -> registry.Registry:
    """The experts of a config: ids of built-in ones and plugins, or entries; nothing heavy is imported.

    Raises PoserError: an unknown id, or an entry that is described wrongly.
    """
    try:
        if isinstance(config.experts, dict):
            return registry.from_config(config.experts)
        return (registry.builtin() | registry.from_plugins()).only(config.experts)
    except (registry.UnknownExpert, registry.RegistryError) as error:
        raise PoserError(str(error)) from None
