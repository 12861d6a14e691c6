"""Tokens of a prompt -> sentences, and sentences cut where another thing is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.lexicon import Sense
from experts.poster.language.terms import HEADS
from experts.poster.language.tokens import Token

CONTENT = {*HEADS, "colour", "size", "most", "more", "v", "h", "mid", "corner", "row", "column", "side", "unknown",
           "verb", "grow", "gone", "it", "them", "dir", "rel", "former", "latter", "diagonal", "axis", "everywhere",
           "here", "void", "ordinal", "outer", "shaped", "formation", "block"}  # fmt: skip
"""Tags of words that ask for something."""
VERBS = ("verb", "grow")
CAUSES = {"make", "let", "have", "get", "see", "i", "want"}
"""Verbs before another verb that says what is to happen: 'make the star vanish'."""
_STRONG = {
    "add",
    "remove",
    "delete",
    "make",
    "move",
    "change",
    "replace",
    "turn",
    "swap",
    "draw",
    "paint",
    "put",
    "create",
}
_NAMES = {"the", "it", "them", "that", "other", "all", "things", "both", "ordinal", "former", "latter"}
_NAMING = {*_NAMES, "shape", "thing", "ground", "poster", "colour", "size", "count", "v", "h", "mid", "fill", "outer",
           "most", "of", "in", "row", "column", "corner", "side"}  # fmt: skip
_WHERE = ("in", "rel", "v", "h", "mid", "corner", "row", "column", "here", "to")
_JOINTS = ("and", "but", "comma", "fill", "correct", "then", "last", "first")


def asks(tokens: Sequence[Token]) -> bool:
    """Whether any of the words asks for something."""
    return any(token.tag in CONTENT for token in tokens)


def _verbs(tokens: Sequence[Token]) -> bool:
    return any(token.tag in VERBS for token in tokens)


def _complete(tokens: Sequence[Token]) -> bool:
    """Whether a verb is there, and what it is about."""
    return _verbs(tokens) and any(t.tag in CONTENT and t.tag != "verb" for t in tokens)


def sentences(tokens: Sequence[Token]) -> list[list[Token]]:
    """Tokens between full stops, line ends and their like."""
    out: list[list[Token]] = [[]]
    for token in tokens:
        if token.tag == "stop":
            out.append([])
        else:
            out[-1].append(token)
    return _headings([sentence for sentence in out if sentence])


def _headings(found: list[list[Token]]) -> list[list[Token]]:
    """'BACKGROUND' above 'Yellow', 'White.' before what is on it: what two lines say together."""
    out: list[list[Token]] = []
    for sentence in found:
        content = [t for t in sentence if t.tag in CONTENT or t.tag in ("void", "not", "no")]
        before = [t for t in out[-1] if t.tag in CONTENT] if out else []
        if content and all(t.tag == "colour" for t in content) and [t.tag for t in before] == ["ground"]:
            out[-1] = [*out[-1], *sentence]
        elif not out and len(found) > 1 and [t.tag for t in content] == ["colour"]:
            out.append([*sentence, replace(content[0], sense=Sense("ground"))])
        elif out and _continues(out[-1], sentence):
            out[-1] = [*out[-1], replace(sentence[0], sense=Sense("comma")), *sentence]
        else:
            out.append(sentence)
    return out


def _continues(before: Sequence[Token], sentence: Sequence[Token]) -> bool:
    """'Two stars. One green, one red.', '5 hearts! Red ones.': a sentence that tells of parts of what was counted."""
    group = [k for k, t in enumerate(before) if t.tag == "shape"]
    last = before[group[-1]] if group else None
    counted = last is not None and any(t.tag in ("count", "both") for t in before[max(0, group[-1] - 4) : group[-1]])
    if last is None or not (counted or last.sense.form == "s") or any(t.tag in ("is", "grow") for t in before):
        return False
    words = [t for t in sentence if t.tag not in ("fill", "and", "then", "comma")]
    k = 0
    while k < len(words) and words[k].tag in ("colour", "size", "most"):
        k += 1
    if k == len(words) or words[k].tag in ("verb", "grow") or any(t.tag in VERBS for t in words[:3]):
        return False
    ones = words[k].text == "ones"
    parts = k == 0 and (words[0].text == "one" or words[0].tag == "count")
    other = [t.text for t in words[:2]] == ["the", "other"] or words[0].text in ("the other", "the others")
    if other and any(t.text == "one" for t in before) and not any(t.tag in (*VERBS, "is", "shape") for t in sentence):
        return True
    first = next((n for n, t in enumerate(sentence) if t.tag in ("comma", "and") and n), len(sentence))
    return (ones or parts) and not any(t.tag in ("shape", "ground", "poster") for t in sentence[:first])


def cut(tokens: Sequence[Token]) -> list[list[Token]]:
    """A sentence cut into clauses."""
    out, begun = list[list[Token]](), 0
    for k in range(1, len(tokens)):
        if k > begun and _starts(tokens, k, begun):
            at = _joint(tokens, k, begun)
            if any(t.tag in CONTENT or t.tag in ("correct", "then", "last", "first") for t in tokens[begun:at]):
                out.append(list(tokens[begun:at]))
                begun = at
    return [*out, list(tokens[begun:])]


def _joint(tokens: Sequence[Token], k: int, begun: int) -> int:
    """Where the clause of the verb at `k` begins: 'and', 'not' and their like before it are its own."""
    at = k
    while (
        at > begun and tokens[k].tag in (*VERBS, "not") and tokens[at - 1].tag in ("and", "but", "comma", "not", "only")
    ):
        if tokens[at - 1].tag in ("not", "only") and tokens[k].tag == "not":
            break
        at -= 1
    return at


def _starts(tokens: Sequence[Token], k: int, begun: int) -> bool:
    """Whether a new clause begins with the token at `k` (the one before began at `begun`)."""
    token, before, said = tokens[k], tokens[k - 1], tokens[begun:k]
    if token.tag in ("then", "correct"):
        return not all(t.tag in _JOINTS for t in said)
    if token.tag in ("last", "first", "if", "unless", "else"):
        return asks(said)
    if token.tag in ("before", "after"):
        ahead = next((t.tag for t in tokens[k + 1 :] if t.tag not in ("fill", "it", "the")), "")
        return ahead in VERBS and asks(said)
    if before.tag in ("comma", "and", "but") and _told_of(tokens, k, begun):
        return True
    if token.tag in VERBS:
        return _verb_starts(tokens, k, begun)
    if token.tag == "not" and before.tag in ("comma", "and", "but"):
        ahead_token = next((t for t in tokens[k + 1 :] if t.tag != "fill"), None)
        return ahead_token is not None and ahead_token.tag in VERBS and ahead_token.sense.form in ("", "ing")
    return False


def _told_of(tokens: Sequence[Token], k: int, begun: int) -> bool:
    """Whether what a comma or 'and' joins on at `k` names something else and says what becomes of it."""
    said = tokens[begun : k - 1]
    gone = any(t.value == "go" for t in said) and tokens[k].tag == "the"
    if (gone or _subject(tokens, k)) and _complete(said):
        return True
    told = any(t.tag == "is" for t in said) or (said and said[-1].tag in ("colour", "size", "more", "gone", "dir"))
    if told and asks(said) and _subject(tokens, k, VERBS):
        return True  # 'the sky turns purple, the circle sinks'
    verb_last = len(said) > 1 and said[-1].tag in VERBS and _complete(said[:-1])
    return verb_last and tokens[k].tag not in VERBS and tokens[k - 1].tag != "but" and _verbs(tokens[k:])


def _subject(tokens: Sequence[Token], k: int, predicates: Sequence[str] = ("is", *VERBS, "not")) -> bool:
    """Whether what begins at `k` names something, and then says what it does or is."""
    while k < len(tokens) and tokens[k].tag == "fill":
        k += 1
    if k >= len(tokens) or tokens[k].tag not in (*_NAMES, "a"):
        return False
    while k < len(tokens) and tokens[k].tag in (*_NAMING, "a"):
        k += 1
    return k < len(tokens) and tokens[k].tag in predicates and tokens[k].sense.form != "ing"


def _adjunct(said: Sequence[Token]) -> bool:
    """Whether what was said so far is only where something is to be: 'directly above it, (put ...)'."""
    words = [t for t in said if t.tag not in (*_JOINTS, "colon")]
    if words and words[-1].tag == "poster" and "of" in [t.text for t in words]:  # 'in the upper half of a white page'
        words = words[: [t.text for t in words].index("of")]
    if not words or words[0].tag not in _WHERE or _verbs(words):
        return False
    return not any(t.tag in ("a", "is", "ground", "poster", "shape", "colour") for t in words)


def _verb_starts(tokens: Sequence[Token], k: int, begun: int) -> bool:
    """Whether the verb at `k` is that of a new clause."""
    token, before, said = tokens[k], tokens[k - 1], tokens[begun:k]
    if (
        not asks(said)
        or token.sense.form in ("ed", "arrow", "ing")
        or (before.tag == "colon" and not _complete(said[:-1]))
    ):
        return False
    if (
        k > begun + 1
        and all(t.tag in (*_NAMING, "then", "comma", "and", "attr") for t in said)
        and any(t.tag == "the" for t in said)
    ):
        return False  # 'the star, move it down'
    cause = next((t.text for t in said if t.tag == "verb"), said[0].text)
    if cause in CAUSES and before.tag not in ("and", "comma", "but", "then"):
        return False  # 'make the star vanish'
    if before.tag in ("the", "a", "same", "attr", "that", "of", "is", "to") or _adjunct(said):
        return False
    links = ("and", "comma", "but", "fill", "not", "colon", "then", "only", "correct", "or", "first", "last")
    if before.tag not in links:
        return token.text in _STRONG
    joint = next((t for t in reversed(said[1:]) if t.tag not in ("fill", "not", "only")), said[0])
    if joint.tag in ("is", "with", "to", "for", "of", "in", "if", "that"):
        return False
    if (
        joint.tag in ("and", "comma", "but", "colon", "or", "correct")
        or before.tag == "not"
        or before.value == "please"
    ):
        return True
    return token.text in _STRONG and before.tag != "fill"
