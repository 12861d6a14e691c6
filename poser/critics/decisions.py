"""The critic that asks a typed-decision endpoint: P(yes) to the same questions as `vqa`, many in one request, no words.

Two protocols: 'openai' (`client.decisions.create`, predicates; openai 3.54, `types/decision_create_params.py`) and
'systemone' (`transformers serve`, POST /v1/systemone, 'noul' questions; transformers 5.23,
`cli/serving/systemone.py`), so a model of one's own can be asked the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poser import llm as chats
from poser.critics.questions.asking import QuestionCritic
from poser.critics.questions.registry import writer
from poser.critics.vlm.answerer import Answerer
from poser.critics.vlm.protocols import PROTOCOLS
from poser.llm import Endpoint
from poser.llm.prompts import prompt
from poser.plugins import Context
from poser.types import PoserError

MODEL, PRICES = "gpt-6-luna", {"text_in": 0.10}
"""OpenAI's only model for decisions, and its price, USD a million tokens in (public beta of October 2026)."""
OWN = ("questions", "protocol", "prompt", "answers", "side")
KEYS = (*chats.ENDPOINT_KEYS, *OWN)


def load(settings: Mapping[str, Any], context: Context) -> QuestionCritic:
    """The critic that `settings` describes: the keys of an `Endpoint` (`model` and `prices` default to OpenAI's),
    `protocol` ('openai' or 'systemone'), `questions` (as for vqa), `prompt`, `answers` (a file that keeps them), `side`
    (px). Raises `PoserError` for a value that cannot be."""
    protocol = settings.get("protocol", "openai")
    if protocol not in PROTOCOLS:
        raise PoserError(f"critic decisions: no such protocol {protocol!r}; type one of {', '.join(PROTOCOLS)}")
    usual = {} if settings.get("base_url") else {"model": MODEL, "prices": PRICES}
    endpoint = Endpoint("critic decisions", {**usual, **settings})
    words = prompt(str(settings.get("prompt", "decide-1")))
    answerer = Answerer(endpoint, protocol, words, settings.get("answers"), settings.get("side", chats.SIDE))
    return QuestionCritic("decisions", answerer, writer(str(settings.get("questions", "graph"))))
