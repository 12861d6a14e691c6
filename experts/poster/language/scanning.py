"""A position in the tokens of a clause, and what can be seen from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from experts.poster.language.terms import HEADS, Element
from experts.poster.language.tokens import Token

PLACES = ("v", "h", "mid", "corner", "row", "column", "side", "diagonal", "everywhere", "formation", "block")
BEFORE = {"a", "the", "all", "both", "other", "another", "count", "colour", "size", "most", "more", "v", "h",
          "mid", "fill", "only", "no", "not", "same", "unknown", "row", "corner", "that",
          "ordinal", "outer", "shaped", "newest"}  # fmt: skip
"""What may stand before the head of a noun phrase."""


@dataclass
class Scan:
    """A position in a clause's tokens."""

    tokens: Sequence[Token]
    at: int = 0
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tags = [token.sense.tag for token in self.tokens]

    def tag(self, ahead: int = 0) -> str:
        """The tag `ahead` of here; '' beyond the ends."""
        k = self.at + ahead
        return self.tags[k] if 0 <= k < len(self.tags) else ""

    def value(self, ahead: int = 0) -> str:
        """The value `ahead` of here."""
        k = self.at + ahead
        return self.tokens[k].value if 0 <= k < len(self.tokens) else ""

    def skip(self, *tags: str) -> None:
        """Steps over tokens of these tags."""
        while self.at < len(self.tags) and self.tags[self.at] in tags:
            self.at += 1

    def text(self, ahead: int = 0) -> str:
        """The text `ahead` of here; '' beyond the ends."""
        k = self.at + ahead
        return self.tokens[k].text if 0 <= k < len(self.tokens) else ""

    def past(self, *tags: str, start: int = 0) -> int:
        """How far ahead the first token is that has none of these tags."""
        while self.tag(start) in tags:
            start += 1
        return start

    def headed(self, ahead: int = 0) -> bool:
        """Whether a noun phrase with a head begins `ahead` of here."""
        k = self.at + ahead
        while k < len(self.tokens) and (self.tokens[k].tag in BEFORE or self.tokens[k].tag == "of"):
            if self.tokens[k].tag == "of" and k and self.tokens[k - 1].tag in PLACES:
                return False  # 'every corner of a red poster'
            k += 1
        return k < len(self.tokens) and self.tokens[k].tag in HEADS

    def linked(self, start: int) -> str:
        """The link word right before a position."""
        k = start - 1
        while k >= 0 and self.tokens[k].tag == "fill":
            k -= 1
        return self.tokens[k].tag if k >= 0 and self.tokens[k].tag in _LINKING else ""


_LINKING = ("to", "with", "for", "of", "in", "from", "is", "as")
