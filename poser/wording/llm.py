"""What an expert is handed, rewritten by a language model in the words that this expert likes."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from poser import llm as chats
from poser.actions import handed, read_again
from poser.llm import Chat, Form, Query
from poser.llm.prompts import Prompt, prompt
from poser.planning.text.grounded import missing
from poser.plugins import Context, Requirements
from poser.protocols import Call, Words
from poser.types import PoserError
from poser.wording.plain import Plain

LOG = logging.getLogger(__name__)
OWN = ("prompt", "longest")
KEYS = (*chats.KEYS, *OWN)
LOST = 0.34
"""Share of the meaning words of the commands that a prompt may put in others: one of three."""
_QUOTED = re.compile(r'"([^"]{1,200})"|\u201c([^\u201d]{1,200})\u201d|(?<!\w)\'([^\']{1,200})\'(?!\w)')


class Written(Form):
    """The prompt."""

    prompt: str


class Llm:
    """Asks `chat` once a call; what was asked before is remembered. Where it gives no usable answer: `plain`.

    Args:
        words: what the model is told.
        longest: characters of a prompt.
    """

    def __init__(self, chat: Chat, words: Prompt, longest: int = 1500) -> None:
        self.chat, self.words, self.longest = chat, words, longest
        self.plain = Plain()
        self.id = f"llm:{chat.model}:{words.id}"

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        return self.chat.endpoint.requirements()

    def write(self, calls: Sequence[Call]) -> list[Words]:
        """Same length and order. Raises `PoserError` where there is no key."""
        plain = self.plain.write(calls)
        replies = self.chat.ask([self._query(call) for call in calls], Written)
        found = []
        for words, reply in zip(plain, replies, strict=True):
            if reply.value is None:
                LOG.warning("wording llm: %s; the user's own words are used", reply.failure and reply.failure.message)
            text = " ".join(reply.value.prompt.split()) if reply.value else words.prompt
            found.append(Words(text, words.asked, reply.usd, reply.seconds))
        return found

    def _query(self, call: Call) -> Query:
        card = call.card
        wordings = [command.wording for command in handed(call.state.plan, call.action.scope, call.card)]
        wordings = [*read_again(call.state, call.card), *wordings]
        model = {"id": card.id, "description": card.description, "made_for": list(card.verbs)}
        style = card.params.get("style")
        model |= {"style": style} if isinstance(style, str) else {}
        data = {"instructions": wordings, "mode": card.mode, "model": model, "longest": self.longest}

        def check(written: Written) -> str:
            return self._wrong(written.prompt, wordings)

        return Query(self.words, data, (), check)

    def _wrong(self, text: str, wordings: Sequence[str]) -> str:
        """What is wrong with a prompt, in words for the model; '' where nothing is."""
        if not text.strip():
            return '"prompt" is empty'
        if len(text) > self.longest:
            return f'"prompt" has {len(text)} characters; at most {self.longest} are allowed'
        whole = " ".join(wordings)
        quoted = ["".join(groups) for groups in _QUOTED.findall(whole)]
        if any(words not in text for words in quoted):
            return "words in quotation marks must stay exactly as they are"
        lost = missing(whole, [text])
        return f"{lost:.0%} of what was asked for is not in it" if lost > LOST else ""


def load(settings: Mapping[str, Any], context: Context) -> Llm:
    """The wording that `settings` describes: the keys of a chat (`poser.llm.Chat.of`), `prompt` (the name of its
    words, 'word-1'), `longest` (characters).

    Raises `PoserError` for a key that it does not know, or a value that cannot be.
    """
    chat = Chat.of("wording llm", settings, OWN)
    longest = settings.get("longest", 1500)
    if not isinstance(longest, int) or isinstance(longest, bool) or longest < 1:
        raise PoserError(f"wording llm: longest is {longest!r}; give a whole number from 1")
    return Llm(chat, prompt(str(settings.get("prompt", "word-1"))), longest)
