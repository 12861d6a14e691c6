"""ControlNet, IP-Adapter and inpainting: the true classes with random weights, through from_config -> pool.run."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry, from_config
from experts.types import Expert, Job, Request, Result

CONTROL = ("canny-sd", "depth-sd", "canny-xl", "depth-xl")
ADAPTED = ("ip-sd", "ip-xl")
PAINT = ("inpaint-sd", "inpaint-xl")
ALL = CONTROL + ADAPTED + PAINT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guided")


@pytest.fixture(scope="module")
def entries(folder: Path) -> dict[str, dict[str, Any]]:
    from tests.experts.tiny_guided import build

    return build(folder)


@pytest.fixture(scope="module")
def registry(entries: dict[str, dict[str, Any]], folder: Path) -> Registry:
    return from_config(entries, folder)


@pytest.fixture(scope="module")
def pool(registry: Registry) -> Pool:
    return Pool(registry, Residency("cpu"))


@pytest.fixture
def mask() -> Image.Image:
    """White on the left half."""
    image = Image.new("L", (96, 96), 0)
    image.paste(255, (0, 0, 48, 96))
    return image


def pixels(result: Result) -> np.ndarray:
    """The picture, [0, 1]; fails where there is none."""
    assert result.failure is None and result.image is not None
    return np.asarray(result.image, np.float32) / 255


def floats(expert: Expert, requests: list[Request]) -> list[np.ndarray]:
    """What the pipeline itself gives, before 8 bits; and that it was asked as often as its family allows."""
    made: list[np.ndarray] = []
    pipe: Any = expert.pipe  # type: ignore[attr-defined]
    kind = type(pipe)
    signature = inspect.signature(kind.__call__)

    def spied(self: Any, **arguments: Any) -> Any:
        out = kind.__call__(self, **arguments)
        made.extend(out.images)
        return out

    spied.__signature__ = signature  # type: ignore[attr-defined]
    pipe.__class__ = type(kind.__name__, (kind,), {"__call__": spied})
    try:
        assert all(result.failure is None for result in expert(requests))
    finally:
        pipe.__class__ = kind
    return made


@pytest.mark.parametrize("id", ALL)
def test_order_determinism_and_one_by_one(id: str, pool: Pool, picture: Image.Image) -> None:
    jobs = [
        Job(id, Request(words, (picture,), seed=seed)) for seed, words in enumerate(("a star", "blue", "red circle"))
    ]
    one, two = pool.run(jobs), pool.run(jobs)
    assert [r.image.tobytes() for r in one if r.image] == [r.image.tobytes() for r in two if r.image]
    assert [r.image.size for r in one if r.image] == [(96, 96)] * 3
    assert np.abs(pixels(one[0]) - pixels(one[1])).max() > 0.02
    back = pool.run(jobs[::-1])
    assert all(np.abs(pixels(a) - pixels(b)).max() <= 1.5 / 255 for a, b in zip(one, back[::-1], strict=True))
    together = floats(pool.expert(id), [job.request for job in jobs])
    alone = [floats(pool.expert(id), [job.request])[0] for job in jobs]
    assert max(np.abs(a - b).max() for a, b in zip(together, alone, strict=True)) <= 1e-5


@pytest.mark.parametrize("id", ALL)
def test_they_look_at_the_picture_and_give_the_wanted_size(id: str, pool: Pool, picture: Image.Image) -> None:
    inverted = Image.fromarray(255 - np.asarray(picture))
    ImageDraw.Draw(inverted).rectangle((5, 5, 40, 60), fill="yellow")
    one, two = pool.run([Job(id, Request("a star", (image,), seed=3)) for image in (picture, inverted)])
    assert np.abs(pixels(one) - pixels(two)).max() > 0.02
    (small,) = pool.run([Job(id, Request("a star", (picture,), size=(64, 96)))])
    assert small.image and small.image.size == (64, 96) and "input picture resized" in small.notes[0]


@pytest.mark.parametrize("id", ALL)
def test_failures_are_values_beside_pictures(id: str, pool: Pool, picture: Image.Image) -> None:
    wrong = [Request("a", ()), Request("a", (picture,), params={"stepz": 1}), Request("a", (picture,), size=(65, 96))]
    found = pool.run([Job(id, request) for request in (*wrong, Request("a", (picture,)))])
    assert [result.failure and result.failure.kind for result in found] == ["unsupported"] * 3 + [None]


@pytest.mark.parametrize("id", ALL)
def test_the_draft_takes_fewer_steps(id: str, entries: dict[str, Any], folder: Path, picture: Image.Image) -> None:
    draft = Pool(from_config(entries, folder, profile="draft"), Residency("cpu"))
    card = draft.registry[id].card
    assert card.params["steps"] == 2 and card.seconds == 0.5 and card.params["guidance"] == 3.0
    expert: Any = draft.expert(id)
    taken: list[int] = []
    step = expert.pipe.unet.register_forward_hook(lambda *_: taken.append(1))
    assert draft.run([Job(id, Request("a star", (picture,), params={}))])[0].failure is None
    step.remove()
    assert 1 <= len(taken) <= 2


def test_they_run_in_bfloat16(registry: Registry, picture: Image.Image) -> None:
    pool = Pool(registry, Residency("cpu", dtype="bfloat16"))
    found = pool.run([Job(id, Request("a star", (picture,))) for id in ALL])
    assert [result.failure for result in found] == [None] * len(ALL)
    for id in ALL:
        expert: Any = pool.expert(id)
        kinds = {tensor.dtype for part in expert.parts.values() for tensor in part.parameters()}
        assert kinds == {torch.bfloat16}


@pytest.mark.parametrize("id", CONTROL)
def test_the_control_decides(id: str, pool: Pool, picture: Image.Image) -> None:
    def asked(**params: Any) -> np.ndarray:
        return pixels(pool.run([Job(id, Request("a star", (picture,), params=params))])[0])

    assert np.abs(asked() - asked(control=0.0)).max() > 0.02
    if id.startswith("canny"):
        assert np.abs(asked() - asked(low=5000.0, high=6000.0)).max() > 0.005  # no edge passes
        (bad,) = pool.run([Job(id, Request("a star", (picture,), params={"low": 300.0, "high": 200.0}))])
        assert bad.failure and "low 300 must be in 0 .. high 200" in bad.failure.message


def test_depth_models_are_loaded_once_and_belong_to_the_expert(registry: Registry, picture: Image.Image) -> None:
    pool = Pool(registry, Residency("cpu"))
    one, two = (pool.expert(id) for id in ("depth-sd", "depth-xl"))
    assert one.pipe.depth_estimator is two.pipe.depth_estimator  # type: ignore[attr-defined]
    assert one.parts["depth_estimator"] is one.pipe.depth_estimator  # type: ignore[attr-defined]
    assert {"controlnet", "unet", "vae", "text_encoder"} <= set(one.parts)  # type: ignore[attr-defined]


@pytest.mark.parametrize("id", ADAPTED)
def test_likeness_and_further_pictures_count(id: str, pool: Pool, picture: Image.Image) -> None:
    other = Image.new("RGB", (50, 70), "yellow")

    def asked(*images: Image.Image, **params: Any) -> np.ndarray:
        return pixels(pool.run([Job(id, Request("a star", images, params=params, size=(96, 96)))])[0])

    assert np.abs(asked(picture) - asked(picture, likeness=1.0)).max() > 0.005
    assert np.abs(asked(picture, likeness=0.0) - asked(other, likeness=0.0)).max() <= 1.5 / 255  # words alone
    assert np.abs(asked(picture) - asked(picture, other)).max() > 0.005
    (many,) = pool.run([Job(id, Request("a", (picture,) * 5))])
    assert many.failure and "at most 4 pictures, not 5" in many.failure.message


@pytest.mark.parametrize("id", PAINT)
def test_outside_the_mask_every_pixel_stays(id: str, pool: Pool, picture: Image.Image, mask: Image.Image) -> None:
    masked, whole = pool.run([Job(id, Request("a star", (picture,), mask=m, seed=1)) for m in (mask, None)])
    before, after = np.asarray(picture), np.asarray(masked.image)
    assert (after[:, 48:] == before[:, 48:]).all() and (after[:, :48] != before[:, :48]).mean() > 0.5
    assert (np.asarray(whole.image) != before).mean() > 0.5  # without a mask, everywhere
    white = Image.new("L", picture.size, 255)
    (again,) = pool.run([Job(id, Request("a star", (picture,), mask=white, seed=1))])
    assert again.image and whole.image and again.image.tobytes() == whole.image.tobytes()


@pytest.mark.parametrize("id", PAINT)
def test_without_a_mask_something_of_the_picture_remains(id: str, pool: Pool, picture: Image.Image) -> None:
    def steps(**params: Any) -> int:
        taken: list[int] = []
        expert: Any = pool.expert(id)
        hook = expert.pipe.unet.register_forward_hook(lambda *_: taken.append(1))
        assert pool.run([Job(id, Request("a", (picture,), params=params))])[0].failure is None
        hook.remove()
        return len(taken)

    assert steps() == 2 and steps(whole=1.0) == 4  # 4 steps at strength 0.6, and at 1


@pytest.mark.parametrize("id", CONTROL + ADAPTED)
def test_the_others_take_no_mask(id: str, pool: Pool, picture: Image.Image, mask: Image.Image) -> None:
    (result,) = pool.run([Job(id, Request("a", (picture,), mask=mask))])
    assert result.failure and result.failure.kind == "unsupported" and "no mask" in result.failure.message


@pytest.mark.parametrize(
    ("id", "change", "words"),
    [
        ("canny-sd", {"controlnet": None}, "needs a controlnet: give its folder or hub id under components.controlnet"),
        ("ip-sd", {"ip_adapter": None}, "ip_adapter needs components.ip_adapter"),
        ("ip-sd", {"ip_adapter": "parts/adapter.bin"}, "is no safetensors file"),
        ("ip-sd", {"unet": "sd/unet"}, "drop components.unet"),
        ("depth-sd", {"depth_estimator": "parts/absent"}, "not on this machine"),
    ],
)
def test_wrong_components_are_one_line(
    id: str, change: dict[str, Any], words: str, entries: dict[str, Any], folder: Path, picture: Image.Image
) -> None:
    components = {k: v for k, v in {**entries[id]["components"], **change}.items() if v is not None}
    if "parts/adapter.bin" in components.values():
        (folder / "parts/adapter.bin").write_bytes(b"\x80\x04N.")  # a pickle
    pool = Pool(from_config({"x": {**entries[id], "components": components}}, folder), Residency("cpu"))
    (result,) = pool.run([Job("x", Request("a", (picture,)))])
    assert result.failure and result.failure.kind == "unavailable" and words in result.failure.message
    assert "\n" not in result.failure.message


def test_nothing_is_written_to_the_terminal(
    registry: Registry, picture: Image.Image, capfd: pytest.CaptureFixture[str]
) -> None:
    found = Pool(registry, Residency("cpu")).run([Job(id, Request("a star", (picture,))) for id in ALL])
    assert all(result.image for result in found)
    assert capfd.readouterr() == ("", "")


def test_the_real_ones_are_described_whole() -> None:
    """Real ids with the commits that they are pinned to, and a draft that is quicker than the card."""
    from experts.local import controlnet, inpainting, ip_adapter

    models = {**controlnet.MODELS, **ip_adapter.MODELS, **inpainting.MODELS}
    full, draft = from_config(models), from_config(models, profile="draft")
    for id, entry in full.items():
        card = entry.card
        assert card.mode == "image-to-image" and card.licence and card.source and card.vram_gib > 3
        assert all("@" in need for need in entry.needs) and card.version.startswith("1@")
        assert entry.get == f"type: poser download {' '.join(entry.needs)}"
        assert draft[id].card.params["steps"] < card.params["steps"] and draft[id].card.version == card.version
