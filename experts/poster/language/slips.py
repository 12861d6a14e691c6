"""What the speaker takes back at once: of two attributes around a correction only the later one counts."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.lexicon import Sense
from experts.poster.language.terms import HEADS
from experts.poster.language.tokens import Token


def without_slips(tokens: Sequence[Token]) -> list[Token]:
    """'a red, no, a green star': of two attributes around a correction only the later one counts."""
    out = list(tokens)
    for k, token in enumerate(tokens):
        if token.tag not in ("correct", "no") or (token.tag == "no" and token.text != "no"):
            continue
        if _retold(tokens, k):
            begun = max(n for n in range(k) if tokens[n].tag == "rel")
            out[begun : k + 1] = [replace(t, sense=Sense("fill")) for t in tokens[begun : k + 1]]
            continue
        first, last = k - 1, k + 1
        while first >= 0 and tokens[first].tag in ("comma", "fill", "correct", "or"):
            first -= 1
        while last < len(tokens) and tokens[last].tag in ("comma", "fill", "correct", "a", "the", "in", "to", "of"):
            last += 1
        if first < 0 or last >= len(tokens) or tokens[first].tag != tokens[last].tag or tokens[first].tag not in _SLIPS:
            continue
        if tokens[first].value == tokens[last].value or headed(tokens, first + 1):
            continue
        if token.tag == "no" and last > k + 1 and tokens[k + 1].tag not in ("comma", "fill", "correct"):
            continue
        for n in (first, *range(first + 1, k + 1)):
            out[n] = replace(tokens[n], sense=Sense("fill"))
        for n in range(k + 1, last):
            if tokens[n].tag in ("comma", "correct", "a", "the"):
                out[n] = replace(tokens[n], sense=Sense("fill"))
        if (
            last + 2 < len(tokens)
            and tokens[last + 1].tag == "comma"
            and tokens[last + 2].tag in HEADS
            and tokens[first + 1].tag in ("comma", "correct")
        ):
            out[last + 1] = replace(tokens[last + 1], sense=Sense("fill"))
    return out


def _retold(tokens: Sequence[Token], k: int) -> bool:
    """Whether a relation before the correction at `k` is followed by another one: 'above it, no, below it'."""
    after = next((t.tag for t in tokens[k + 1 :] if t.tag not in ("comma", "fill", "correct")), "")
    for token in reversed(tokens[:k]):
        if token.tag == "rel":
            return after == "rel"
        if token.tag not in ("it", "them", "that", "the", "shape", "colour", "fill", "comma", "correct"):
            return False
    return False


_SLIPS = ("colour", "size", "v", "h", "count", "shape")


def headed(tokens: Sequence[Token], k: int) -> bool:
    """Whether a noun, with nothing but attributes before it, stands at `k`."""
    while k < len(tokens) and tokens[k].tag in ("colour", "size", "fill", "most", "more", "unknown"):
        k += 1
    return k < len(tokens) and tokens[k].tag in ("shape", "thing", "things")
