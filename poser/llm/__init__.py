"""One client for every language or vision model behind an OpenAI-compatible address: list in, list out.

`Chat.ask(queries, form)` gives validated answers or failures. Words of others travel as data only (`form.document`),
answers are read only through a schema (`form.read`), and every request is retried, paced, counted and charged by the
same code as those to image services (`experts.api`).
"""

from __future__ import annotations

from poser.llm.client import KEYS, SIDE, Chat, Query, Reply
from poser.llm.endpoint import ENDPOINT_KEYS, Endpoint
from poser.llm.form import Form

__all__ = ["ENDPOINT_KEYS", "KEYS", "SIDE", "Chat", "Endpoint", "Form", "Query", "Reply"]
