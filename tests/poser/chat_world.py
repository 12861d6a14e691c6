"""What the tests of everything that asks a chat share: a form, queries, looks, a server that echoes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from poser.llm import Form, Query
from poser.llm.form import Share
from poser.llm.prompts import prompt
from poser.types import Command, Critique, Look
from tests.poser.chat_server import MARK, ChatServer, data_of, outside

KEY, VARIABLE = "Zq7-unusual.SECRET_9f8e7d6c5b4a", "LOOPBACK_CHAT_KEY"
WORDS = prompt("word-1")


class Said(Form):
    colour: str
    share: Share


def echo(asked: dict[str, Any]) -> Any:
    """An answer that is a function of the data; the order's own where anything but data got through."""
    return {"colour": MARK if outside(asked) else data_of(asked)["colour"], "share": 0.25}


@pytest.fixture(name="server")
def echo_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VARIABLE, KEY)
    with ChatServer(echo) as server:
        yield server


def queries(count: int, **more: Any) -> list[Query]:
    return [Query(WORDS, {"colour": f"colour {n}"}, **more) for n in range(count)]


def look(colour: str = "red", wanted: tuple[str, ...] = ("draw a cat",), **more: Any) -> Look:
    commands = tuple(Command(text) for text in wanted)
    return replace(Look(Image.new("RGB", (16, 16), colour), None, None, (), commands), **more)


def plain(critiques: list[Critique]) -> list[str]:
    return [repr(replace(critique, seconds=0.0, usd=0.0)) for critique in critiques]


# chat
