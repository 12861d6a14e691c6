"""Noun phrases: 'three small red cups' is a noun, adjectives of three kinds and a number. By rules."""

from __future__ import annotations

import re
from dataclasses import dataclass

from poser.critics.questions import words as w


@dataclass(frozen=True)
class Phrase:
    """'three small red cups': its noun, adjectives by kind, number (0: not said), whether it says 'the'."""

    noun: str
    adjectives: tuple[tuple[str, str], ...] = ()
    count: int = 0
    definite: bool = False

    @property
    def head(self) -> str:
        """The noun that commands are compared by."""
        return singular(self.noun.split()[-1])

    @property
    def name(self) -> str:
        """'the cup', 'the cups'."""
        return f"the {self.noun}"

    @property
    def be(self) -> str:
        """'is', or 'are' for more than one."""
        last = self.noun.split()[-1]
        return "are" if self.count > 1 or singular(last) != last else "is"

    @property
    def some(self) -> str:
        """'a cup', 'cups', 'the cup'."""
        if self.definite or self.be == "are":
            return self.name if self.definite else self.noun
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"


def singular(word: str) -> str:
    """A noun without its plural ending, roughly: only to compare words with each other."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def adjective(word: str) -> str:
    """Its kind (colour, size, look); '' for any other word."""
    return next(
        (kind for kind, known in (("colour", w.COLOURS), ("size", w.SIZES), ("look", w.LOOKS)) if word in known), ""
    )


def phrase(text: str) -> Phrase | None:
    """'the small red cup' -> its parts; None for anything that is not plainly a noun with adjectives before it."""
    tokens = re.findall(r"[\w'-]+", text.lower())
    if not tokens or re.search(r"[^\w\s'-]", text):
        return None
    definite = tokens[0] in ("the", "this", "that", "these", "those", "its", "his", "her", "their")
    tokens = tokens[1:] if tokens[0] in w.DETERMINERS else tokens
    count = 0
    if tokens and (tokens[0] in w.COUNTS or tokens[0].isdigit()):
        count = w.COUNTS.get(tokens[0]) or min(int(tokens[0][:4]), 9999)
        tokens = tokens[1:]
    found = []
    while len(tokens) > 1 and (kind := adjective(tokens[0])):
        found.append((kind, tokens[0]))
        tokens = tokens[2:] if len(tokens) > 3 and tokens[1] == "and" and adjective(tokens[2]) else tokens[1:]
    if (
        not 1 <= len(tokens) <= 3
        or set(tokens) & (w.NOT_NOUNS | w.DETERMINERS)
        or adjective(tokens[-1])
        or tokens[-1].isdigit()
    ):
        return None
    return Phrase(" ".join(tokens), tuple(found), count, definite)


def nouns(text: str) -> tuple[str, ...]:
    """Every word that may be a noun, singular: what free words are compared by."""
    words = re.findall(r"[a-z]{3,}", text.lower())
    return tuple(
        dict.fromkeys(
            singular(word) for word in words if word not in w.NOT_NOUNS | w.DETERMINERS and not adjective(word)
        )
    )
