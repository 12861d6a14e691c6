"""Whom `greedy` asks first, second and third in a preset, kind by kind, and why: `python -m benchmarks.choices`.

Nothing is measured here: it is what the cards of the presets say, in the order of `poser.policies.greedy`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from benchmarks._results import table
from experts.types import KINDS, Card, Verb
from poser.config import load
from poser.policies.greedy import order
from poser.roster import playable, registry_of
from poser.types import PoserError

PRESETS = ("local-24gb", "local-80gb", "mixed", "api", "poster")
"""Those on the page; `paper` keeps the paper's own experts."""
SHOWN = 3


class Choice(NamedTuple):
    """The experts for one kind of command, the first to be asked first; guided ones are left out."""

    kind: str
    cards: tuple[Card, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """One an expert: its id and its skill, '?' where that is not known."""
        skills = [card.skills.get(self.kind) for card in self.cards]
        scores = [f"{skill.score:.2f}" if skill else "?" for skill in skills]
        return tuple(f"`{card.id}` {score}" for card, score in zip(self.cards, scores, strict=True))

    @property
    def sources(self) -> tuple[str, ...]:
        """Who measured these skills, each once."""
        found = (card.skills[self.kind].source.partition(":")[0] for card in self.cards if self.kind in card.skills)
        return tuple(dict.fromkeys(found))


def choices(cards: Iterable[Card]) -> list[Choice]:
    """One a kind that any of these experts is known to carry out, or is made for; 'all' is not one that greedy asks."""
    cards, found = list(cards), []
    for kind in KINDS[:-1]:
        verb = cast(Verb, kind.partition(":")[0])
        mode = "text-to-image" if verb == "generate" else "image-to-image"
        able = [card for card in cards if card.mode == mode and not card.inputs]
        if any(kind in card.skills or verb in card.verbs for card in able):
            found.append(Choice(kind, tuple(order(able, kind, verb))))
    return found


def of_preset(name: str) -> str:
    """The table of one preset. Raises PoserError: no such preset."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for choice in choices(playable(registry_of(load(name)))):
        cells = [*choice.cells[:SHOWN], *[""] * (SHOWN - len(choice.cells))]
        rows.setdefault((*cells, "; ".join(choice.sources)), []).append(choice.kind)
    lines = [[", ".join(kinds), *cells] for cells, kinds in rows.items()]
    return table(["kind", "first", "second", "third", "measured by"], lines)


def sources(presets: Sequence[str] = PRESETS) -> str:
    """Expert -> the rows that its skills were read from, for every expert of these presets."""
    rows: dict[str, list[str]] = {}
    for name in presets:
        for card in playable(registry_of(load(name))):
            told = dict.fromkeys(skill.source for skill in card.skills.values())
            rows[f"`{card.id}`"] = ["; ".join(told) or "nobody: asked after all that are known"]
    return table(["expert", "where its skills were read"], [[id, *told] for id, told in rows.items()])


def page(presets: Sequence[str] = PRESETS) -> str:
    """Every preset's table, and where the skills were read."""
    parts = [f"### `{name}`\n\n{of_preset(name)}" for name in presets]
    return "\n\n".join([*parts, f"### Sources\n\n{sources(presets)}"])


def main(argv: list[str] | None = None) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choices", description=__doc__)
    parser.add_argument("presets", nargs="*", default=PRESETS, metavar="PRESET")
    try:
        print(page(parser.parse_args(argv).presets))
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
