"""What a picture should look like after a command, as one caption: for critics that compare a picture with words."""

from __future__ import annotations

import re

from poser.critics.questions import nodes, words
from poser.critics.questions.asking import data
from poser.planning.text.keywords import bare, keyword
from poser.types import Command


def caption(command: Command) -> str:
    """'make the wall green' -> 'the green wall'; '' where no caption can say it: that something is gone."""
    text = bare(data(command.wording)).strip(" .!")
    verb = command.verb if command.verb != "other" else keyword(text)
    plain = text.lower()
    if verb == "remove":
        return ""
    if verb == "replace" and (hit := nodes.REPLACE.match(plain)):
        return str([part for part in hit.groups() if part][1])
    if verb in ("recolour", "resize") and (hit := nodes.MAKE.match(plain)):
        return re.sub(r"^(the\s+|an?\s+)?", rf"\g<1>{hit[2]} ", hit[1], count=1)
    if verb == "move" and (hit := nodes.MOVE.match(plain)):
        return f"{hit[1]} {hit[2]}"
    if verb == "background" and (hit := nodes.GROUND.search(plain)):
        return f"{next(part for part in hit.groups() if part)} background"
    if verb == "write" and (hit := nodes.WRITE.search(text)):
        return f"the words {hit[1] or hit[2]}"
    if verb == "add" and (hit := nodes.ADD.match(plain)):
        return str(hit[1])
    return words.VERBS.sub("", words.LEAD.sub("", text)) or text
