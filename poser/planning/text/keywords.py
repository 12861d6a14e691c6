"""The verb of free text, by a light table of keywords."""

from __future__ import annotations

import re

from experts.types import Verb

_HUES = (
    "red|green|blue|yellow|orange|purple|white|black|pink|brown|gr[ae]y|gold(?:en)?|silver|beige|teal|turquoise|violet"
)
_KEYWORDS: tuple[tuple[Verb, str], ...] = (
    ("remove", r"^(?:remove|delete|erase|eliminate|get rid|take (?:away|out)|drop|clear)\b"),
    (
        "upscale",
        r"\bupscal|super[- ]?resol|\b[48]k\b|\b(?:increase|enhance|higher|double)\b.*\bresolution\b|\bsharpen\b",
    ),
    (
        "write",
        r"^write\b|\b(?:text|lettering|title|inscription|slogan|caption|the words?)\b|\b(?:says|saying|reads)\b",
    ),
    (
        "restyle",
        r"\bstyle\b|\brestyle\b|\bas an? (?:\w+ )?(?:painting|sketch|cartoon|drawing|watercolou?r|photo(?:graph)?)\b",
    ),
    (
        "restyle",
        r"\binto an? (?:\w+ ){0,2}(?:painting|sketch|cartoon|drawing|watercolou?r|photo(?:graph)?|anime|comic)\b",
    ),
    ("restyle", r"\b(?:pixel art|anime|watercolou?r|black and white|sepia|monochrome|grayscale|greyscale)\b"),
    (
        "relight",
        r"\brelight|\blighting\b|\bsunset light|\bgolden hour\b|\bbacklit\b|\b(?:brighten|darken|illuminate)\b",
    ),
    (
        "relight",
        r"\bat (?:night|dusk|dawn|sunset|sunrise)\b|\b(?:it|scene|picture|image) (?:night|dusk|dawn|brighter|darker)\b",
    ),
    ("background", r"\b(?:background|backdrop)\b"),
    ("replace", r"^(?:replace|swap|exchange|substitute)\b|^(?:turn|change|transform|convert)\b.*\binto\b"),
    ("resize", r"^(?:resize|enlarge|shrink|scale|grow)\b|\b(?:bigger|smaller|larger|taller|wider|thinner|shorter)\b"),
    ("recolour", rf"^(?:recolou?r|colou?r|dye|tint)\b|\bcolou?r of\b|^(?:make|turn|paint|change)\b.*\b(?:{_HUES})$"),
    ("move", r"^(?:move|shift|slide|bring|relocate|send)\b"),
    (
        "generate",
        r"^(?:generate|create|design|render|produce|compose)\b|^an? (?:photo|picture|poster|painting|image)\b",
    ),
    ("add", r"^(?:add|put|place|insert|include|draw|paint|attach|give|surround|there (?:is|are))\b"),
)
_LEAD = re.compile(
    r"(?:(?:please|kindly|now|also|just|finally|lastly|next|then|first|secondly|and|could you|can you|would you|"
    r"i(?:'d| would)? (?:want|like|need)(?: you)?(?: to)?(?: have| see)?|let's|let us|you should)\b[\s,:]*)+",
    re.I,
)
_LONG = 400
"""Characters of a command that are looked at."""


def bare(text: str) -> str:
    """`text` without 'please', 'I want you to' and their like before it."""
    lead = _LEAD.match(text)
    return text[lead.end() :] if lead else text


def keyword(text: str) -> Verb:
    """What free text asks for; 'other' where no keyword fits."""
    plain = bare(text[:_LONG]).lower()
    return next((verb for verb, pattern in _KEYWORDS if re.search(pattern, plain)), "other")
