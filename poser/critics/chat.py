"""The critic that asks any vision chat behind an OpenAI-compatible address for scores and for what is wrong, in JSON.

Commands travel as data in a JSON document, and the answer is read through a schema: words in a prompt are judged and
not followed. Where probabilities are to be had (`decisions`, `vqa`), they are cheaper and finer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image
from pydantic import ConfigDict

from experts.images import rgb
from experts.types import Failure, image_digest
from poser import llm as chats
from poser.llm import Chat, Form, Query
from poser.llm.form import Share
from poser.llm.prompts import Prompt, prompt
from poser.plugins import Context, Requirements
from poser.types import Answer, Critique, Look, Premise
from poser.verdicts import blank

LOG = logging.getLogger(__name__)
KEYS = (*chats.KEYS, "prompt")
REFERENCES = "the user gave these pictures for instructions to speak of; the user's own picture is picture 1"
MASK = "changes were allowed in the white part alone; outside of it nothing has changed, whatever an instruction asks"
"""What is said beside the pictures of those names, where there are any."""
LONGEST = 400
"""Characters of the feedback that are kept."""


class Score(Form):
    """How far a command is carried out."""

    id: str
    seen: str
    score: Share


class Holds(Form):
    """Whether what a later command takes for granted is there."""

    id: str
    holds: Share
    missing: str


class Verdict(Form):
    """What the model says of a picture."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": False,
            "required": ["wanted", "earlier", "kept", "quality", "feedback", "premises"],
        }
    )

    wanted: tuple[Score, ...]
    earlier: tuple[Score, ...]
    kept: Share | None
    quality: Share
    feedback: str
    premises: tuple[Holds, ...] = ()


class ChatCritic:
    """Asks `chat` one question a look, all looks of a list at once; every answer is remembered.

    `id` names the model and the words of the prompt. A look without a usable answer has NaN scores.
    """

    def __init__(self, chat: Chat, words: Prompt) -> None:
        self.chat, self.words = chat, words

    @property
    def id(self) -> str:
        """'chat:MODEL:PROMPT@DIGEST'."""
        return f"chat:{self.chat.model}:{self.words.id}"

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        return self.chat.endpoint.requirements()

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order. Raises `PoserError` where there is no key."""
        asked = [look for look in looks if look.wanted or look.earlier or look.next]
        replies = iter(self.chat.ask([self._query(look) for look in asked], Verdict) if asked else ())
        found = []
        for look in looks:
            if not (look.wanted or look.earlier or look.next):
                found.append(replace(blank(look), critic=self.id))
                continue
            reply = next(replies)
            critique = _critique(look, reply.value) if reply.value else _no_verdict(look, reply.failure)
            found.append(replace(critique, critic=self.id, usd=reply.usd, seconds=reply.seconds))
        return found

    def _query(self, look: Look) -> Query:
        pictures = _pictures(look)
        wanted, earlier = _named("wanted", look.wanted), _named("earlier", look.earlier)
        following = _named("next", look.next)
        data = {"pictures": [label for label, _ in pictures], "wanted": wanted, "earlier": earlier, "next": following}
        data |= {"references": REFERENCES} if look.references else {}
        data |= {"mask": MASK} if look.mask is not None else {}

        def check(verdict: Verdict) -> str:
            return _complaint(verdict, (wanted, earlier, following), look.start is not None)

        return Query(self.words, data, pictures, check)


def _named(group: str, commands: Sequence[Any]) -> list[dict[str, str]]:
    """The commands of a group, each with an id of ours."""
    return [{"id": f"{group}-{n}", "instruction": c.wording} for n, c in enumerate(commands, start=1)]


def _pictures(look: Look) -> tuple[tuple[str, Image.Image], ...]:
    """The pictures of a look with their labels; one that is there twice is sent once."""
    pictures = [("before", look.before)] if look.before is not None else []
    if look.start is not None and (look.before is None or image_digest(look.start) != image_digest(look.before)):
        pictures.insert(0, ("start", look.start))
    elif look.start is not None:
        pictures = [("start and before", look.start)]
    pictures += [(f"reference, picture {n}", picture) for n, picture in enumerate(look.references, start=2)]
    pictures += [("mask", rgb(look.mask))] if look.mask is not None else []
    return (*pictures, ("after", look.image))


def _complaint(verdict: Verdict, lists: Sequence[Sequence[Mapping[str, str]]], started: bool) -> str:
    """What is wrong with a verdict on the `lists` (wanted, earlier, next), for the model to read; '' for nothing."""
    names = ("wanted", "earlier", "premises")
    answers: tuple[Sequence[Score | Holds], ...] = (verdict.wanted, verdict.earlier, verdict.premises)
    for name, given, asked in zip(names, answers, lists, strict=True):
        said, ids = [row.id for row in given], [row["id"] for row in asked]
        if sorted(said) != sorted(ids):
            return f'"{name}" must have exactly one entry for each of: {", ".join(ids) or "nothing, so it is empty"}'
    return '"kept" must be a number: there is a "start"' if started and verdict.kept is None else ""


def _critique(look: Look, verdict: Verdict) -> Critique:
    scores = {score.id: score.score for score in (*verdict.wanted, *verdict.earlier)}
    wanted = [scores[f"wanted-{n}"] for n in range(1, len(look.wanted) + 1)]
    earlier = [scores[f"earlier-{n}"] for n in range(1, len(look.earlier) + 1)]
    held = {
        row.id: Premise(row.holds, row.missing or "what it takes for granted is not there") for row in verdict.premises
    }
    return Critique(
        tuple(wanted),
        tuple(earlier),
        kept=math.nan if look.start is None or verdict.kept is None else verdict.kept,
        quality=verdict.quality,
        feedback=" ".join(verdict.feedback.split())[:LONGEST],
        answers=tuple(
            Answer(command.text, score)
            for command, score in zip((*look.wanted, *look.earlier), (*wanted, *earlier), strict=True)
        ),
        premises=tuple(held[f"next-{n}"] for n in range(1, len(look.next) + 1)),
    )


def _no_verdict(look: Look, failure: Failure | None) -> Critique:
    why = f"no verdict ({failure.kind}: {failure.message})" if failure else "no verdict"
    LOG.warning("critic chat: %s", why)
    return blank(look, why)


def load(settings: Mapping[str, Any], context: Context) -> ChatCritic:
    """The critic that `settings` describes: the keys of a chat (`poser.llm.Chat.of`), and `prompt`, the name of its
    words ('judge-2') or a file. Raises `PoserError` for a key that it does not know, or a value that cannot be."""
    return ChatCritic(Chat.of("critic chat", settings, ("prompt",)), prompt(str(settings.get("prompt", "judge-2"))))
