"""`read`: a prompt in people's words -> what each clause asks for, in the symbols of the poster world.

A reader of a closed world: it looks for shapes, colours, sizes, places, counts and the seven edits in whatever words
and order, steps over what carries no meaning, and says of all else that it is not understood. References are resolved
against the scene as it will be when their clause's turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.clauses import clauses
from experts.poster.language.interpreting import Interpreter
from experts.poster.language.making import Recoloured
from experts.poster.language.tokens import Token, tokens
from experts.poster.language.wishes import Reading, Wish
from experts.poster.language.world import CORNERS, Crowded, World
from experts.poster.scene import Scene

__all__ = ["LONGEST", "Reading", "Wish", "read"]

LONGEST = 4000
"""Characters of a prompt that are read."""
_MOST = 1200
"""Words and signs that are read."""
_TRIES = 12
_PLAIN = ("white", "black", "yellow", "blue", "green", "orange")


def read(prompt: str, scene: Scene | None = None) -> Reading:
    """What `prompt` asks for, on the picture that shows `scene` (None: there is none yet). Never raises."""
    found = tokens(prompt[:LONGEST])[:_MOST]
    try:
        reading = _read(prompt, scene, found)
    except Exception as error:  # a fault of this reader must not end the program of whoever asks
        reason = f"the reader failed ({type(error).__name__})"
        return Reading((Wish(prompt.strip(), (0, len(prompt)), (), "not understood", reason),), (), scene)
    end = found[-1].end if found else 0
    if prompt[end:].strip() and (len(prompt) > LONGEST or len(found) == _MOST):
        rest = Wish(
            prompt[end:], (end, len(prompt)), (), "not understood", "only the beginning of a prompt this long is read"
        )
        return replace(reading, wishes=(*reading.wishes, rest))
    return reading


def _read(prompt: str, scene: Scene | None, found: Sequence[Token]) -> Reading:
    """The reading, tried again with other free choices where these turn out to be in the way."""
    parts = clauses(found)
    avoid, ground = _wanted(found), ""
    shun = tuple(token.value for token in found if token.tag == "colour")
    tried: set[str] = set()
    for _ in range(_TRIES):
        try:
            return Interpreter(prompt, scene, World.of(scene, avoid, shun), ground).read(parts)
        except Crowded as error:
            avoid |= {error.cell}
        except Recoloured as error:
            tried |= {ground, error.colour}
            ground = next((name for name in _PLAIN if name not in tried and name not in shun), "white")
    return Reading((Wish(prompt, (0, len(prompt)), (), "not understood", "it contradicts itself"),), (), scene)


def _wanted(found: Sequence[Token]) -> frozenset[int]:
    """Cells that a word of the prompt names: nothing that may stand anywhere is put there."""
    cells: set[int] = set()
    for before, token, after in zip([None, *found], found, [*found[1:], None], strict=False):
        if token.tag == "v":
            side = after.value if after is not None and after.tag == "h" else ""
            cells.add({"top": 0, "bottom": 6}[token.value] + {"left": 0, "right": 2}.get(side, 1))
        elif token.tag == "h" and not (before is not None and before.tag == "v"):
            cells.add(3 if token.value == "left" else 5)
        elif token.tag == "mid":
            cells.add(4)
        elif token.tag == "corner":
            cells |= set(CORNERS)
    return frozenset(cells)
