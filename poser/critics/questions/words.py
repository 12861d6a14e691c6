"""The words that descriptions of pictures are taken apart by, as data."""

from __future__ import annotations

import re


def _any(words: str) -> frozenset[str]:
    return frozenset(words.split())


COLOURS = _any(
    "red green blue yellow orange purple white black pink brown grey gray gold golden silver beige teal turquoise "
    "violet cyan magenta crimson scarlet navy maroon olive lime ivory cream tan bronze copper rainbow "
    "colourful colorful"
)
SIZES = _any("big small large tiny huge little tall short long wide narrow giant gigantic miniature massive thin thick")
LOOKS = _any(
    "wooden metal metallic glass stone brick plastic leather paper ceramic marble cotton silk fluffy furry rusty shiny "
    "old new young ancient modern vintage broken cracked empty full open closed round square striped spotted dotted "
    "checkered dirty clean wet dry snowy frozen burning glowing bright dark light transparent smiling happy sad angry "
    "sleeping sitting standing beautiful cute bald bearded rustic ornate soft smooth sharp blurry blooming ripe"
)
COUNTS = {
    name: n
    for n, name in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=1
    )
}
DETERMINERS = _any("a an the some this that these those another its his her their my your our")
_RELATIONS = (
    "on top of|next to|in front of|to the left of|to the right of|at the top of|at the bottom of|in the middle of|"
    "on the left of|on the right of|across from|close to|in|on|onto|into|under|underneath|behind|above|below|beside|"
    "near|between|inside|over|against|around|at|by|beneath|along|among|with|without|wearing|holding|carrying|riding|"
    "reading|eating|drinking|playing|watching|pulling|pushing|facing|covering|surrounded by|covered with|covered in|"
    "filled with|made of|looking at|standing on|sitting on|standing in|sitting in|lying on|leaning against|hanging on|"
    "floating in|flying over|jumping over|of"
)
_LONGEST_FIRST = "|".join(sorted(_RELATIONS.split("|"), key=len, reverse=True))
RELATION = re.compile(rf"\s+(?:(?:that|which|who)\s+)?(?:(?:is|are)\s+)?({_LONGEST_FIRST})\s+")
"""What stands between a thing and another one."""
COPULA = re.compile(r"\s+(?:(?:that|which|who)\s+)?(?:is|are|has|have|looks?)\s+")
JOINT = re.compile(
    r"\s*[;,]\s*(?:and\s+|with\s+)?|\s+and\s+(?=(?:a|an|the|some|another|\d+|one|two|three|four|five|six)\b)"
)
LEAD = re.compile(
    r"^(?:(?:please|now|then|also)\s+)*(?:(?:generate|create|design|render|produce|compose|draw|paint|show|make)\s+)?"
    r"(?:(?:an?|the)\s+)?(?:(?:detailed|realistic|beautiful|simple)\s+)?"
    r"(?:photo|photograph|picture|image|poster|painting|drawing|illustration|scene|sketch|render)"
    r"(?:\s+(?:of|with|showing|containing|that shows|in which)\s+|\s*:\s*)",
    re.I,
)
VERBS = re.compile(r"^(?:generate|create|design|render|produce|compose|draw|paint|show)\s+", re.I)
PLACED = re.compile(
    r"^(?:the\s+)?(?:top|bottom|left|right|upper|lower|centre|center|middle|foreground|background|corner|edge)\b"
)
"""A place in the picture, not a thing in it."""
NOT_NOUNS = _any(
    "is are was were be been has have had do does did can will would should could may might must it they them he she "
    "which who that what where when because so very more most less least much many not no every everything all "
    "anything nothing something each both other others runs sits stands walks jumps flies lies looks plays goes"
)
TOPICS: dict[str, frozenset[str]] = {
    "a person": _any("person people man men woman women boy girl child children kid baby face lady guy crowd player"),
    "an animal": _any("animal dog cat horse bird cow sheep lion tiger bear elephant fish duck rabbit puppy kitten fox"),
    "a building": _any("building house tower castle church barn skyscraper hut cottage bridge shop city village"),
    "trees or plants": _any("tree trees plant plants forest bush leaf leaves palm garden jungle"),
    "flowers": _any("flower flowers rose tulip daisy sunflower bouquet blossom"),
    "water": _any("water sea ocean lake river pond pool waterfall beach wave waves fountain"),
    "the sky": _any("sky cloud clouds sun moon stars rainbow sunset sunrise"),
    "mountains or hills": _any("mountain mountains hill hills cliff volcano valley"),
    "a road or path": _any("road street path pavement highway track sidewalk"),
    "a vehicle": _any(
        "vehicle car bus truck van bicycle bike motorcycle train boat ship plane aeroplane airplane taxi"
    ),
    "furniture": _any("furniture chair table sofa couch bed desk shelf bench stool cupboard cabinet"),
    "food or drink": _any("food cake bread fruit apple banana pizza sandwich cup coffee plate bowl bottle glass wine"),
    "a window or a door": _any("window windows door doors gate curtain"),
    "written words": _any("text word words letter letters sign title caption lettering slogan writing label"),
    "the inside of a room": _any("room kitchen bedroom office wall floor ceiling interior"),
}
"""What an input picture may hold, with words of commands that are about it."""
SETTING = (
    "a building",
    "trees or plants",
    "water",
    "the sky",
    "mountains or hills",
    "a road or path",
    "the inside of a room",
)
"""Topics that go with the background."""
