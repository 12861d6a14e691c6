"""Where a prompt breaks into clauses: exact spans, no meaning. Anything that it cannot break is one clause.

Breaks: sentences, semicolons, numbered and bulleted lines, blank lines, 'then' and its like, and commas or 'and'
between two imperative clauses. A list of nouns is one clause. Quoted words, brackets, abbreviations and decimals are
kept whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

Span = tuple[int, int]

_CERTAIN = (
    "add remove delete erase make turn insert replace recolour recolor substitute exchange resize enlarge shrink "
    "upscale relight restyle rotate generate create include move relocate apply convert transform crop flip mirror "
    "adjust increase decrease brighten darken sharpen blur give get take put bring keep let use write draw render "
    "enhance restore eliminate"
)
_MAYBE = (
    "paint place set drop clear shift slide send change switch swap fill tint dye colour color scale show design "
    "produce compose light cut extend grow style frame cover wrap hang attach surround caption label zoom correct fix "
    "reduce raise lower"
)
"""Imperatives that are nouns as well: they count only before a determiner ('place the', not 'place names')."""
_BEFORE_NOUNS = (
    "the a an it its them their this that these those his her all every each everything some any another more "
    "one two three four five in on up down away out"
)
_ALWAYS = frozenset(_CERTAIN.split())
_SOMETIMES = frozenset(_MAYBE.split())
_DETERMINERS = frozenset(_BEFORE_NOUNS.split())
_POLITE = re.compile(
    r"(?:(?:please|kindly|now|also|just|finally|lastly|next|then|first|second|third|and|firstly|secondly|afterwards|so|"
    r"could you|can you|would you|i(?:'d| would)? (?:want|like|need) you to|let's|let us|you should)\b[\s,:]*)+",
    re.I,
)
_WORD = re.compile(r"[A-Za-z']+|\d+")
_QUOTED = re.compile(
    r"\"[^\"\n]{0,400}\"|\u201c[^\u201d\n]{0,400}\u201d|\([^()\n]{0,400}\)|(?<!\w)'[^'\n]{1,200}'(?!\w)"
)
_MARK = re.compile(
    r"(?m)^[ \t]*(?:[-*+\u2022\u2013]|\(?\d{1,2}[.)]|\(?[a-zA-Z]\))[ \t]+|(?<=[.;:!?,] )\(?\d{1,2}[.)] +(?=[A-Za-z])"
)
_INLINE = re.compile(r"(?<=\s)\(?\d{1,2}\)\s+(?=[A-Za-z])")
_STOP = re.compile(r"[.!?\u2026]+[\"'\u201d)\]]*(?=\s|$)|[\u3002\uff01\uff1f]+|;+|\n[ \t]*\n\s*")
_LINE = re.compile(r"(?<![ \t])[ \t]*\n[ \t]*(?=\S)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|approx|ca|mr|mrs|ms|dr|st|jr|sr|prof|fig|no|vol|inc|ltd|co|dept|est|a\.m|p\.m|resp)|\b[A-Za-z])$",
    re.I,
)
_AFTER = r"(?:then|after (?:that|this|which)|afterwards?|subsequently|thereafter|next|finally|lastly)"
_JOINT = re.compile(
    rf"(?<!\s)(?:\s*[,\u2013\u2014]\s*(?:(?:and|but)\s+)?(?:{_AFTER}\b[\s,]*)?|"
    rf"\s+(?:and|but)\s+(?:{_AFTER}\b[\s,]*)?|\s+{_AFTER}\b[\s,]*)",
    re.I,
)
_STRONG = re.compile(r"\b(?:then|after (?:that|this|which)|afterwards?|subsequently|thereafter)\b", re.I)
_CONDITION = re.compile(r"\s*(?:if|when|whenever|once|unless)\b", re.I)
_EDGE = " \t\r\n\f\v.,;:!?\u2026\u2013\u2014\u3002\uff01\uff1f"
_LEADING = re.compile(
    r"(?:(?:and|but|then|after (?:that|this)|afterwards|subsequently|thereafter)\b[\s,]+|"
    r"(?:next|finally|lastly|first|firstly|second|secondly|third|thirdly|last)\s*[,:]\s*)",
    re.I,
)
_LONG = 600
"""Characters of a stretch that are looked at."""


def imperative(text: str) -> bool:
    """Whether `text` begins, after 'please' and its like, with a verb that tells someone to do something."""
    words = _WORD.findall(_impolite(text)[:60])
    if not words:
        return False
    verb, following = words[0].lower(), words[1].lower() if len(words) > 1 else ""
    return verb in _ALWAYS or (verb in _SOMETIMES and following in _DETERMINERS)


def _impolite(text: str) -> str:
    """What follows 'please', 'first', 'then' and their like."""
    text = text.lstrip(_EDGE)
    lead = _POLITE.match(text)
    return text[lead.end() :] if lead else text


def trimmed(text: str, start: int, end: int) -> Span:
    """The stretch without space and punctuation at its ends and without a leading 'and then'; may be empty."""
    while True:
        while start < end and (text[start].isspace() or text[start] in _EDGE):
            start += 1
        while start < end and (text[end - 1].isspace() or text[end - 1] in _EDGE):
            end -= 1
        lead = _LEADING.match(text, start, end)
        if not lead or lead.end() >= end:
            return start, end
        start = lead.end()


def clauses(prompt: str) -> list[Span]:
    """[start, end) of every clause, in order, without overlap; at least one unless `prompt` is all space."""
    found = []
    for sentence in _sentences(prompt):
        for start, end in _parts(prompt, *sentence):
            start, end = trimmed(prompt, start, end)
            if start < end:
                found.append((start, end))
    if not found and (stripped := prompt.strip()):
        start = prompt.index(stripped)
        return [(start, start + len(stripped))]
    return found


def _gaps(prompt: str, start: int, end: int, cuts: list[Span]) -> Iterator[Span]:
    for a, b in sorted(cuts):
        if a >= start:
            yield start, a
        start = max(start, b)
    yield start, end


def _inside(spans: list[Span], at: int) -> bool:
    """Whether `at` is within one of the sorted `spans`, past its start."""
    k = bisect_left(spans, (at, 0)) - 1
    return k >= 0 and at < spans[k][1]


def _sentences(prompt: str) -> Iterator[Span]:
    quoted = [hit.span() for hit in _QUOTED.finditer(prompt)]
    marks = sorted(hit.span() for pattern in (_MARK, _INLINE) for hit in pattern.finditer(prompt))
    cuts = [span for span in marks if not _inside(quoted, span[0])]
    for hit in _STOP.finditer(prompt):
        a, b = hit.span()
        short = hit.group() == "." and _ABBREVIATION.search(prompt, max(0, a - 8), a)
        if not (_inside(quoted, a) or _inside(marks, a) or (short and not imperative(prompt[b : b + 80]))):
            cuts.append((a, b))
    for hit in _LINE.finditer(prompt):
        after = prompt[hit.end() : hit.end() + 80]
        if not _inside(quoted, hit.start()) and (after[0].isupper() or imperative(after)):
            cuts.append(hit.span())
    sentences = [span for span in _gaps(prompt, 0, len(prompt), cuts) if prompt[span[0] : span[1]].strip()]
    starts = {b for _, b in marks}
    for k, (a, b) in enumerate(sentences):
        listed = k + 1 < len(sentences) and sentences[k + 1][0] in starts
        heading = prompt[a:b].rstrip().endswith(":") and listed and imperative(prompt[slice(*sentences[k + 1])])
        if not heading:  # 'Do the following:' before a list of commands asks for nothing itself
            yield a, b


def _parts(prompt: str, start: int, end: int) -> Iterator[Span]:
    """A sentence cut at 'then', commas and 'and', where a command ends and another begins."""
    quoted = [hit.span() for hit in _QUOTED.finditer(prompt, start, end)]
    joints = [hit for hit in _JOINT.finditer(prompt, start, end) if not _inside(quoted, hit.start())]
    for joint in joints:
        if joint.start() < start:
            continue
        left = prompt[start : min(joint.start(), start + _LONG)]
        rest = prompt[joint.end() : min(end, joint.end() + _LONG)]
        if _breaks(left, joint.group(), rest):
            yield start, joint.start()
            start = joint.end()
    yield start, end


def _breaks(left: str, joint: str, rest: str) -> bool:
    """Whether a command ends before `joint` and another begins after it.

    Of long stretches only the first `_LONG` characters are given.
    """
    if not _impolite(left).strip(_EDGE) or not rest.strip(_EDGE):
        return False
    firm = "," in joint or re.search(r"\band\b", joint, re.I)
    if _STRONG.search(joint) and firm and not _CONDITION.match(left):
        return True
    if not imperative(rest):
        return False
    if imperative(left) or _STRONG.search(joint):
        return not _CONDITION.match(left)
    definite = [word.lower() for word in _WORD.findall(rest[:60])[1:2]]
    return "," in joint and bool(definite) and definite[0] in {"the", "it", "its", "all", "everything"}
