"""What an expert is handed: the same in the words that the poster experts were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experts.poster.instruction import apply, canonical
from experts.poster.scene import Scene, SceneError, caption
from experts.types import Card
from poser.actions import handed, read_again, sentences
from poser.plugins import Context
from poser.protocols import Call, Words
from poser.types import Action, Command, State

KEYS: tuple[str, ...] = ()


class Poster:
    """The canonical language of the poster experts, written from what planning understood.

    An editor gets canonical commands, joined by ', then '; a text-to-image expert gets the caption of the whole scene
    that the commands amount to. What the poster world does not know keeps the user's words.
    """

    id = "poster"

    def write(self, calls: Sequence[Call]) -> list[Words]:
        """Same length and order; see `poser.protocols.Wording`."""
        return [self._one(*call) for call in calls]

    def _one(self, state: State, action: Action, card: Card) -> Words:
        commands = handed(state.plan, action.scope, card)
        asked = sentences(dict.fromkeys(c.text for c in commands))
        if card.mode == "text-to-image":
            scene, strange = _followed(state.seen if read_again(state, card) else None, commands)
            if scene is None:
                return Words(sentences(c.wording for c in commands), asked)
            return Words(", ".join([caption(scene), *strange]), asked)
        return Words(", then ".join(canonical(c.meaning) if c.meaning else c.wording for c in commands), asked)


def _followed(scene: Scene | None, commands: Iterable[Command]) -> tuple[Scene | None, list[str]]:
    """The scene that the commands make of `scene` (None: nothing is known of it), and those it leaves out, in words."""
    strange = []
    for command in commands:
        try:
            if command.meaning is None:
                raise SceneError("not about posters")
            scene = apply(scene, command.meaning)
        except SceneError:
            strange.append(command.wording)
    return scene, strange


def load(settings: Mapping[str, Any], context: Context) -> Poster:
    """It has no settings."""
    return Poster()
