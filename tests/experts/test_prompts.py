"""Text encoders that remember: the same answers, each prompt once, and never on the device for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experts.local import _prompts, _weights
from experts.memory import Mirror, Residency
from experts.pool import Pool
from experts.registry import Registry, from_config
from experts.types import Job, Request
from tests.experts import tiny, tiny_large, tiny_talking, tiny_wide  # noqa: E402


def gemma2() -> Any:
    return tiny_talking.lumina2().text_encoder


ENCODERS: dict[str, tuple[Callable[[], Any], tuple[Any, ...]]] = {
    "clip": (tiny.clip, (0, "last_hidden_state", "pooler_output", ("hidden_states", -2))),
    "clip with projection": (tiny_wide.projected, (0, "text_embeds", "last_hidden_state", ("hidden_states", -2))),
    "t5": (tiny.t5, (0, "last_hidden_state")),
    "qwen3": (lambda: tiny_talking.qwen3(3), (("hidden_states", -2), ("hidden_states", 0), "logits")),
    "gemma2": (gemma2, (("hidden_states", -2), "last_hidden_state")),
    "qwen2.5-vl": (lambda: tiny_talking.qwen_parts()["text_encoder"], (("hidden_states", -1),)),
    "mistral3": (lambda: tiny_talking.flux2().text_encoder, (("hidden_states", 10), ("hidden_states", 30))),
}


def settled(encoder: Any, home: Residency, kind: str = "Pipeline") -> Any:
    """The encoder as a pipeline's, in a residency."""
    pipe = type(kind, (), {})()
    pipe.components = pipe.parts = {"text_encoder": encoder.eval()}
    _prompts.remember(pipe, home)
    home.acquire(kind, lambda: pipe, 0)
    return encoder


def rows(count: int, masked: bool = False) -> dict[str, Any]:
    """Distinct rows of 12 ids; masks of different lengths."""
    ids = torch.randint(3, 12, (count, 12), generator=torch.Generator().manual_seed(3))
    ids[:, -1] = 1
    if not masked:
        return {"input_ids": ids}
    mask = torch.ones_like(ids)
    for k in range(count):
        mask[k, 4 + 2 * k :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def read(answer: Any, field: Any) -> Any:
    if isinstance(field, tuple):
        return getattr(answer, field[0])[field[1]]
    return answer[field] if isinstance(field, int) else getattr(answer, field)


@pytest.mark.parametrize("name", ENCODERS)
@torch.no_grad()
def test_answers_are_the_encoders_own(name: str) -> None:
    make, fields = ENCODERS[name]
    home, encoder = Residency("cpu"), make()
    real = encoder.forward
    settled(encoder, home)
    for masked in (False, True):
        given = {**rows(3, masked), "output_hidden_states": True}
        for k in range(3):
            one = {n: v[k : k + 1] if isinstance(v, torch.Tensor) else v for n, v in given.items()}
            for field in fields:
                assert torch.equal(read(encoder(**one), field), read(real(**one), field)), (masked, field)
        before = home.prompts.passes
        for field in fields:
            assert torch.allclose(read(encoder(**given), field), read(real(**given), field), atol=1e-5)
        assert home.prompts.passes == before
    assert home.prompts.passes == 6 or len(fields) > 1  # a state that nobody read before costs another pass


@torch.no_grad()
def test_a_prompt_is_encoded_once_in_whatever_batch_it_comes() -> None:
    home = Residency("cpu")
    encoder = settled(tiny.clip(), home)
    ids = rows(4)["input_ids"]
    first = encoder(ids[:2]).last_hidden_state
    again = encoder(ids[[1, 3, 1, 2, 0]], attention_mask=None, output_hidden_states=False)
    assert torch.equal(again[0][[4, 0]], first) and home.prompts.passes == 4
    first.zero_()
    assert encoder(ids[:1])[0].abs().sum() > 0
    encoder(ids[:1], attention_mask=torch.ones(1, 12, dtype=torch.long))[0].sum()
    assert home.prompts.passes == 5
    twin = settled(tiny.clip(), home, "Other")
    twin.load_state_dict(encoder.state_dict())
    home.drop("Other")
    settled(twin, home, "Again")
    twin(ids[:2])[0].sum()
    assert home.prompts.passes == 5  # other object, other name, same content


@torch.no_grad()
def test_only_what_is_read_is_kept_and_no_more_than_allowed() -> None:
    home = Residency("cpu", prompts_gib=20_000 / 2**30)
    encoder = settled(tiny_talking.qwen3(8), home)
    states = encoder(**rows(1), output_hidden_states=True).hidden_states
    assert len(states) == 9 and home.prompts.passes == 1 and home.prompts.currsize == 0
    assert states[-2].shape == (1, 12, 16) and home.prompts.currsize == 12 * 16 * 4
    assert len(states[2:5]) == 3
    for k in range(40):
        encoder(rows(1)["input_ids"] + k % 12, attention_mask=torch.full((1, 12), 1 + k), output_hidden_states=True)[
            "hidden_states"
        ][-1].sum()
    assert home.prompts.currsize <= 20_000 and len(home.prompts) < 40


@torch.no_grad()
def test_rows_are_cut_where_the_pipeline_reads_no_padding() -> None:
    home, other = Residency("cpu"), Residency("cpu")
    torch.manual_seed(0)
    encoder = settled(tiny_talking.qwen_parts()["text_encoder"], home, "QwenImagePipeline")
    given = rows(3, masked=True)
    padded = encoder(**given, output_hidden_states=True).hidden_states[-1]
    short = {name: tensor[:1, :6] for name, tensor in given.items()}
    alone = encoder(**short, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(padded[0, :4], alone[0, :4]) and not padded[0, 4:].any() and home.prompts.passes == 3
    torch.manual_seed(0)
    whole = settled(tiny_talking.qwen_parts()["text_encoder"], other, "FluxPipeline")
    assert torch.allclose(whole(**given, output_hidden_states=True).hidden_states[-1][0, :4], padded[0, :4], atol=1e-5)


@torch.no_grad()
def test_what_cannot_be_told_apart_goes_to_the_encoder() -> None:
    home = Residency("cpu")
    torch.manual_seed(0)
    plain = tiny_talking.qwen3(1).eval()
    torch.manual_seed(0)
    encoder = settled(tiny_talking.qwen3(1), home)
    ids = rows(2)["input_ids"]
    assert isinstance(encoder(ids, return_dict=False), tuple)
    for cached in (True, False):
        options = {"max_new_tokens": 3, "do_sample": False, "pad_token_id": 0, "use_cache": cached}
        assert torch.equal(encoder.generate(ids, **options), plain.generate(ids, **options))
    passes = home.prompts.passes
    with torch.enable_grad():
        assert encoder(ids).logits.requires_grad
    bare = tiny.clip()
    bare.forward = _prompts.CachedForward(bare, home, False)
    assert bare(ids)[0].shape == (2, 12, 16) and home.prompts.passes == passes


NAMES = ("sdxl", "stable_diffusion_3", "flux2", "qwen_image", "z_image", "pixart_sigma")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A family for each kind of encoder."""
    folder = tmp_path_factory.mktemp("prompts")
    small, large = folder / "small", folder / "large"
    return from_config(tiny.build(small), small) | from_config(tiny_large.build(large, NAMES), large)


@pytest.fixture
def off_stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Fails where a module computes with weights that are not on the device of `homes`."""
    watched = SimpleNamespace(homes=[], seen=0)

    def look(module: Any, _: Any) -> None:
        for home in watched.homes:
            hosts = [block.host for block in home.store._users]
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                watched.seen += 1
                for host in hosts:
                    inside = host.data_ptr() <= tensor.data_ptr() < host.data_ptr() + host.nbytes
                    assert not inside, f"{type(module).__name__} computes with weights in RAM"

    hook = torch.nn.modules.module.register_module_forward_pre_hook(look)
    yield watched
    hook.remove()


def pictures(pool: Pool, id: str, prompts: tuple[str, ...], first: int = 0) -> list[Any]:
    edits = pool.registry[id].card.mode == "image-to-image"
    images = (Image.new("RGB", (64, 64), "blue"),) if edits else ()
    made = pool.run(
        [Job(id, Request(prompt, images, size=(64, 64), seed=k)) for k, prompt in enumerate(prompts, first)]
    )
    assert [result.failure for result in made] == [None] * len(prompts)
    return [np.asarray(result.image, float) for result in made]


FAMILIES = ("small/stable_diffusion", "small/flux", "small/flux_kontext", *NAMES)


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_are_the_same_and_weights_are_where_they_compute(
    family: str, registry: Registry, monkeypatch: pytest.MonkeyPatch, off_stage: SimpleNamespace
) -> None:
    id = f"tiny-{family.removeprefix('small/')}"
    prompts = ("a red star", "make it blue on white", "a red star")
    with monkeypatch.context() as patch:
        patch.setattr(_weights, "remember", lambda pipe, residency: None)
        alone = Pool(registry, Residency("cpu"))
        plain = [picture for k in (0, 1) for picture in pictures(alone, id, (prompts[k],), k)]
    home = Residency(Mirror())
    off_stage.homes = [home]
    pool = Pool(registry, home)
    made = pictures(pool, id, prompts)
    assert off_stage.seen > 0
    for one, two in zip(plain, made[:2], strict=True):
        assert np.abs(one - two).max() <= 1.0
    passes = home.prompts.passes
    pictures(pool, id, prompts)
    assert home.prompts.passes == passes
    expert: Any = pool.expert(id)
    encoders = [part for name, part in expert.parts.items() if name.startswith("text_encoder")]
    home.evict(f"expert {id}")
    assert encoders and home.resident == () and home.store.back == 0
