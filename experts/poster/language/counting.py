"""Numbers that stand behind what they count ('squares, nine of them', 'a circle twice', 'stars: 3', 'hearts x2'), and
fields of a record ('shape: star, colour: red'): tokens -> the same, as one would say them in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.lexicon import Sense
from experts.poster.language.terms import HEADS
from experts.poster.language.tokens import Token

_FILL = Sense("fill")
_FIELDS = (
    "position",
    "pos",
    "place",
    "location",
    "colour",
    "color",
    "size",
    "shape",
    "type",
    "kind",
    "object",
    "item",
    "element",
    "figure",
    "symbol",
    "form",
)
_ENDS = ("stop", "comma", "colon", "and", "")


def counted(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, with every number before what it counts, and without the names of fields."""
    out = _with_sides(_without_fields(tokens))
    k = 0
    while k < len(out):
        found = _behind(out, k) if out[k].tag == "shape" else None
        if found is not None:
            number, start, end = found
            out[start:end] = [replace(t, sense=_FILL) for t in out[start:end]]
            out.insert(k, number)
            k += 1
        k += 1
    return out


def _behind(tokens: Sequence[Token], k: int) -> tuple[Token, int, int] | None:
    """(the number, and [start, end) of its words) where what is named at `k` is counted behind it; None: it is not."""
    before = k - 1
    while before >= 0 and tokens[before].tag in ("colour", "size", "most", "fill", "unknown"):
        before -= 1
    at = k + 1
    if before >= 0 and tokens[before].tag in ("count", "the", "it", "them"):
        return None
    while (
        at < len(tokens) and tokens[at].tag in ("comma", "colon", "fill") or at < len(tokens) and tokens[at].text == "x"
    ):
        at += 1
    if at == len(tokens):
        return None
    if tokens[at].tag == "times":
        return replace(tokens[at], sense=Sense("count", tokens[at].value)), at, at + 1
    if tokens[at].tag != "count" or at == k + 1:
        return None
    end = at + 1
    while end < len(tokens) and tokens[end].tag in ("of", "them", "it", "fill"):
        end += 1
    after = tokens[end].tag if end < len(tokens) else ""
    whole = end > at + 1 and any(t.tag == "them" or "total" in t.text or "all" in t.text for t in tokens[at + 1 : end])
    several = tokens[k].sense.form == "s"
    if (whole or after in _ENDS) and (several or tokens[at - 1].text == "x") and after not in HEADS:
        return tokens[at], k + 1, end
    return None


def _with_sides(tokens: Sequence[Token]) -> list[Token]:
    """'one left and one right of it': what the second side is of, the first is of as well."""
    out = _all_round(tokens)
    tokens = list(out)
    for k, token in enumerate(tokens):
        if token.tag != "rel" or token.value not in ("left", "right") or k + 1 >= len(tokens):
            continue
        anchor = [tokens[k + 1]]
        if anchor[0].tag == "the" and k + 2 < len(tokens) and tokens[k + 2].tag in ("shape", "thing"):
            anchor.append(tokens[k + 2])
        start = next((n + 1 for n in range(k - 1, -1, -1) if tokens[n].tag in ("stop", "comma", "verb")), 0)
        side = [n for n in range(start, k) if tokens[n].tag == "h" and tokens[n].value != token.value]
        if (
            len(side) == 1
            and anchor[0].tag in ("it", "them", "the")
            and any(t.tag == "and" for t in tokens[side[0] : k])
        ):
            first = replace(tokens[side[0]], sense=Sense("rel", tokens[side[0]].value))
            at = next(n for n, t in enumerate(out) if t is tokens[side[0]])
            out[at : at + 1] = [first, *anchor]
    return out


def _all_round(tokens: Sequence[Token]) -> list[Token]:
    """'left, right, above and below it': at all four sides."""
    out, k = list(tokens), 0
    while k < len(out):
        end, said = k, set[str]()
        while end < len(out) and (
            out[end].tag in ("h", "rel") or (said and out[end].tag in ("comma", "and", "in", "the", "to"))
        ):
            said.add(out[end].value)
            end += 1
        if {"left", "right", "above", "below"} <= said:
            out[k:end] = [replace(out[k], sense=Sense("rel", "cross"))]
        k = max(end, k + 1)
    return out


def _without_fields(tokens: Sequence[Token]) -> list[Token]:
    """'shape: star, colour: red, position: top left': what a field is called says nothing that its value does not."""
    out = list(tokens)
    for k, token in enumerate(out[:-1]):
        field = token.tag == "attr" or token.text in _FIELDS or token.tag == "field"
        if field and out[k + 1].tag == "colon" and (k == 0 or out[k - 1].tag in (*_ENDS, "fill")):
            out[k], out[k + 1] = replace(token, sense=_FILL), replace(out[k + 1], sense=_FILL)
    return out
