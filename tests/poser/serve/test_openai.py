"""The unmodified openai client against the server."""

from __future__ import annotations

import asyncio
import base64
import io

import openai
import pytest
from PIL import Image

from experts.images import png
from tests.poser.serve.serving import PROMPT, served
from tests.poser.world import PICTURE


@pytest.fixture(scope="module")
def here():
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def client(here):
    return openai.OpenAI(base_url=f"{here.base}/v1", api_key="none", max_retries=0, timeout=30)


def opened(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_models_are_listed_and_unknown_ones_are_not_found(client):
    assert [model.id for model in client.models.list()] == ["fast", "fast@random"]
    assert client.models.retrieve("fast").owned_by == "poser"
    with pytest.raises(openai.NotFoundError, match="fast@random") as caught:
        client.images.generate(prompt=PROMPT, model="dall-e-9")
    assert caught.value.code == "model_not_found" and caught.value.param == "model"


def test_generate_gives_a_picture_what_became_of_it_and_its_cost(client):
    answer = client.images.generate(prompt=PROMPT, model="fast", quality="high", user="anna")
    assert opened(answer.data[0].b64_json).size == (32, 32)
    assert answer.size == "32x32" and answer.usage.total_tokens == 0 and answer.usage.calls >= 3
    assert answer.safety_identifier == "anna"
    assert answer.poser["ignored"] == ["quality"]
    assert [end["command"] for end in answer.poser["pictures"][0]["ends"]] == [
        "Draw a cat",
        "Make it blue",
        "Add a hat",
    ]
    assert answer._request_id


def test_seeds_decide_and_several_pictures_have_seeds_in_a_row(client):
    two = client.images.generate(prompt=PROMPT, n=2, extra_body={"seed": 5})
    one = client.images.generate(prompt=PROMPT, extra_body={"seed": 6})
    assert two.data[1].b64_json == one.data[0].b64_json != two.data[0].b64_json


def test_the_budget_of_a_request_is_kept(client):
    answer = client.images.generate(prompt=PROMPT, extra_body={"steps": 1})
    assert answer.usage.calls == 1 and answer.poser["pictures"][0]["standing"] != "all"
    with pytest.raises(openai.BadRequestError, match="20"):
        client.images.generate(prompt=PROMPT, extra_body={"steps": 50})


def test_a_picture_by_address_is_served_without_a_key(client, here):
    answer = client.images.generate(prompt=PROMPT, response_format="url", output_format="webp")
    url = answer.data[0].url
    assert url.startswith(f"{here.base}/files/") and len(url.rpartition("/")[2]) >= 32
    got = client._client.get(url)
    assert got.headers["content-type"] == "image/webp" and Image.open(io.BytesIO(got.content)).format == "WEBP"
    assert client._client.get(f"{here.base}/files/..%2f..%2fetc%2fpasswd").status_code == 404


@pytest.mark.parametrize("given", [("a.png", png(PICTURE)), [("a.png", png(PICTURE))]])
def test_edit_takes_one_picture(client, given):
    answer = client.images.edit(image=given, prompt="Make it red.", model="fast")
    assert opened(answer.data[0].b64_json).size == PICTURE.size


def test_a_stream_has_a_picture_a_step_in_the_clients_own_classes(client):
    events = list(client.images.generate(prompt=PROMPT, stream=True, partial_images=3))
    names = [type(event).__name__ for event in events]
    assert names[-1] == "ImageGenCompletedEvent" and set(names[:-1]) == {"ImageGenPartialImageEvent"}
    assert [event.partial_image_index for event in events[:-1]] == list(range(len(events) - 1))
    assert events[0].poser["expert"] and events[0].poser["outcome"] in ("accepted", "reverted")
    assert events[-1].poser["ends"] and events[-1].usage.calls >= len(events) - 1
    edits = list(
        client.images.edit(image=("a.png", png(PICTURE)), prompt="Make it red.", stream=True, partial_images=1)
    )
    assert [type(event).__name__ for event in edits] == ["ImageEditPartialImageEvent", "ImageEditCompletedEvent"]


def test_the_async_client_gets_what_the_other_one_gets(here, client):
    async def several() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{here.base}/v1", api_key="none", timeout=30) as found:
            calls = [found.images.generate(prompt=PROMPT, extra_body={"seed": seed}) for seed in range(12)]
            stream = await found.images.generate(prompt=PROMPT, stream=True, extra_body={"seed": 3})
            last = [event async for event in stream][-1]
            return [answer.data[0].b64_json for answer in await asyncio.gather(*calls)] + [last.b64_json]

    together = asyncio.run(several())
    alone = [client.images.generate(prompt=PROMPT, extra_body={"seed": s}).data[0].b64_json for s in (0, 3, 11)]
    assert alone == [together[0], together[3], together[11]] and together[12] == together[3]


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "   "}, "prompt"),
        ({"prompt": "x" * 30_000}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "many"}, "n"),
        ({"size": "big"}, "size"),
        ({"size": "8000x8000"}, "size"),
        ({"size": "0x5"}, "size"),
        ({"background": "pink"}, "background"),
        ({"background": "transparent", "output_format": "jpeg"}, "output_format"),
        ({"output_format": "gif"}, "output_format"),
        ({"extra_body": {"seed": 2**40}}, None),
        ({"extra_body": {"usd": -1}}, "usd"),
        ({"extra_body": {"seconds": "NaN"}}, "seconds"),
    ],
)
def test_what_cannot_be_asked_is_one_clean_error(client, options, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(**{"prompt": PROMPT, **options})
    assert caught.value.type == "invalid_request_error"
    assert param is None or caught.value.param == param


@pytest.mark.parametrize(
    "options",
    [
        {"image": ("a.png", b"junk")},
        {"image": ("a.png", b"")},
        {"image": [("a.png", png(PICTURE))] * 2},
        {"image": ("a.png", png(PICTURE)), "mask": ("m.png", png(PICTURE))},
        {"image": ("a.png", png(PICTURE)), "mask": ("m.png", png(Image.new("L", (31, 32), 255)))},
        {"image": ("a.png", png(PICTURE)), "mask": ("m.png", b"junk")},
        {"image": ("a.png", png(PICTURE)), "extra_body": {"mask": "words"}},
        {"image": ("a.png", png(Image.new("RGB", (4001, 4001))))},
        {"image": [("a.png", png(Image.new("RGB", (3000, 3000))))] * 2},
    ],
)
def test_pictures_that_cannot_be_taken_are_one_clean_error(client, options):
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(prompt="Make it red.", **options)
    assert caught.value.param in ("image", "mask")


def test_who_does_not_wait_frees_the_seat(here):
    with served(seconds=0.3, seats=1) as slow:
        client = openai.OpenAI(base_url=f"{slow.base}/v1", api_key="none", max_retries=0)
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.4).images.generate(prompt=PROMPT)
        stream = client.images.generate(prompt=PROMPT, stream=True, partial_images=9)
        next(iter(stream))
        stream.close()
        turns = slow.engine.turns
        assert client.images.generate(prompt="Draw a cat.", extra_body={"steps": 1}).data
        assert slow.engine.turns - turns <= 4  # neither of the two was played to its end
        assert not slow.engine.waiting
