"""The unmodified openai client's retries and time-outs against the server: nothing is lost, nothing is made twice."""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
import pytest

from poser.serve.settings import Settings
from tests.poser.serve.serving import PROMPT, Served, served


def answered(here: Served) -> dict[str, int]:
    """How many requests for pictures got which status."""
    page = httpx2.get(f"{here.base}/metrics").text
    found = re.findall(r'poser_requests_total\{route="/v1/images/[a-z]+",status="(\d+)"\} (\d+)', page)
    return {status: int(count) for status, count in found}


def until_idle(here: Served) -> None:
    until = time.monotonic() + 10
    while (here.engine.playing or here.engine.waiting) and time.monotonic() < until:
        time.sleep(0.02)
    assert not here.engine.playing and not here.engine.waiting


def test_a_full_queue_is_waited_for_as_retry_after_says():
    with served(seconds=0.1, seats=1, backlog=2) as here:
        with openai.OpenAI(base_url=f"{here.base}/v1", api_key="none", max_retries=8, timeout=60) as client:

            def draw(seed: int) -> str:
                answer = client.images.generate(prompt="Draw a cat.", extra_body={"seed": seed, "steps": 1})
                return answer.data[0].b64_json

            with ThreadPoolExecutor(6) as pool:
                made = list(pool.map(draw, range(6)))
        found = answered(here)
        assert len(set(made)) == 6 and found.pop("200") == 6 and found.pop("429") >= 1 and not found


def test_the_asynchronous_client_waits_too():
    async def several(base: str) -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="none", max_retries=8, timeout=60) as client:
            calls = [client.images.generate(prompt="Draw a cat.", extra_body={"seed": s, "steps": 1}) for s in range(5)]
            return [answer.data[0].b64_json for answer in await asyncio.gather(*calls)]

    with served(seconds=0.1, seats=1, backlog=2) as here:
        assert len(set(asyncio.run(several(here.base)))) == 5
        assert answered(here)["200"] == 5


@pytest.mark.parametrize("retries", [0, 2])
def test_a_client_that_gives_up_leaves_no_episode_behind(retries):
    with served(seconds=0.5, seats=2) as here:
        client = openai.OpenAI(base_url=f"{here.base}/v1", api_key="none", max_retries=retries, timeout=0.2)
        with pytest.raises(openai.APITimeoutError):
            client.images.generate(prompt=PROMPT)
        until_idle(here)
        assert answered(here).get("200", 0) == 0


def test_what_took_too_long_here_is_not_asked_again():
    with served(Settings(timeout=0.4), seconds=0.3, seats=1) as here:
        client = openai.OpenAI(base_url=f"{here.base}/v1", api_key="none", max_retries=5, timeout=30)
        with pytest.raises(openai.InternalServerError, match="no answer within 0.4 s") as caught:
            client.images.generate(prompt=PROMPT)
        assert caught.value.status_code == 504 and answered(here) == {"504": 1}
        until_idle(here)


def test_mistakes_are_not_asked_again():
    with served() as here:
        client = openai.OpenAI(base_url=f"{here.base}/v1", api_key="none", max_retries=5, timeout=30)
        with pytest.raises(openai.BadRequestError):
            client.images.generate(prompt=" ")
        assert answered(here) == {"400": 1}
