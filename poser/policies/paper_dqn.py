"""The paper's plain DQN, trained with `poser train --policy paper-dqn`: `paper-dqn:FOLDER`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poser.plugins import Context
from poser.policies import dqn
from poser.protocols import Policy
from poser.types import PoserError


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """The policy of a folder. Raises `PoserError` as `dqn.of_folder`, and for a network that is not the paper's."""
    argument = str(settings.get("argument", ""))
    if not argument:
        wrote = "which 'poser train --policy paper-dqn --out FOLDER' writes"
        raise PoserError(f"policy paper-dqn takes a folder, paper-dqn:FOLDER, {wrote}; none is shipped")
    policy = dqn.of_folder(argument, context.slots, "paper-dqn")
    if policy.about["network"]["kind"] != "flat":
        raise PoserError(f"policy {argument!r} has no fixed head; write dqn:{argument}")
    return policy
