"""The real pipeline classes with random weights, loaded as trained ones are: from_config -> pool.run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from experts.local._samplers import FLOW, SAMPLERS, fitting, fresh
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry
from experts.types import Job, Request, Result, image_digest
from tests.experts.large_world import Recorder
from tests.experts.test_contract import asks

DRAW = ("tiny-stable_diffusion", "tiny-pixart", "tiny-flux")
EDIT = ("tiny-instruct_pix2pix", "tiny-flux_kontext", "tiny-generic")


def jobs(id: str, picture: Image.Image, n: int = 3, **options: Any) -> list[Job]:
    """`n` requests that differ in their seed."""
    images = (picture,) if id in EDIT else ()
    return [Job(id, Request("a red star", images, seed=seed, **options)) for seed in range(n)]


def digests(results: list[Result]) -> list[str]:
    """The pictures' digests; fails where there is none."""
    assert [result.failure for result in results] == [None] * len(results)
    return [image_digest(result.image) for result in results if result.image]


@pytest.mark.parametrize("id", DRAW + EDIT)
@pytest.mark.parametrize("size", [(96, 96), (64, 96)])
def test_every_family_gives_the_wanted_size(
    id: str, size: tuple[int, int], tiny_pool: Pool, picture: Image.Image
) -> None:
    (result,) = tiny_pool.run(jobs(id, picture, 1, size=size))
    assert result.failure is None and result.image and result.image.size == size and result.usd == 0.5
    assert np.asarray(result.image).std() > 0


@pytest.mark.parametrize("id", DRAW + EDIT)
def test_the_floats_of_a_batch_are_those_of_its_items(
    id: str, tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expert = tiny_pool.expert(id)
    recorder = Recorder(expert.pipe)
    monkeypatch.setattr(expert, "pipe", recorder)
    expert(asks(expert))
    for request in asks(expert):
        expert([request])
    together, *alone = recorder.images
    assert len(together) == 3 and np.abs(together - np.concatenate(alone)).max() <= 1e-5


@pytest.mark.parametrize("id", EDIT)
def test_editors_look_at_the_picture(id: str, tiny_pool: Pool, picture: Image.Image) -> None:
    other = Image.new("RGB", picture.size, "white")
    one, two = tiny_pool.run([Job(id, Request("a red star", (image,))) for image in (picture, other)])
    assert len(set(digests([one, two]))) == 2 and not one.notes
    (resized,) = tiny_pool.run([Job(id, Request("a red star", (picture.resize((200, 100)),)))])
    assert resized.image and resized.image.size == (96, 64)
    assert resized.notes == (
        "input picture resized from 200x100 to 96x64 px, stretched: its proportions 2:1 became 1.5:1",
    )


def test_text_to_image_without_a_size_keeps_to_the_card(tiny_pool: Pool, picture: Image.Image) -> None:
    sizes = [tiny_pool.run(jobs(id, picture, 1))[0].image.size for id in DRAW]
    assert sizes == [(64, 64), (64, 64), (96, 96)]  # FLUX has no size of its own below 2048 px here


def test_requests_that_differ_in_size_and_params_share_a_run(tiny_pool: Pool, picture: Image.Image) -> None:
    mixed = [
        Job("tiny-stable_diffusion", Request("a star", size=size, seed=seed, params=params))
        for seed, (size, params) in enumerate(
            [((64, 64), {}), ((96, 64), {}), ((64, 64), {"steps": 3}), ((96, 64), {"guidance": 1.0})]
        )
    ]
    together = tiny_pool.run(mixed)
    assert [result.image.size for result in together] == [job.request.size for job in mixed]
    alone = [tiny_pool.run([job])[0] for job in mixed]
    for one, two in zip(together, alone, strict=True):
        assert np.abs(np.asarray(one.image, float) - np.asarray(two.image, float)).max() <= 1.5


@pytest.mark.parametrize("id", ["tiny-stable_diffusion", "tiny-instruct_pix2pix"])
def test_every_sampler_runs_and_none_leaves_a_trace(id: str, tiny_pool: Pool, picture: Image.Image) -> None:
    before = digests(tiny_pool.run(jobs(id, picture)))
    seen = {}
    for name in fitting(tiny_pool.expert(id).pipe.scheduler):
        (result,) = tiny_pool.run(jobs(id, picture, 1, params={"sampler": name, "steps": 4}))
        seen[name] = np.asarray(result.image, float)
        assert type(tiny_pool.expert(id).pipe.scheduler).__name__ == SAMPLERS[name]
    assert all((seen["ddim"] != seen[other]).any() for other in ("ddpm", "dpm++"))
    assert np.abs(seen["euler"] - seen["ddim"]).max() <= 1.5  # one ODE, first order both: the same up to rounding
    assert digests(tiny_pool.run(jobs(id, picture))) == before
    (bad,) = tiny_pool.run(jobs(id, picture, 1, params={"sampler": "dpm+"}))
    assert bad.failure and bad.failure.kind == "unsupported" and "did you mean 'dpm++'" in bad.failure.message


@pytest.mark.parametrize("trained", ["DDPMScheduler", "DPMSolverMultistepScheduler"])
@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in FLOW])
def test_samplers_keep_the_noise_schedule_and_never_clip_latents(trained: str, name: str) -> None:
    model = getattr(diffusers, trained)(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    made = fresh(model, name)
    assert torch.equal(made.alphas_cumprod, model.alphas_cumprod) and made.config.prediction_type == "v_prediction"
    assert not made.config.get("clip_sample", False) and not made.config.get("thresholding", False)
    assert made is not model and fresh(made, name) is not made


@pytest.mark.parametrize("shifting", [{"shift": 3.0}, {"use_dynamic_shifting": True, "shift_terminal": 0.02}])
def test_heun_visits_the_levels_of_euler(shifting: dict[str, Any]) -> None:
    model = diffusers.FlowMatchEulerDiscreteScheduler(**shifting)
    euler, heun = fresh(model, "flow"), fresh(model, "flow-heun")
    for made in (euler, heun):
        made.set_timesteps(sigmas=np.linspace(1.0, 0.25, 4), mu=0.8)
    assert len(heun.timesteps) == 7 and torch.equal(heun.timesteps.unique(), euler.timesteps.unique())
    assert torch.equal(heun.sigmas.unique(), euler.sigmas.unique())


def solve(made: Any, steps: int) -> float:
    """dx/ds = x sin(3 s) from s = 1 to 0, x(1) = 1."""
    made.set_timesteps(steps)
    x = torch.ones(1)
    for time in made.timesteps:
        x = made.step(x * torch.sin(3 * time / 1000), time, x, return_dict=False)[0]
    return float(x)


def test_heun_is_of_second_order_and_agrees_with_the_one_of_diffusers() -> None:
    exact = float(np.exp((np.cos(3.0) - 1) / 3))
    model = diffusers.FlowMatchEulerDiscreteScheduler()
    errors = [abs(solve(fresh(model, "flow-heun"), steps) - exact) for steps in (10, 20, 40)]
    assert all(3.5 < coarse / fine < 4.8 for coarse, fine in zip(errors, errors[1:], strict=False))
    theirs = diffusers.FlowMatchHeunDiscreteScheduler()
    assert abs(solve(fresh(model, "flow-heun"), 20) - solve(theirs, 20)) < 1e-5


def test_a_flow_model_of_another_solver_keeps_its_shift() -> None:
    model = diffusers.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    assert fitting(model) == FLOW and fresh(model, "flow").config.shift == 3.0
    assert fitting(diffusers.EDMEulerScheduler(prediction_type="velocity")) == ()
    with pytest.raises(ValueError, match="sampler 'ddim' does not fit .*; type one of flow, flow-heun"):
        fresh(model, "ddim")


def test_a_scheduler_belongs_to_one_expert(tiny_pool: Pool, picture: Image.Image) -> None:
    experts = [tiny_pool.expert(id) for id in DRAW + EDIT]
    for expert in experts:
        expert([jobs(expert.card.id, picture, 1)[0].request])
    assert len({id(expert.pipe.scheduler) for expert in experts}) == len(experts)


def test_params_reach_the_pipeline(tiny_pool: Pool, picture: Image.Image) -> None:
    def one(id: str, **params: Any) -> str:
        return digests(tiny_pool.run(jobs(id, picture, 1, params=params)))[0]

    assert one("tiny-stable_diffusion") != one("tiny-stable_diffusion", guidance=9.0)
    assert one("tiny-stable_diffusion") != one("tiny-stable_diffusion", negative_prompt="a blue circle")
    assert one("tiny-instruct_pix2pix") != one("tiny-instruct_pix2pix", image_guidance=5.0)
    assert one("tiny-pixart") != one("tiny-pixart", steps=4)
    assert one("tiny-generic") != one("tiny-generic", strength=1.0)


def test_a_long_prompt_is_cut_with_a_note(tiny_pool: Pool) -> None:
    long = " ".join(["a red star"] * 10)
    for id in DRAW:
        (result,) = tiny_pool.run([Job(id, Request(long))])
        assert result.notes == ("prompt cut to 12 of its 31 tokens",)


def test_masks_and_second_pictures_are_refused(tiny_pool: Pool, picture: Image.Image) -> None:
    id = "tiny-flux_kontext"
    two, masked = tiny_pool.run(
        [Job(id, Request("x", (picture, picture))), Job(id, Request("x", (picture,), picture.convert("L")))]
    )
    assert two.failure and "one picture, not 2" in two.failure.message
    assert masked.failure and masked.failure.kind == "unsupported" and "mask" in masked.failure.message


def test_shared_parts_are_loaded_once_and_are_the_same_objects(tiny: Registry) -> None:
    home = Residency("cpu")
    pool = Pool(tiny, home)
    pipes = [pool.expert(id).pipe for id in tiny]
    assert len({id(pipe.vae) for pipe in pipes}) == 1
    assert len({id(pipe.tokenizer) for pipe in pipes}) == 1
    shares = [Path(event.key).name for event in home.log if event.kind == "share"]
    assert sorted(shares) == ["clip", "t5", "tokenizer", "vae"]
    for pipe in pipes:
        modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
        assert {tensor.dtype for module in modules for tensor in module.parameters()} == {torch.float32}
        assert not any(module.training for module in modules)


def test_a_model_that_is_loaded_again_gives_the_same_pictures(tiny: Registry, picture: Image.Image) -> None:
    pool = Pool(tiny, Residency("cpu"))
    wanted = jobs("tiny-flux", picture)
    before = digests(pool.run(wanted))
    pool.residency.drop("expert tiny-flux")
    assert digests(pool.run(wanted)) == before
    assert [event.kind for event in pool.residency.log if event.key == "expert tiny-flux"] == ["load", "drop", "load"]


def test_nothing_is_written_to_the_terminal(
    tiny: Registry, picture: Image.Image, capfd: pytest.CaptureFixture[str]
) -> None:
    long = Request(" ".join(["a red star"] * 10))
    Pool(tiny, Residency("cpu")).run([*jobs("tiny-stable_diffusion", picture), *(Job(id, long) for id in DRAW)])
    assert capfd.readouterr() == ("", "")
