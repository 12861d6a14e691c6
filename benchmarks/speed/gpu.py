"""On a GPU: what a switch takes beside one copy of its bytes, and a run over five experts beside plain offloading.

Full-size architectures with random weights; without a GPU both say so and measure nothing.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.speed.figure import Figure
from benchmarks.speed.models import PARTS, trunk
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Entry, Registry
from experts.types import Card, Job, Request

SWITCHED = ("flux dev", "sdxl", "unet sd15")
EXPERTS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "flux-dev": ("FluxPipeline", 1024, ("flux dev", "vae flux", "clip-l", "t5-xxl")),
    "flux-schnell": ("FluxPipeline", 1024, ("flux schnell", "vae flux", "clip-l", "t5-xxl")),
    "sdxl": ("StableDiffusionXLPipeline", 1024, ("sdxl", "vae sdxl", "clip-l", "clip-g")),
    "sd15": ("StableDiffusionPipeline", 512, ("unet sd15", "vae sd15", "clip-l")),
    "pixart-sigma": ("PixArtSigmaPipeline", 1024, ("pixart sigma", "vae sdxl", "t5-xxl")),
}
"""Expert -> its pipeline, side in px, parts: denoiser, VAE, text encoders."""
PROMPTS = ("a red star on a hill", "a blue circle in the snow")
STEPS = 4
Make = Callable[[str], Any]
"""Name of a part -> a module in RAM."""


def full(part: str) -> Any:
    """A part at full size in bfloat16 with random weights, the same for the same name."""
    import torch

    with torch.device("meta"):
        module = PARTS[part]().eval().requires_grad_(False)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(torch.bfloat16)
    module.to_empty(device="cpu")
    made_on = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator(made_on).manual_seed(sum(trunk(part).encode()))
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if name.endswith("position_ids"):
            tensor.copy_(torch.arange(tensor.shape[-1]).expand(tensor.shape))
        else:
            tensor.copy_(torch.randn(tensor.shape, generator=generator, device=made_on) * 0.02)
    return module


def bandwidth(bytes: int = 2**31) -> float:
    """Bytes per second of one copy from pinned memory to the GPU, the best of five."""
    import torch

    here = torch.empty(bytes, dtype=torch.uint8, pin_memory=True)
    there, times = torch.empty(bytes, dtype=torch.uint8, device="cuda"), []
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        there.copy_(here, non_blocking=True)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return bytes / min(times)


def switching(home: Residency, make: Make, rate: float, wait: Callable[[], None]) -> list[Figure]:
    """Each model out and in again: best time of three against its bytes at `rate` (bytes/s); `wait`: for the device."""
    figures = []
    for part in SWITCHED:
        home.acquire(part, partial(make, part), 0.0)
        times = []
        for _ in range(3):
            home.evict(part)
            wait()
            start = time.perf_counter()
            home.acquire(part, partial(make, part), 0.0)
            wait()
            times.append(time.perf_counter() - start)
        bytes = home.log[-1].bytes
        more = {"switch_s": round(min(times), 4), "gb": round(bytes / 1e9, 3), "gb_a_s": round(rate / 1e9, 1)}
        ratio = min(times) / (bytes / rate)
        name = f"switch / one pinned copy, {part}"
        figures.append(Figure(name, ratio, 1, 1.3, "bytes / bandwidth of this run", more))
        home.drop(part)
    return figures


def tokenizer(length: int) -> Any:
    """A few words, an end token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "</s>", "<unk>", *sorted({word for prompt in PROMPTS for word in prompt.split()})]
    words = Tokenizer(models.WordLevel({word: k for k, word in enumerate(names)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=length, **special)


def pipeline(name: str, make: Make, tokens: int = 77) -> Any:
    """A pipeline of parts of its own."""
    import diffusers

    kind, _, (denoiser, vae, *encoders) = EXPERTS[name]
    flow = kind == "FluxPipeline"
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler() if flow else diffusers.EulerDiscreteScheduler()
    parts: dict[str, Any] = {"vae": make(vae), "scheduler": scheduler}
    parts["unet" if kind.startswith("Stable") else "transformer"] = make(denoiser)
    for k, encoder in enumerate(encoders):
        suffix = f"_{k + 1}" if k else ""
        length = tokens if encoder.startswith("clip") else min(4 * tokens, 300)
        parts |= {f"text_encoder{suffix}": make(encoder), f"tokenizer{suffix}": tokenizer(length)}
    unsafe = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipe = getattr(diffusers, kind)(**parts, **(unsafe if kind == "StableDiffusionPipeline" else {}))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def ours(names: Sequence[str], make: Make, home: Residency, sides: Mapping[str, int], tokens: int = 77) -> float:
    """Seconds of two rounds over all experts, after a round that loads them."""
    from experts.local import flux, pixart, sdxl, stable_diffusion
    from experts.local._pipeline import PipelineExpert
    from experts.local._prompts import remember

    families = {"flux": flux.FAMILY, "sdxl": sdxl.FAMILY, "sd15": stable_diffusion.FAMILY, "pixart": pixart.FAMILY}

    def entry(name: str) -> Entry:
        card = Card(name, "text-to-image", "Random weights.", params={"steps": STEPS}, min_side=32)

        def load(residency: Residency) -> Any:
            pipe = pipeline(name, make, tokens)
            remember(pipe, residency)
            return PipelineExpert(card, pipe, families[name.partition("-")[0]], residency.running)

        return Entry(card, load)

    pool = Pool(Registry([entry(name) for name in names]), home)

    def play(prompt: str) -> None:
        jobs = [Job(name, Request(prompt, size=(sides[name], sides[name]))) for name in names]
        failed = [result.failure for result in pool.run(jobs) if result.failure]
        assert not failed, failed

    play("a star")
    start = time.perf_counter()
    for prompt in PROMPTS:
        play(prompt)
    return time.perf_counter() - start


def offloaded(names: Sequence[str], make: Make, sides: Mapping[str, int]) -> float:
    """The same with `enable_model_cpu_offload`, one pipeline after the other."""
    pipes = {name: pipeline(name, make) for name in names}
    for pipe in pipes.values():
        pipe.enable_model_cpu_offload()

    def play(prompt: str) -> None:
        for name, pipe in pipes.items():
            pipe(prompt, num_inference_steps=STEPS, height=sides[name], width=sides[name], output_type="np")

    play("a star")
    start = time.perf_counter()
    for prompt in PROMPTS:
        play(prompt)
    return time.perf_counter() - start


def figures() -> list[Figure]:
    """All of it."""
    import torch

    run = "4-step run over 5 experts / plain CPU offloading"
    if not torch.cuda.is_available():
        skipped = "skipped: no GPU"
        switches = [Figure(f"switch / one pinned copy, {part}", None, 1, 1.3, skipped) for part in SWITCHED]
        return [*switches, Figure(run, None, None, 0.5, skipped)]
    moved = switching(Residency("cuda"), full, bandwidth(), torch.cuda.synchronize)
    gc.collect()
    sides = {name: side for name, (_, side, _) in EXPERTS.items()}
    plain = offloaded(list(EXPERTS), full, sides)
    gc.collect()
    torch.cuda.empty_cache()
    mine = ours(list(EXPERTS), full, Residency("cuda"), sides)
    more = {"ours_s": round(mine, 2), "offloaded_s": round(plain, 2), "gpu": torch.cuda.get_device_name()}
    return [*moved, Figure(run, mine / plain, None, 0.5, "enable_model_cpu_offload, the same pictures", more)]
