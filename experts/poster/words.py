"""The poster's words: synonyms folded into one spelling, text cut into tokens, and a cursor that can step back."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from experts.poster.scene import PLACES

COUNTS = ("one", "two", "three", "four", "five")

_SYNONYMS = [
    (r"\btop[- ]?(left|right)\b|\bupper[- ](left|right)\b|\b(left|right)[- ]top\b", r"top \1\2\3"),
    (r"\bbottom[- ]?(left|right)\b|\blower[- ](left|right)\b|\b(left|right)[- ]bottom\b", r"bottom \1\2\3"),
    (r"\bcent(?:re|er)d?\b", "center"),
    (r"\b(?:top|upper) (?:center|middle)\b|\b(?:center|middle) (?:of the )?top\b|\btop edge\b", "top center"),
    (r"\b(?:bottom|lower) (?:center|middle)\b|\b(?:center|middle) (?:of the )?bottom\b", "bottom center"),
    (r"\b(?:center|mid|middle)[- ](left|right)\b|\b(left|right)[- ](?:center|middle)\b", r"middle \1\2"),
    (r"\bmiddle (?:of the )?(left|right)\b", r"middle \1"),
    (r"\bmiddle row\b|\bcenter row\b", "middlerow"),
    (r"\b(?:top|upper) row\b", "toprow"),
    (r"\b(?:bottom|lower) row\b", "bottomrow"),
    (r"\b(left|right) column\b", r"\1column"),
    (r"\b(?:middle|center) column\b", "middlecolumn"),
    (r"\bcorner\b|\bof the (?:poster|picture|image|canvas|scene|page)\b|\bside\b", ""),
    (r"\bhalf\b|\bedge\b", ""),
    (r"\b(?:large|huge|giant|bigger|larger)\b", "big"),
    (r"\b(?:little|tiny|smaller)\b", "small"),
    (r"\bviolet\b", "purple"),
    (r"\b(?:dis[ck]|dot|ball)(s?)\b", r"circle\1"),
    (r"\bbox(?:es)?\b", "square"),
    (r"\b(?:rhombus|lozenge)\b", "diamond"),
    (r"\b(?:backdrop|back ground)\b", "background"),
    (r"\bcolou?red\b", ""),
    (r"\bcolor\b", "colour"),
    (r"\b(?:please|kindly|now|also|finally|just|next|afterwards|could you|can you)\b", ""),
    (r"\bmiddle\b(?! (?:left|right))", "center"),
]
"""(pattern, what it becomes), applied in order: a later one sees what the earlier ones made."""
_PLACE = re.compile(r"\b(" + "|".join(sorted(PLACES, key=len, reverse=True)) + r")\b")


def tokens(text: str) -> list[str]:
    """Lower-case words with synonyms folded; a place is one token '@0'..'@8', a pause is ','."""
    text = text.lower().replace("\u2019", "'")
    for pattern, by in _SYNONYMS:
        text = re.sub(pattern, by, text)
    text = _PLACE.sub(lambda hit: f" @{PLACES.index(hit.group(1))} ", text)
    return re.findall(r"@[0-8]|[a-z']+|\d+|[,;.]", text)


class Cursor:
    """A position in a list of tokens."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = 0

    @property
    def word(self) -> str:
        """The next word; '' at the end."""
        return self.words[self.at] if self.at < len(self.words) else ""

    @property
    def done(self) -> bool:
        """Whether no word is left."""
        return self.at >= len(self.words)

    def take(self, *options: str) -> str:
        """Steps over the next word if it is one of `options`, and returns it; '' where it is not."""
        word = self.word
        if not word or word not in options:
            return ""
        self.at += 1
        return word

    def skip(self, words: Container[str]) -> bool:
        """Steps over as many of `words` as follow; whether there was one."""
        start = self.at
        while self.word and self.word in words:
            self.at += 1
        return self.at > start


P = ParamSpec("P")
T = TypeVar("T")


def whole(read: Callable[Concatenate[Cursor, P], T | None]) -> Callable[Concatenate[Cursor, P], T | None]:
    """Makes a reading all or nothing: where `read` returns None, the cursor is back where it began."""

    @wraps(read)
    def tried(cursor: Cursor, *args: P.args, **kwargs: P.kwargs) -> T | None:
        start = cursor.at
        made = read(cursor, *args, **kwargs)
        if made is None:
            cursor.at = start
        return made

    return tried
