"""Several pictures, masks, transparency and wishes through the unmodified openai client."""

from __future__ import annotations

import base64
import io

import numpy as np
import openai
import pytest
from PIL import Image, ImageOps

from experts.images import png
from tests.poser.given_world import DRAW, agent, area, noise
from tests.poser.serve.serving import served

SIZE = (40, 24)
IMAGE, MASK = noise(1, SIZE), area(1, SIZE)
OUTSIDE = np.asarray(MASK) == 0


@pytest.fixture(scope="module")
def client():
    with served(agents={"given": agent(), "drawing": agent([DRAW])}) as found:
        yield openai.OpenAI(base_url=f"{found.base}/v1", api_key="none", max_retries=0, timeout=30)


def opened(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data)))


def in_openai_s_form(mask: Image.Image) -> Image.Image:
    """Transparent where the picture may change."""
    layer = IMAGE.convert("RGBA")
    layer.putalpha(ImageOps.invert(mask))
    return layer


@pytest.mark.parametrize("form", [MASK, in_openai_s_form(MASK)])
def test_a_mask_in_either_form_holds_and_references_reach_the_expert(client, form):
    pictures = [("a.png", png(IMAGE)), ("b.png", png(noise(2, (9, 9))))]
    answer = client.images.edit(image=pictures, prompt="Make it blue. Add a hat.", mask=("m.png", png(form)), n=2)
    assert len(answer.data) == 2
    for data in answer.data:
        pixels = np.asarray(opened(data.b64_json))
        assert (pixels[OUTSIDE] == np.asarray(IMAGE)[OUTSIDE]).all()
    kept = [account for account in answer.poser["pictures"] if account["value"] > 0.5]
    assert all("changes outside of the mask taken back" in account["notes"] for account in kept if account["calls"])


def test_every_picture_of_a_stream_keeps_what_the_mask_protects(client):
    events = client.images.edit(
        image=("a.png", png(IMAGE)),
        prompt="Make it blue. Add a hat.",
        mask=("m.png", png(MASK)),
        stream=True,
        partial_images=9,
    )
    seen = [np.asarray(opened(event.b64_json)) for event in events]
    assert len(seen) > 1 and all((pixels[OUTSIDE] == np.asarray(IMAGE)[OUTSIDE]).all() for pixels in seen)


def test_transparency_is_kept_where_it_is_asked_for_and_laid_on_white_where_not(client):
    clear = noise(3, SIZE, 4)
    clear.putalpha(MASK)
    edit = {"image": ("a.png", png(clear)), "prompt": "Make it blue.", "mask": ("m.png", png(MASK))}
    kept = client.images.edit(**edit, background="transparent")
    found = opened(kept.data[0].b64_json)
    assert kept.background == "transparent" and found.mode == "RGBA"
    assert (np.asarray(found)[OUTSIDE] == np.asarray(clear)[OUTSIDE]).all()
    webp = client.images.edit(**edit, background="transparent", output_format="webp")
    assert opened(webp.data[0].b64_json).mode == "RGBA"
    laid = client.images.edit(**edit)
    assert laid.background == "opaque" and (np.asarray(opened(laid.data[0].b64_json))[OUTSIDE] == 255).all()


def test_a_wished_size_is_given_or_told_and_a_quality_reaches_the_expert(client):
    plain = client.images.generate(prompt="A dog.", model="drawing")
    low = client.images.generate(prompt="A dog.", model="drawing", size="48x40", quality="low")
    assert low.size == "48x40" and plain.size == "32x32" and low.poser["ignored"] == []
    large = client.images.generate(prompt="A dog.", model="drawing", size="2048x2048", quality="high")
    assert large.size == "1024x1024" and large.poser["ignored"] == ["quality"]
    assert "asked for 2048x2048 px, got 1024x1024 px" in large.poser["pictures"][0]["notes"]
    assert client.images.edit(image=("a.png", png(IMAGE)), prompt="Make it blue.", size="64x64").poser["ignored"] == [
        "size"
    ]


def test_more_pictures_than_any_expert_takes_are_one_clean_error(client):
    with pytest.raises(openai.BadRequestError, match="takes more than 3") as caught:
        client.images.edit(image=[("a.png", png(IMAGE))] * 4, prompt="Make it blue.")
    assert caught.value.param == "image" and caught.value.code == "too_many_pictures"
