"""The models of a server: each preset by its name, with its own policy, and PRESET@POLICY for those that choose without
training files."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from poser import policies
from poser.agent import Poser
from poser.roster import reachable
from poser.types import PoserError

SHARED = ("greedy", "dqn", "random")


def agents(presets: Sequence[str], engine: str | None = None) -> dict[str, Poser]:
    """Agents by the names of their models. Those of one preset share experts and critic; no model is loaded yet.

    `engine`: where models run, where that is not as the presets say.

    Raises PoserError: an unknown preset, or one that cannot run here.
    """
    found = dict[str, Poser]()
    for preset in presets:
        agent = Poser.from_pretrained(preset, overrides={"engine": engine} if engine else None)
        reachable(agent.registry, agent.config.name)
        name = agent.config.name
        if name in found:
            raise PoserError(
                f"two presets are called {name!r}; give each once, and files names of their own (name: ...)"
            )
        found[name] = agent
        for policy in SHARED:
            with contextlib.suppress(PoserError):
                chosen = policies.load(policy, agent.mdp.actions)
                found[f"{name}@{policy}"] = Poser(agent.config, agent.registry, agent.mdp, chosen)
    return found
