"""The words of each language, from the text files in `words/`: phrase -> what it stands for."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "words"
SIGNS, EVERYDAY = "emoji", "everyday"
_NOUNS = ("shape", "colour", "thing", "poster", "ground", "corner", "side", "row", "column")
_VERBS = ("verb", "grow")


@dataclass(frozen=True)
class Sense:
    """What a phrase stands for: its tag ('colour', 'verb', ...), its value ('red', 'remove', ...), and its form ('ed'
    and 'ing' of a verb, 's' of a noun, else '')."""

    tag: str
    value: str = ""
    form: str = ""


def plain(text: str) -> str:
    """Lower case without accents: how words are compared."""
    text = text.lower().replace("ß", "ss").replace("œ", "oe").replace("ø", "o")
    kept = [c for c in unicodedata.normalize("NFKD", text) if not ("\u0300" <= c <= "\u036f" or c == "\ufe0f")]
    return unicodedata.normalize("NFC", "".join(kept)).replace("\u2019", "'")


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2:-1] not in "aeiou" else word + "s"


def _forms(phrase: str, tag: str) -> Iterator[tuple[str, str]]:
    """An English phrase in its inflections, with the form of each."""
    yield phrase, ""
    first, _, rest = phrase.partition(" ")
    tail = f" {rest}" if rest else ""
    if tag in _NOUNS:
        yield _plural(phrase), "s"
    elif tag == "formation":
        yield from ((f"{phrase} {figure}", "") for figure in ("shape", "pattern", "formation", "arrangement", "layout"))
    elif tag in _VERBS and first.isalpha():
        stem = first[:-1] if first.endswith("e") else first
        doubled = first + first[-1] if len(first) < 5 and first[-1] in "ptbgnm" and first[-2] in "aeiou" else stem
        yield _plural(first) + tail, ""
        yield (first[:-1] + "ied" if first.endswith("y") and first[-2] not in "aeiou" else doubled + "ed") + tail, "ed"
        yield doubled + "ing" + tail, "ing"
        yield stem + "ing" + tail, "ing"


def lines(name: str) -> Iterator[tuple[str, str]]:
    """The lines of a file of words: ('tag value', 'words, separated by commas')."""
    for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
        head, colon, words = line.partition(":")
        if colon and not line.startswith("#"):
            yield head.strip(), words


def _phrase(text: str) -> str:
    """A phrase of a word list as it is looked up: plain, with single blanks for hyphens and blanks."""
    return " ".join(plain(text).replace("-", " ").split())


@cache
def languages() -> tuple[str, ...]:
    """The languages that are known, English first."""
    found = sorted(file.stem for file in FOLDER.glob("*.txt"))
    return ("en", *(name for name in found if name not in ("en", SIGNS, EVERYDAY)))


@cache
def words(language: str) -> dict[str, Sense]:
    """Phrase (plain, single blanks) -> its sense; of two senses the first in the file counts."""
    table: dict[str, Sense] = {}
    later: dict[str, Sense] = {}
    for head, listed in [*lines(language), *(lines(EVERYDAY) if language == "en" else ())]:
        tag, _, value = head.partition(" ")
        for phrase in filter(None, (_phrase(part) for part in listed.split(","))):
            forms = _forms(phrase, tag) if language == "en" else [(phrase, "")]
            for text, form in forms:
                (table if text == phrase else later).setdefault(text, Sense(tag, value, form))
    return {**later, **table}


@cache
def signs() -> dict[str, str]:
    """Emoji and other signs -> English words."""
    return {plain(sign): said.strip() for sign, said in lines(SIGNS)}


@cache
def longest(language: str) -> int:
    """Words of the longest phrase (characters, where a language puts no blanks between words)."""
    table = words(language)
    return max(len(phrase) if language in UNSPACED else phrase.count(" ") + 1 for phrase in table)


UNSPACED = ("zh", "ja")
"""Languages that put no blanks between words."""
