"""Tokens of a prompt -> clauses in the order in which they are to be carried out, each with what governs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experts.poster.language.altering import replace
from experts.poster.language.cutting import CAUSES, CONTENT, VERBS, asks, cut, sentences
from experts.poster.language.lexicon import Sense
from experts.poster.language.senses import sharpened
from experts.poster.language.tokens import Token

_LEADING = ("and", "but", "comma", "fill", "colon", "then", "correct", "last", "first", "else", "ifso")
_TRAILING = ("and", "but", "comma", "correct", "first", "last", "then", "fill", "colon")
_DONE = ("remove", "move", "swap", "replace", "copy", "flip", "keep")
"""Verbs whose past form says what is to be: 'the star is moved', not 'a star drawn in red'."""


@dataclass(frozen=True)
class Clause:
    """A stretch of the prompt that asks for one thing.

    Attributes:
        tokens: its words without those that govern it; verb: 'add', 'remove', ... or '' where it only describes.
        size: of 'enlarge' and 'shrink'.
        negated: it is forbidden, not asked for.
        corrected: it takes the place of what was said before it.
        condition: tokens of 'if ...' that it depends on; `unless`: it must not hold; `otherwise`: the last one did not.
        sentence: number of its sentence; start, end: where it stands in the prompt.
    """

    tokens: tuple[Token, ...]
    verb: str = ""
    size: str = ""
    negated: bool = False
    corrected: bool = False
    condition: tuple[Token, ...] | None = None
    unless: bool = False
    otherwise: bool = False
    sentence: int = 0
    start: int = 0
    end: int = 0

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        tags = {*CONTENT, "no", "not", "all", "both", "other", "another", "count", "only"}
        return not self.verb and not any(token.tag in tags for token in self.tokens)


def clauses(tokens: Sequence[Token]) -> list[Clause]:
    """The clauses of a prompt, in the order in which they are to be carried out."""
    return _Order(sentences(sharpened(tokens))).read()


class _Order:
    """One pass over the sentences: conditions, and words for what comes first and last."""

    def __init__(self, total: list[list[Token]]) -> None:
        self.total = total
        self.found: list[Clause] = []
        self.endings: list[Clause] = []
        self.asked: tuple[Token, ...] | None = None
        self.condition: tuple[Token, ...] | None = None
        self.unless = False

    def read(self) -> list[Clause]:
        """The clauses in order."""
        for number, sentence in enumerate(self.total):
            self.condition, self.unless = None, False
            parts = cut(sentence)
            k = 0
            while k < len(parts):
                k += self._part(parts, k, number)
        return self.found + self.endings

    def _part(self, parts: Sequence[list[Token]], k: int, number: int) -> int:
        """Takes one part of a sentence; returns how many parts that were."""
        part: list[Token] | None = parts[k]
        head = _head(parts[k])
        if head in ("if", "unless"):
            part = self._conditional(parts[k], head == "unless", number, k + 1 < len(parts))
            if part is None:
                return 1
        elif head == "ifso":
            self.condition, self.unless = self.asked, False
        elif head == "else":
            self.condition = None
        elif head in ("before", "after"):
            taken = self._turned(parts, k, number, head)
            if taken:
                return taken
        assert part is not None
        clause = replace(_clause(part, number), condition=self.condition, unless=self.unless)
        if head == "else":
            clause = replace(clause, otherwise=True)
        if not clause.empty:
            self._place(clause, part, head, k, number)
        return 1

    def _conditional(self, part: list[Token], unless: bool, number: int, more: bool) -> list[Token] | None:
        """What a condition governs in its own part; None where that comes later or came before."""
        condition, rest = _condition(part)
        last = self.found[-1] if self.found and self.found[-1].sentence == number else None
        if rest is not None or more:
            self.condition, self.unless = condition, unless
        elif last is None:
            self.asked = condition  # 'Is there a star? If so, ...'
        elif last.condition is None:  # 'make it green if there is a star'
            self.found[-1] = replace(last, condition=condition, unless=unless)
        return rest

    def _turned(self, parts: Sequence[list[Token]], k: int, number: int, head: str) -> int:
        """'before adding a circle, draw a star': takes both clauses in the order that they mean; 0 where it cannot."""
        inner, other, taken = _both_sides(parts, k, number)
        if other is not None:
            self.found += [inner, other] if head == "after" else [other, inner]
            return taken
        if self.found and self.found[-1].sentence == number:  # 'add a star before adding a circle'
            self.found.insert(len(self.found) - (0 if head == "before" else 1), inner)
            return 1
        return 0

    def _place(self, clause: Clause, part: Sequence[Token], head: str, k: int, number: int) -> None:
        """Puts a clause where its words say: at the end, before the last one, or next."""
        back = any(token.tag == "first" and token.value == "back" for token in part)
        if head == "last" and k == 0 and _earlier_follows(self.total[number + 1 :]):
            self.endings.append(clause)
        elif head == "first" and self.found and not self.endings and (back or any(t.tag == "but" for t in part[:2])):
            self.found.insert(len(self.found) - 1, clause)
        else:
            self.found.append(clause)


def _head(part: Sequence[Token]) -> str:
    return next((t.tag for t in part if t.tag not in ("and", "but", "comma", "fill", "then")), "")


def _earlier_follows(rest: Sequence[Sequence[Token]]) -> bool:
    """Whether a later sentence says what comes first."""
    return any(_head(sentence) == "first" for sentence in rest)


def _condition(part: Sequence[Token]) -> tuple[tuple[Token, ...], list[Token] | None]:
    """The tokens of a condition, and what follows it in the same part (None: nothing)."""
    k = next(i for i, t in enumerate(part) if t.tag in ("if", "unless"))
    for j in range(k + 1, len(part)):
        if part[j].tag in ("comma", "then", "colon") and asks(part[k + 1 : j]) and asks(part[j + 1 :]):
            return tuple(part[k + 1 : j]), list(part[j + 1 :])
    return tuple(part[k + 1 :]), None


def _both_sides(parts: Sequence[list[Token]], k: int, sentence: int) -> tuple[Clause, Clause | None, int]:
    """The clause of 'before', the other one (None: there is none), and how many parts they are."""
    part = parts[k]
    at = next(i for i, t in enumerate(part) if t.tag in ("before", "after"))
    for j in range(at + 1, len(part)):
        if part[j].tag == "comma" and any(t.tag in VERBS for t in part[at + 1 : j]) and asks(part[j + 1 :]):
            return _clause(part[at + 1 : j], sentence), _clause(part[j + 1 :], sentence), 1
    inner = _clause(part[at + 1 :] or part, sentence)
    if k == 0 and k + 1 < len(parts):
        return inner, _clause(parts[k + 1], sentence), 2
    return inner, None, 1


def _clause(tokens: list[Token], sentence: int) -> Clause:
    """A part of a sentence without the words that only join it to others."""
    start, end = tokens[0].start, tokens[-1].end
    corrected = otherwise = False
    while tokens and tokens[0].tag in _LEADING:
        corrected = corrected or tokens[0].tag == "correct"
        otherwise = otherwise or tokens[0].tag == "else"
        tokens = tokens[1:]
    while tokens and tokens[-1].tag in _TRAILING:
        corrected = corrected or (tokens[-1].tag == "correct" and tokens[-1].value == "instead")
        tokens = tokens[:-1]
    verb, size, rest, negated = _verb(tokens)
    if tokens:
        start, end = tokens[0].start, tokens[-1].end
    return Clause(tuple(rest), verb, size, negated, corrected, None, False, otherwise, sentence, start, end)


def _verb(tokens: list[Token]) -> tuple[str, str, list[Token], bool]:
    """(verb, size, the tokens without it, whether it is negated)."""
    best = _main_verb(tokens)
    if best is None:
        return "", "", tokens, False
    effect = next((k for k in range(best + 2, len(tokens)) if _effect(tokens, best, k)), None)
    token = tokens[best if effect is None else effect]
    if any(t.tag == "mutual" for t in tokens) and token.value in ("change", "add", "swap", "take"):
        return "swap", "", [t for t in tokens if t is not token], False
    leading = tokens[:best] if effect is None else [t for t in tokens[:effect] if t.tag != "verb"]
    negated = any(t.tag == "not" for t in leading) and not any(t.tag in ("colour", "size") for t in leading)
    joints = ("not", "fill", "and", "but", "then", *(() if any(t.tag == "rel" for t in leading) else ("comma",)))
    rest = [t for t in leading if t.tag not in joints]
    rest += tokens[(best if effect is None else effect) + 1 :]
    verb, _, way = token.value.partition(" ")
    if way and not any(t.tag in ("dir", "v", "h", "mid", "rel", "corner", "where", "here") for t in rest):
        rest.append(replace(token, sense=Sense("dir", way)))  # 'the star sinks'
    return ("grow", token.value, rest, negated) if token.tag == "grow" else (verb, "", rest, negated)


def _main_verb(tokens: Sequence[Token]) -> int | None:
    """Where the verb stands that says what is to be done; a past form only where there is no other."""
    past = None
    for k, token in enumerate(tokens):
        if token.tag in VERBS and token.sense.form != "ed":
            return k
        if token.tag in VERBS and past is None and (token.tag == "grow" or token.value in _DONE):
            told = (
                k == 0
                or any(t.tag in ("is", "fill") for t in tokens[:k])
                or tokens[k - 1].tag in ("shape", "thing", "it", "them")
            )
            past = k if told else None
    return past


def _effect(tokens: Sequence[Token], best: int, k: int) -> bool:
    """Whether the verb at `k` says what is to happen in 'make the star vanish', 'let them swap places'."""
    token = tokens[k]
    told = token.sense.form == "ed" and token.value in ("add", "draw")  # 'the one you added'
    if tokens[best].text not in CAUSES or token.tag not in VERBS or token.sense.form == "ing" or told:
        return False
    return tokens[k - 1].tag not in ("and", "comma", "to", "the")
