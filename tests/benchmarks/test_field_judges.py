"""Judges that are models: each answers its kinds of questions, and no verdict is never an exception."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks._harness import judges
from benchmarks._harness.models import Asking
from benchmarks._harness.types import Asked
from tests.poser.chat_server import PRICES, ChatServer, data_of
from tests.poser.tiny_clip import clip

RED, BLUE = (Image.new("RGB", (96, 96), colour) for colour in ("red", "blue"))


def test_the_embedded_model_answers_yes_and_words() -> None:
    judge = judges.load("vqa")
    asked = [
        Asked("a", "q", "yes", "is the background red ?", (RED,)),
        Asked("a", "q", "yes", "is the background blue ?", (RED,)),
        Asked("a", "q", "word", "is the background red ?", (RED,), "yes"),
        Asked("a", "q", "word", "is the background red ?", (RED,), "no"),
        Asked("a", "q", "yes", "is the background red ?"),
    ]
    red, blue, yes, no, nothing = (answer.value for answer in judge(asked))
    assert red > 0.5 > blue and math.isnan(nothing)
    assert 0 <= no < yes <= 1 and yes + no <= 1 + 1e-6, "words share one distribution"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "k")

    def brain(asked: dict[str, Any]) -> Any:
        data = data_of(asked)
        if "rules" in data:
            return {"scores": [7.5] * (data["count"] if "twice" in data["rules"] else 1), "reasoning": "fine"}
        return {"first": 0.8} if "asked" in data else {"yes": 0.25}

    with ChatServer(brain) as made:
        yield made


def test_a_chat_model_rates_answers_and_prefers(server: ChatServer) -> None:
    judge = Asking({"model": "tiny", "base_url": server.base, "prices": PRICES, "again": 1})
    asked = [
        Asked("a", "r", "rating", "rate twice", (RED, BLUE), "2"),
        Asked("a", "r", "rating", "rate something", (RED,), "3"),
        Asked("a", "y", "yes", "is it red?", (RED,)),
        Asked("a", "c", "choice", "a red poster", (RED, BLUE)),
    ]
    found = judge(asked)
    assert [answer.value for answer in found] == [[7.5, 7.5], [], 0.25, 0.8], "a wrong number of ratings is none"
    assert found[0].usd > 0 and judge.id == "chat:tiny"


def test_clip_compares_pictures_and_words(tmp_path: Path) -> None:
    judge = judges.load(f"clip:{clip(tmp_path / 'clip')}")
    same, other, words, nothing = (
        answer.value
        for answer in judge(
            [
                Asked("a", "i", "similarity", "", (RED, RED)),
                Asked("a", "i", "similarity", "", (RED, BLUE)),
                Asked("a", "t", "similarity", "a red poster", (RED,)),
                Asked("a", "t", "similarity", "a red poster"),
            ]
        )
    )
    assert same == pytest.approx(1.0, abs=1e-5) and other < 0.9999 and -1 <= words <= 1 and math.isnan(nothing)


def test_dino_compares_class_tokens(tmp_path: Path) -> None:
    import torch
    from transformers import ViTConfig, ViTModel
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ViTModel(ViTConfig(**sizes, image_size=224, patch_size=32), add_pooling_layer=False).save_pretrained(tmp_path)
    ViTImageProcessorPil(size={"height": 224, "width": 224}).save_pretrained(tmp_path)
    judge = judges.load(f"dino:{tmp_path}")
    asked = [Asked("a", "d", "appearance", "", (RED, RED)), Asked("a", "d", "appearance", "", (RED,))]
    same, nothing = (answer.value for answer in judge(asked))
    assert same == pytest.approx(1.0, abs=1e-5) and math.isnan(nothing)


def test_several_judges_share_the_kinds(tmp_path: Path) -> None:
    judge = judges.load(f"vqa+clip:{clip(tmp_path / 'clip')}")
    assert {"yes", "word", "similarity"} <= judge.kinds
    yes, cosine, none = judge(
        [
            Asked("a", "q", "yes", "is the background red ?", (RED,)),
            Asked("a", "i", "similarity", "", (RED, RED)),
            Asked("a", "r", "rating", "rate", (RED,), "1"),
        ]
    )
    assert yes.value > 0.5 and cosine.value == pytest.approx(1.0, abs=1e-5) and none.value == []
