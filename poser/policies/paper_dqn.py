"""The paper's plain DQN, trained with `poser train --policy paper-dqn`: `paper-dqn:FOLDER`."""

from __future__ import annotations

from poser.actions import ActionSet
from poser.policies import dqn
from poser.types import Policy, PoserError


def load(argument: str, actions: ActionSet) -> Policy:
    """The policy of a folder. Raises `PoserError` as `dqn.load`, and for a network that is not the paper's."""
    policy = dqn.load(argument or "paper-dqn", actions, "paper-dqn")
    if policy.about["network"]["kind"] != "flat":
        raise PoserError(f"policy {argument!r} has no fixed head; write dqn:{argument}")
    return policy
