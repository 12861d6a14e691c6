"""What people say around their wishes, which asks for nothing: labels of steps, reasons, purposes, tales, politeness;
and the names that they give to things ('a yellow circle as the sun')."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.lexicon import Sense
from experts.poster.language.terms import HEADS
from experts.poster.language.tokens import Token

_FILL = Sense("fill")
_BREAKS = ("stop", "comma", "colon", "then", "but")
_WORLD = {"shape", "colour", "size", "most", "more", "v", "h", "mid", "corner", "row", "column", "side", "ground"}
_PEOPLE = {"he", "she", "him", "her"}
_LOVELY = {"nice", "great", "lovely", "good", "fine", "perfect", "cool", "best", "wonderful", "grateful", "happy",
           "better", "glad", "delighted", "love", "like", "pleased", "obliged", "brilliant", "fantastic", "awesome",
           "amazing", "pleasant", "appreciate", "prefer", "super", "ideal"}  # fmt: skip
_ITEMS = ("item", "object", "shape", "element", "figure", "symbol", "layer", "row")
_IDLE = ("fill", "it", "that", "is", "comma", "and", "then", "so", "more", "correct", "but")
_COMPANY = {"friend", "companion", "buddy", "mate", "partner", "sidekick", "pal", "playmate"}
_NAMING = {"as", "for", "representing", "being", "like", "called", "named", "is", "=", "symbolizing", "symbolising",
           "labelled", "meant as", "serving as", "be", "that's", "thats", "that is", "which is"}  # fmt: skip


def without_asides(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, with those that ask for nothing as mere filling, and named things by their names."""
    return _without_tales(_without_purposes(_named(_without_reasons(_without_labels(_with_people(tokens))))))


def _without_labels(tokens: Sequence[Token]) -> list[Token]:
    """'Step one: ...', 'part 2 ...': a number that a sentence bears says only that it begins."""
    out, k = list[Token](), 0
    while k < len(tokens):
        token = tokens[k]
        begins = not out or out[-1].tag in ("stop", "comma", "then")
        label = token.tag == "label" or token.text == "step"
        behind = tokens[k + 2].tag if k + 2 < len(tokens) else ""
        label = label or (token.text in _ITEMS and behind in ("colon", "comma") and tokens[k + 1].tag == "count")
        numbered = label and k + 1 < len(tokens) and tokens[k + 1].tag in ("count", "ordinal", "thing")
        if begins and numbered:
            out.append(replace(token, sense=Sense("stop", "mark")))
            k += 2
            while k < len(tokens) and tokens[k].tag in ("colon", "comma"):
                k += 1
            continue
        if token.tag == "label":
            token = replace(token, sense=Sense("cell" if token.text in ("step", "steps") else "fill"))
        out.append(token)
        k += 1
    return out


def _without_reasons(tokens: Sequence[Token]) -> list[Token]:
    """'because it is for Halloween': a reason asks for nothing."""
    out, within = list[Token](), False
    for k, token in enumerate(tokens):
        if token.tag in ("stop", "comma", "colon", "and", "then"):
            within = False
        within = within or token.tag == "reason" or _for_show(tokens, k)
        stated = token.text in ("provided", "given", "assuming") and k > 0 and tokens[k - 1].tag == "is"
        if token.tag == "if" and (stated or _polite(tokens, k)):
            token = replace(token, sense=_FILL)
            begun = next((n for n in range(k, 0, -1) if tokens[n - 1].tag == "stop"), 0)
            if all(t.tag in _IDLE for t in tokens[begun:k]):
                out[begun:k] = [replace(t, sense=_FILL) for t in tokens[begun:k]]
        out.append(replace(token, sense=_FILL) if within else token)
    return out


def _for_show(tokens: Sequence[Token], k: int) -> bool:
    """'(...) so they make a diagonal': what comes of it all."""
    if tokens[k].text not in ("so", "so that") or k == 0 or tokens[k - 1].tag in ("stop", "comma"):
        return False
    ahead = [t.text for t in tokens[k + 1 : k + 5]]
    made = next(
        (n for n, text in enumerate(ahead) if text in ("make", "form", "forms", "makes", "look", "looks")), None
    )
    return bool(made) and any(t.tag in ("a", "as", "fill", "the") for t in tokens[k + 2 + (made or 0) :][:1])


def _polite(tokens: Sequence[Token], k: int) -> bool:
    """'it would be nice if ...', '..., if you would be so good': an 'if' that asks, and depends on nothing."""
    before = [t for t in tokens[max(0, k - 4) : k]]
    after = next((n for n, t in enumerate(tokens[k + 1 :], k + 1) if t.tag in _BREAKS or t.tag == "and"), len(tokens))
    begun = next((n for n in range(k, 0, -1) if tokens[n - 1].tag == "stop"), 0)
    said = [t.tag for t in tokens[begun:k]]
    wished = (
        ("fill" in said and "is" not in said and all(tag in _IDLE for tag in said))
        or any(t.text.rpartition(" ")[2] in _LOVELY for t in before[-2:])
        and not any(t.tag in (*HEADS, "colour") for t in before[-3:])
    )
    idle = {"fill", "it", "too", "is", "that", "verb", "unknown", "not", "a", "to", "of", "with"}
    asks = k + 1 < len(tokens) and tokens[k + 1].text.split("'")[0] in ("you", "it", "that", "possible", "i", "at")
    content = [t for t in tokens[k + 1 : after] if t.tag not in idle]
    return wished or (
        asks and not content and after > k + 1 and not any(t.tag == "gone" for t in tokens[k + 1 : after])
    )


def _named(tokens: Sequence[Token]) -> list[Token]:
    """'a yellow circle as the sun ... make the sun red': a name that nobody knows is that of the thing before it."""
    out, names = list(tokens), set[str]()
    for k, token in enumerate(tokens):
        if token.text in _COMPANY and k and tokens[k - 1].text in ("a", "the", "another"):
            out[k] = replace(token, sense=Sense("thing", "name friend"))
        if token.tag != "unknown" or token.text in names or not token.text.isalpha():
            continue
        at = k - 1
        while at >= 0 and tokens[at].tag in ("the", "a", "fill", "of") and tokens[at].text not in _NAMING:
            at -= 1
        bracket = at > 0 and tokens[at].text == "(" and at < k - 1  # 'a white square (the house)'
        if (
            at < 1
            or not (tokens[at].text in _NAMING or bracket)
            or (k + 1 < len(tokens) and tokens[k + 1].tag in HEADS)
        ):
            continue
        if not _thing_before(tokens, at):
            continue
        names.add(token.text)
        for n in range(at, k):
            out[n] = replace(out[n], sense=_FILL)
        out[k] = replace(token, sense=Sense("name", _stem(token.text)))
    return [
        replace(t, sense=Sense("thing", "name " + _stem(t.text), "s" if t.text.endswith("s") else ""))
        if t.tag == "unknown" and t.text in names
        else t
        for t in out
    ]


def _stem(word: str) -> str:
    return word.removesuffix("s")


def _thing_before(tokens: Sequence[Token], at: int) -> bool:
    """Whether a shape stands shortly before `at`, in the same phrase."""
    for token in reversed(tokens[max(0, at - 9) : at]):
        if token.tag == "shape" or token.tag == "it":
            return True
        if token.tag in ("stop", "verb", "unknown", "and"):
            return False
    return False


def _without_purposes(tokens: Sequence[Token]) -> list[Token]:
    """'for the nursery', 'to hang in my kitchen': what a poster is for says nothing about what it shows."""
    out, k = list(tokens), 0
    while k < len(out):
        if out[k].text == "for":
            end = k + 1
            while end < len(out) and out[end].tag in ("the", "a", "fill", "of", "that", "size"):
                end += 1
            last = end
            while last < len(out) and (out[last].tag == "unknown" or (last > end and out[last].tag in ("fill", "of"))):
                last += 1
            if last > end and (last == len(out) or out[last].tag not in HEADS):
                out[k:last] = [replace(t, sense=_FILL) for t in out[k:last]]
                k = last
        k += 1
    return out


def _without_tales(tokens: Sequence[Token]) -> list[Token]:
    """'My sister adores hearts, so ...', 'she says it is lovely': what is told of people asks for nothing."""
    out = list(tokens)
    for start, end in _parts(out):
        part = out[start:end]
        after = out[end].text if end < len(out) else ""
        idle = not any(t.tag in _WORLD for t in part) and any(t.tag == "unknown" or _human(t) for t in part)
        tale = any(_human(t) for t in part[:4]) and (idle or _fond(part))
        why = after == "so" and any(t.tag == "unknown" for t in part) and not any(t.tag == "count" for t in part)
        if tale or why or _judges(part):
            out[start:end] = [replace(t, sense=_FILL) for t in part]
        elif _complains(part):
            out[end - 1] = replace(part[-1], sense=Sense("verb", "dislike"))
    return out


def _complains(part: Sequence[Token]) -> bool:
    """'the heart in the centre is too loud': what is there, and what the speaker thinks of it."""
    if len(part) < 3 or part[-1].tag != "unknown" or any(t.tag in ("verb", "grow", "a") for t in part):
        return False
    begins = next((t.tag for t in part if t.tag != "fill"), "")
    k = next((k for k, t in enumerate(part) if t.tag in ("is", "too") or t.value == "seems" or t.text == "'s"), 0)
    heads = any(t.tag in HEADS for t in part[:k])
    return (
        bool(k)
        and begins in ("the", "it", "that")
        and heads
        and all(t.tag in ("is", "too", "fill") for t in part[k:-1])
    )


def _human(token: Token) -> bool:
    return token.text in _PEOPLE or token.value == "person"


_WISHING = {"wants", "wanted", "says", "said", "thinks", "thought", "asked", "asks", "needs", "wishes", "would",
            "insists", "told", "hopes", "requests", "prefers", "suggested", "suggests", "begs", "decided"}  # fmt: skip


def _with_people(tokens: Sequence[Token]) -> list[Token]:
    """'Little Tom wants ...': a word that nobody knows, and that wants or says something, is somebody."""
    out = list(tokens)
    for k, token in enumerate(out[:-1]):
        if token.tag == "unknown" and tokens[k + 1].text in _WISHING:
            out[k] = replace(token, sense=Sense("fill", "person"))
        if (
            token.tag == "size"
            and _human(out[k + 1])
            or (
                token.tag == "size" and k + 2 < len(out) and out[k + 1].tag == "unknown" and out[k + 2].text in _WISHING
            )
        ):
            out[k] = replace(token, sense=_FILL)
    return out


def _fond(part: Sequence[Token]) -> bool:
    """'she adores hearts': liking things of a kind, none of which is counted or placed."""
    return any(t.value == "fond" for t in part) and not any(
        t.tag in ("a", "count", "v", "h", "mid", "corner") for t in part
    )


def _judges(part: Sequence[Token]) -> bool:
    """'purple looks gloomy', 'red is too loud': a colour alone, and what the speaker thinks of it."""
    said = [t for t in part if t.tag not in ("fill", "that", "the", "a") or t.value == "seems"]
    if len(said) < 3 or said[0].tag not in ("colour", "it", "that"):
        return False
    return (said[1].tag == "is" or said[1].value == "seems") and all(
        t.tag in ("unknown", "too", "more") for t in said[2:]
    )


def _parts(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """[start, end) of what stands between stops, commas and 'and' before another subject."""
    cuts, begun = list[tuple[int, int]](), 0
    for k, token in enumerate(tokens):
        joined = (
            token.tag == "and"
            and k + 1 < len(tokens)
            and (tokens[k + 1].text in ("i", "we", "so") or _human(tokens[k + 1]))
        )
        if token.tag in _BREAKS or joined or token.text == "so":
            if k > begun:
                cuts.append((begun, k))
            begun = k + 1
    return [*cuts, (begun, len(tokens))] if begun < len(tokens) else cuts
