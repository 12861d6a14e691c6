"""Whether commands say what a prompt says: where their words stand in it, what was lost, what was added. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from poser.planning.text.split import Span

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\W_]+")
"""A word, or one sign of a script that puts no blanks between words."""
_WEAK = (
    "a an and are as at be but by can could do finally first for from have i in into is it its just kindly last lastly "
    "me my next now of on or our please second so than that the their them then there these they third this those to "
    "want was we were will with would you your"
)
_COMMON = frozenset(_WEAK.split())
STEM = 5
"""Letters by which words are compared: 'coloured' and 'colour' are the same."""


def stems(text: str) -> set[str]:
    """The words of a text that carry its meaning, cut to `STEM` letters."""
    return {word[:STEM] for word in (found.group().lower() for found in _WORD.finditer(text)) if word not in _COMMON}


def missing(text: str, said: Iterable[str]) -> float:
    """The share of the meaning words of `text` that none of `said` has, [0, 1]; 0 for a text without any."""
    wanted, given = stems(text), set[str]().union(*(stems(words) for words in said))
    return len(wanted - given) / len(wanted) if wanted else 0.0


def locate(text: str, prompt: str, start: int = 0) -> Span | None:
    """Where a text stands in a prompt, from `start` on or else from its beginning: capitals, blanks and closing
    punctuation may differ; None where it does not."""
    words = [re.escape(word) for word in text.strip(" \t\n.,;:").split()]
    if not words:
        return None
    pattern = re.compile(r"\s+".join(words), re.I)
    found = pattern.search(prompt, start) or pattern.search(prompt)
    return found.span() if found else None
