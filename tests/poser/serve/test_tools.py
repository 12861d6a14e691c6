"""The tools, called by the SDK's own client: in process, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import numpy as np
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from experts.images import png
from poser.serve.engine import Engine
from poser.serve.server import bound, configured
from poser.serve.settings import Settings, digest
from poser.serve.tools import make, over_http
from tests.poser import given_world
from tests.poser.serve.serving import PROMPT, agent
from tests.poser.world import PICTURE

ROOT = Path(__file__).parents[3]
ENVIRON = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def talk(conversation, server) -> None:
    async def whole() -> None:
        async with Client(server, read_timeout_seconds=60) as client:
            await conversation(client)

    asyncio.run(whole())


@pytest.fixture(scope="module")
def server():
    engine = Engine({"fast": agent()})
    yield make(engine, Settings(pixels=10_000))
    engine.close()


def opened(answer) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(next(c.data for c in answer.content if c.type == "image"))))


def words(answer) -> str:
    return next(c.text for c in answer.content if c.type == "text")


def test_an_agent_draws_edits_and_asks_why(server):
    async def conversation(client) -> None:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {"generate_image", "edit_image", "explain_run", "list_experts"}
        steps = []

        async def progress(done, total, message) -> None:
            steps.append((done, total, message))

        made = await client.call_tool("generate_image", {"prompt": PROMPT, "seed": 2}, progress_callback=progress)
        assert opened(made).size == (32, 32) and [done for done, *_ in steps] == list(range(1, len(steps) + 1))
        assert "fake-draw" in steps[0][2] and steps[0][1] == 6
        run = words(made).split(":")[0].removeprefix("run ")
        told = json.loads(words(await client.call_tool("explain_run", {"run": run})))
        assert len(told["steps"]) == len(steps) and len(told["ends"]) == 3
        again = await client.call_tool("edit_image", {"prompt": "Make it red.", "run": run})
        assert opened(again).size == (32, 32)
        given = base64.b64encode(png(PICTURE)).decode()
        assert opened(await client.call_tool("edit_image", {"prompt": "Make it red.", "image_base64": given}))
        rows = json.loads(words(await client.call_tool("list_experts", {})))
        assert {row["id"] for row in rows} >= {"fake-draw-1", "fake-tint-1"}

    talk(conversation, server)


def test_an_agent_gives_references_and_a_mask():
    engine = Engine({"given": given_world.agent()})

    async def conversation(client) -> None:
        image, mask = given_world.noise(1, (40, 24)), given_world.area(1, (40, 24))
        in_base64 = [base64.b64encode(png(picture)).decode() for picture in (image, given_world.noise(2, (9, 9)), mask)]
        given = {"image_base64": in_base64[0], "references_base64": in_base64[1:2], "mask_base64": in_base64[2]}
        made = await client.call_tool("edit_image", {"prompt": "Make it blue.", **given})
        outside = np.asarray(mask) == 0
        assert (np.asarray(opened(made))[outside] == np.asarray(image)[outside]).all()
        drawn = await client.call_tool("generate_image", {"prompt": "A dog.", "size": "48x40", "quality": "low"})
        assert opened(drawn).size == (48, 40)
        rows = json.loads(words(await client.call_tool("list_experts", {})))
        assert {(row["pictures"], row["mask"]) for row in rows} == {(1, False), (3, False), (2, True)}
        many = await client.call_tool("edit_image", {"prompt": "x", **given, "references_base64": in_base64[1:2] * 5})
        assert many.is_error and "takes more than 3" in words(many)

    talk(conversation, make(engine, Settings()))
    engine.close()


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("generate_image", {"prompt": " "}, "empty"),
        ("generate_image", {"prompt": PROMPT, "steps": 99}, "20"),
        ("generate_image", {"prompt": PROMPT, "seed": -1}, "out of range"),
        ("edit_image", {"prompt": "x"}, "one of them"),
        ("edit_image", {"prompt": "x", "image_base64": "aGk="}, "not an image"),
        (
            "edit_image",
            {"prompt": "x", "image_base64": base64.b64encode(png(Image.new("L", (200, 200)))).decode()},
            "px",
        ),
        ("edit_image", {"prompt": "x", "run": "../../etc"}, "no run"),
        ("explain_run", {"run": "none"}, "no run"),
    ],
)
def test_mistakes_are_answers_that_say_what_to_do(server, tool, arguments, says):
    async def conversation(client) -> None:
        answer = await client.call_tool(tool, arguments)
        assert answer.is_error and says in words(answer)

    talk(conversation, server)


async def _draws(client) -> None:
    made = await client.call_tool("generate_image", {"prompt": "A red poster with a big white star.", "steps": 2})
    assert not made.is_error and opened(made).size == (96, 96)


async def _lists(client) -> None:
    rows = json.loads(words(await client.call_tool("list_experts", {})))
    assert "poster-flux" in {row["id"] for row in rows}


@pytest.mark.parametrize("conversation", [_lists, pytest.param(_draws, marks=pytest.mark.slow)])
def test_over_stdio_with_the_embedded_world(conversation):
    talk(conversation, StdioServerParameters(command=sys.executable, args=["-m", "poser", "mcp"], env=ENVIRON))


KEY = "a-key-of-sixteen-or-more"


def test_over_http_with_the_embedded_world():
    command = [sys.executable, "-m", "poser", "mcp", "--http", "--port", "0"]
    process = subprocess.Popen(command, env=ENVIRON, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "listen on" in line)
        talk(_lists, said.split("listen on ")[1].split(";")[0])
    finally:
        process.terminate()
        assert process.wait(20) is not None


def test_over_http_keys_are_asked_for_and_strangers_get_one_clean_error():
    engine, settings = Engine({"fast": agent()}), Settings(keys=(digest(KEY),), body=50_000, loopback=True)
    app = over_http(make(engine, settings), settings)
    listening, running = bound("127.0.0.1", 0), uvicorn.Server(configured(app, "on"))
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"

    async def talks() -> None:
        http = httpx2.AsyncClient(headers={"authorization": f"Bearer {KEY}"}, timeout=60)
        async with http, Client(streamable_http_client(url, http_client=http)) as client:
            assert opened(await client.call_tool("generate_image", {"prompt": PROMPT})).size == (32, 32)

    try:
        asyncio.run(talks())
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        known = {"authorization": f"Bearer {KEY}", "accept": "application/json, text/event-stream"}
        strangers = [
            ({}, call, 401),
            ({**known, "authorization": "Bearer a-key-of-somebody-else"}, call, 401),
            ({**known, "host": "evil.example"}, call, 403),
            ({**known, "origin": "http://evil.example"}, call, 403),
            (known, {**call, "params": {"x": "y" * 60_000}}, 413),
            (known, [], 400),
            (known, "words", 400),
        ]
        for headers, body, status in strangers:
            answer = httpx2.post(url, json=body, headers=headers)
            assert answer.status_code == status and "Traceback" not in answer.text, answer.text
    finally:
        running.should_exit = True
        thread.join(15)
        engine.close()
        listening.close()
