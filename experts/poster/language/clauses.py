"""Tokens of a prompt -> clauses in the order in which they are to be carried out, each with what governs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experts.poster.language.lexicon import Sense
from experts.poster.language.senses import sharpened
from experts.poster.language.terms import HEADS
from experts.poster.language.tokens import Token

_CONTENT = {*HEADS, "colour", "size", "most", "more", "v", "h", "mid", "corner", "row", "column", "side", "unknown", "verb",
            "grow", "gone", "it", "them", "dir", "rel", "former", "latter", "diagonal", "axis", "everywhere", "here", "void", "ordinal", "outer", "shaped"}  # fmt: skip
_STRONG = {"add", "remove", "delete", "make", "move", "change", "replace", "turn", "swap", "draw", "paint", "put", "create"}
_NOUNLIKE = ("the", "same", "a", "attr")


@dataclass(frozen=True)
class Clause:
    """A stretch of the prompt that asks for one thing.

    Attributes:
        tokens: its words without those that govern it; verb: 'add', 'remove', ... or '' where it only describes.
        size: of 'enlarge' and 'shrink'.
        negated: it is forbidden, not asked for.
        corrected: it takes the place of what was said before it.
        condition: tokens of 'if ...' that it depends on; `unless`: it must not hold; `otherwise`: the last one did not.
        sentence: number of its sentence.
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
        return not any(token.tag in _CONTENT or token.tag in ("no", "not", "all", "both", "other", "undo", "another", "count", "only") for token in self.tokens) and not self.verb


def sentences(tokens: Sequence[Token]) -> list[list[Token]]:
    """Tokens between full stops, line ends and their like."""
    out: list[list[Token]] = [[]]
    for token in tokens:
        if token.tag == "stop":
            out.append([])
        else:
            out[-1].append(token)
    return _headings([sentence for sentence in out if sentence])


def _starts(tokens: Sequence[Token], k: int, begun: int) -> bool:
    """Whether a new clause begins with the token at `k` (the one before began at `begun`)."""
    token = tokens[k]
    before = tokens[k - 1] if k > begun else None
    if before is None:
        return False
    if token.tag in ("then", "correct"):
        return not all(t.tag in ("and", "but", "comma", "fill", "correct", "then", "last", "first") for t in tokens[begun:k])
    if token.tag in ("last", "first"):
        return any(t.tag in _CONTENT for t in tokens[begun:k])
    if token.tag in ("if", "unless", "else"):
        return any(t.tag in _CONTENT for t in tokens[begun:k])
    if token.tag in ("before", "after") and k + 1 < len(tokens):
        ahead = next((t for t in tokens[k + 1 :] if t.tag not in ("fill", "it", "the")), None)
        return ahead is not None and ahead.tag in ("verb", "grow") and any(t.tag in _CONTENT for t in tokens[begun:k])
    gone = any(t.tag == "verb" and t.value == "go" for t in tokens[begun:k])
    if before.tag in ("comma", "and", "but") and (_subject(tokens, k) or (gone and token.tag == "the")) and _asks(tokens[begun : k - 1]):
        return True
    if before.tag in ("comma", "and") and k - begun > 2 and tokens[k - 2].tag in ("verb", "grow") and _asks(tokens[begun : k - 2]):
        return token.tag not in ("verb", "grow") and not _verbless(tokens[k:])
    if token.tag in ("verb", "grow"):
        content = [t for t in tokens[begun:k] if t.tag in _CONTENT]
        if not content:
            return False
        if token.sense.form in ("ed", "arrow") or (before.tag == "colon" and not _asks(tokens[begun : k - 1])):
            return False
        if begun == 0 and k > 1 and all(t.tag in (*_NAMING, "then", "comma", "and") for t in tokens[begun:k]) and any(t.tag == "the" for t in tokens[begun:k]):
            return False
        caused = next((t.text for t in tokens[begun:k] if t.tag == "verb"), tokens[begun].text)
        if caused in _CAUSES and before.tag not in ("and", "comma", "but", "then") and token.sense.form == "":
            return False
        if token.sense.form == "ing":
            return False
        links = ("and", "comma", "but", "fill", "not", "colon", "then", "only", "correct", "or", "first", "last")
        if before.tag in ("the", "a", "same", "attr", "that", "of", "is", "to", "it") and before.tag != "it":
            return False
        if before.tag in links:
            j = k - 1
            while j > begun and tokens[j].tag in ("fill", "not", "only"):
                j -= 1
            if tokens[j].tag in ("is", "with", "to", "for", "of", "in", "if", "that") or tokens[j].tag in ("noun",):
                return False
            if tokens[j].tag in ("and", "comma", "but", "colon", "or", "correct") or before.text in ("please", "pls", "just"):
                return True
            if before.tag == "not":
                return True
            return token.text in _STRONG and before.tag != "fill"
        return token.text in _STRONG
    if token.tag == "not" and k + 1 < len(tokens) and before.tag in ("and", "comma", "but"):
        ahead = next((t for t in tokens[k + 1 :] if t.tag != "fill"), None)
        return ahead is not None and ahead.tag in ("verb", "grow") and ahead.sense.form in ("", "ing")
    return False


_CAUSES = {"make", "let", "have", "get", "see", "i", "want"}
_NAMING = {"the", "it", "them", "that", "other", "all", "things", "both", "ordinal", "former", "latter", "shape", "thing", "ground", "poster",
           "colour", "size", "count", "v", "h", "mid", "fill", "outer", "most", "of", "in", "row", "column", "corner", "side"}  # fmt: skip
_NAMES = {"the", "it", "them", "that", "other", "all", "things", "both", "ordinal", "former", "latter"}


def _asks(tokens: Sequence[Token]) -> bool:
    """Whether something is asked for: a verb, and what it is about."""
    return any(t.tag in ("verb", "grow") for t in tokens) and any(t.tag in _CONTENT and t.tag != "verb" for t in tokens)


def _verbless(tokens: Sequence[Token]) -> bool:
    return not any(t.tag in ("verb", "grow") for t in tokens)


def _subject(tokens: Sequence[Token], k: int) -> bool:
    """Whether what begins at `k` names something that is there, and then says what it does or is."""
    while k < len(tokens) and tokens[k].tag == "fill":
        k += 1
    if k >= len(tokens) or tokens[k].tag not in _NAMES:
        return False
    while k < len(tokens) and tokens[k].tag in _NAMING:
        k += 1
    return k < len(tokens) and tokens[k].tag in ("is", "verb", "grow", "not") and tokens[k].sense.form != "ing"


def _cut(tokens: Sequence[Token]) -> list[list[Token]]:
    """A sentence cut into clauses."""
    out, begun = list[list[Token]](), 0
    for k in range(1, len(tokens)):
        if _starts(tokens, k, begun):
            cut = k
            while cut > begun and tokens[cut - 1].tag in ("and", "but", "comma", "not", "only") and tokens[k].tag in ("verb", "grow", "not"):
                if tokens[cut - 1].tag in ("not", "only") and tokens[k].tag == "not":
                    break
                cut -= 1
            if any(t.tag in _CONTENT or t.tag in ("correct", "then", "last", "first", "undo") for t in tokens[begun:cut]):
                out.append(list(tokens[begun:cut]))
                begun = cut
    out.append(list(tokens[begun:]))
    return out


def _verb(tokens: list[Token]) -> tuple[str, str, list[Token], bool]:
    """(verb, size, the tokens without it, whether it is negated)."""
    best = None
    for k, token in enumerate(tokens):
        if token.tag not in ("verb", "grow"):
            continue
        if token.sense.form == "ed":
            moving = token.tag == "grow" or token.value in ("remove", "move", "swap", "replace", "copy", "flip", "keep")
            if not moving or best is not None:
                continue
            if not any(t.tag in ("is", "fill") for t in tokens[:k]) and k > 0 and tokens[k - 1].tag not in ("shape", "thing", "it", "them"):
                continue
            best = k
            continue
        if best is None or tokens[best].sense.form == "ed":
            best = k
            break
    if best is None:
        return "", "", tokens, False
    caused = next((k for k in range(best + 2, len(tokens)) if _effect(tokens, best, k)), None)
    best = best if caused is None else caused
    token = tokens[best]
    leading = [t for k, t in enumerate(tokens[:best]) if not (caused is not None and t.tag == "verb")]
    if any(t.tag == "mutual" for t in tokens) and token.value in ("change", "add", "swap", "take"):
        return "swap", "", [t for t in tokens if t is not token], False
    negated = any(t.tag == "not" for t in leading if t.tag == "not") and not any(t.tag in ("colour", "size") for t in leading)
    rest = [t for t in leading if t.tag not in ("not", "fill", "and", "but", "then", "comma")] + tokens[best + 1 :]
    if token.tag == "grow":
        return "grow", token.value, rest, negated
    return token.value, "", rest, negated


def _effect(tokens: Sequence[Token], best: int, k: int) -> bool:
    """Whether the verb at `k` says what is to happen in 'make the star vanish', 'let them swap places'."""
    causes = tokens[best].text in _CAUSES
    return causes and tokens[k].tag in ("verb", "grow") and tokens[k].sense.form != "ing" and not _past(tokens[k]) and tokens[k - 1].tag not in ("and", "comma", "to", "the")


def _past(token: Token) -> bool:
    """Whether a verb only tells what was done: 'the one you added'."""
    return token.sense.form == "ed" and token.value in ("add", "draw")


def _headings(found: list[list[Token]]) -> list[list[Token]]:
    """'BACKGROUND' above 'Yellow', 'White.' before what is on it: what two lines say together."""
    out: list[list[Token]] = []
    for sentence in found:
        content = [t for t in sentence if t.tag in _CONTENT or t.tag in ("void", "not", "no")]
        before = [t for t in out[-1] if t.tag in _CONTENT] if out else []
        if out and content and all(t.tag == "colour" for t in content) and len(before) == 1 and before[0].tag == "ground":
            out[-1] = [*out[-1], *sentence]
        elif not out and len(found) > 1 and len(content) == 1 and content[0].tag == "colour":
            out.append([*sentence, replace(content[0], sense=Sense("ground"))])
        else:
            out.append(sentence)
    return out


def _clause(tokens: list[Token], sentence: int) -> Clause:
    start, end = tokens[0].start, tokens[-1].end
    corrected = False
    otherwise = False
    while tokens and tokens[0].tag in ("and", "but", "comma", "fill", "colon", "then", "correct", "last", "first", "else", "ifso"):
        corrected = corrected or tokens[0].tag == "correct"
        otherwise = otherwise or tokens[0].tag == "else"
        tokens = tokens[1:]
    while tokens and tokens[-1].tag in ("and", "but", "comma", "correct", "first", "last", "then", "fill", "colon"):
        corrected = corrected or (tokens[-1].tag == "correct" and tokens[-1].text in ("instead", "rather", "stattdessen"))
        tokens = tokens[:-1]
    verb, size, rest, negated = _verb(tokens)
    if tokens:
        start, end = tokens[0].start, tokens[-1].end
    return Clause(tuple(rest), verb, size, negated, corrected, None, False, otherwise, sentence, start, end)


def clauses(tokens: Sequence[Token]) -> list[Clause]:
    """The clauses of a prompt, in the order in which they are to be carried out."""
    found: list[Clause] = []
    endings: list[Clause] = []
    asked: tuple[Token, ...] | None = None
    total = sentences(sharpened(tokens))
    for number, sentence in enumerate(total):
        cut = _cut(sentence)
        condition: tuple[Token, ...] | None = None
        unless = False
        k = 0
        while k < len(cut):
            part = cut[k]
            lead = [t for t in part if t.tag not in ("and", "but", "comma", "fill", "then")]
            head = lead[0].tag if lead else ""
            if head in ("if", "unless"):
                conditional, rest = _condition(part)
                if rest is None and k + 1 < len(cut):
                    condition, unless = conditional, head == "unless"
                    k += 1
                    continue
                if rest is None and not (found and found[-1].sentence == number):
                    asked = conditional
                if rest is None:  # 'make it green if there is a star'
                    if found and found[-1].sentence == number:
                        j = len(found) - 1
                        while j >= 0 and found[j].sentence == number and found[j].condition is None:
                            found[j] = replace(found[j], condition=conditional, unless=head == "unless")
                            j -= 1
                            if True:
                                break
                    k += 1
                    continue
                condition, unless = conditional, head == "unless"
                part = rest
            elif head == "ifso":
                condition, unless = asked, False
            elif head == "else":
                condition = None
            late = head == "last"
            early = head == "first" and bool(found)
            turned = head in ("before", "after")
            clause = _clause(part, number)
            if head == "else":
                clause = replace(clause, otherwise=True)
            clause = replace(clause, condition=condition, unless=unless)
            if turned and lead:
                first, second = _both_sides(part, cut, k, number)
                if second is not None:
                    consumed = 1 if second[1] else 0
                    pair = [first, second[0]]
                    found += pair if head == "after" else pair[::-1]
                    k += 1 + consumed
                    continue
                if found and found[-1].sentence == number:  # 'add a star before adding a circle'
                    if head == "before":
                        found.append(first)
                    else:
                        found.insert(len(found) - 1, first)
                    k += 1
                    continue
            if clause.empty:
                k += 1
                continue
            if late and k == 0 and _earlier_follows(total[number + 1 :]):
                endings.append(clause)
            elif early and any(t.text in ("but first", "before that", "first", "before this", "before anything else", "but before that", "prior to that", "before all that", "before you do that", "before doing so", "beforehand", "vorher", "davor", "before all else") for t in part):
                if endings or k:
                    found.append(clause) if endings else found.insert(len(found) - 1, clause)
                else:
                    found.insert(len(found) - 1, clause) if _back(part) else found.append(clause)
            else:
                found.append(clause)
            k += 1
    return found + endings


def _earlier_follows(rest: Sequence[Sequence[Token]]) -> bool:
    """Whether a later sentence says what comes first."""
    heads = [next((t.tag for t in sentence if t.tag not in ("and", "but", "comma", "fill")), "") for sentence in rest]
    return "first" in heads


def _back(part: Sequence[Token]) -> bool:
    return any(t.text in ("but first", "before that", "before this", "before anything else", "but before that", "prior to that", "before all that", "before you do that", "before doing so", "beforehand", "vorher", "davor") for t in part)


def _condition(part: Sequence[Token]) -> tuple[tuple[Token, ...], list[Token] | None]:
    """The tokens of a condition, and what follows it in the same part (None: nothing)."""
    k = next(i for i, t in enumerate(part) if t.tag in ("if", "unless"))
    for j in range(k + 1, len(part)):
        if part[j].tag in ("comma", "then", "colon") and any(t.tag in _CONTENT for t in part[k + 1 : j]):
            rest = list(part[j + 1 :])
            if any(t.tag in _CONTENT for t in rest):
                return tuple(part[k + 1 : j]), rest
    return tuple(part[k + 1 :]), None


def _both_sides(part: Sequence[Token], cut: Sequence[list[Token]], k: int, sentence: int) -> tuple[Clause, tuple[Clause, bool] | None]:
    """'before adding a circle, draw a star': the clause of 'before', and the other one (and whether it is the next
    part); None where there is none."""
    at = next(i for i, t in enumerate(part) if t.tag in ("before", "after"))
    for j in range(at + 1, len(part)):
        if part[j].tag == "comma" and any(t.tag in ("verb", "grow") for t in part[at + 1 : j]) and any(t.tag in _CONTENT for t in part[j + 1 :]):
            return _clause(list(part[at + 1 : j]), sentence), (_clause(list(part[j + 1 :]), sentence), False)
    inner = _clause(list(part[at + 1 :]) or list(part), sentence)
    if k == 0 and k + 1 < len(cut):
        return inner, (_clause(list(cut[k + 1]), sentence), True)
    return inner, None
