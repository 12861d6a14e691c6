"""Our residency beside diffusers' ways to move models: the same calls of small pipelines on the second memory.

The pipelines are those of `local-24gb` in small: real ones, of encoders, a denoiser and a VAE, whose parts have the
sizes of the full ones divided by `SCALE`. The calls are those of episodes: draw, edit, edit, a critic after each.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.speed.figure import Figure
from benchmarks.speed.gpu import PROMPTS, tokenizer
from benchmarks.speed.second_memory import NAME, Memory, compiler, device

SCALE = 1000
"""1 GB there is 1 MB here."""
ROOM, RESERVE = 24 * 2**30 / SCALE, 2 * 2**30 / SCALE
"""Bytes of the device, and of what calls need beside weights (`experts.memory.devices.CONTEXT_GIB`)."""
SIZES = {
    "klein": 7.75,
    "qwen3-4b": 8.04,
    "kontext nf4": 6.7,
    "t5-xxl": 9.52,
    "clip-l": 0.25,
    "sdxl unet": 5.14,
    "clip-g": 1.39,
    "pixart": 1.22,
    "ip2p unet": 1.72,
    "vae": 0.17,
    "vae flux2": 0.17,
    "vae sd15": 0.17,
    "qwen3-vl-2b": 4.26,
}
"""Part -> GB, bfloat16 unless it says otherwise (parameter counts of the classes; nf4: diffusers' benchmark)."""
EXPERTS: dict[str, tuple[str, str, str, str]] = {
    "klein": ("klein", "vae flux2", "clip-l", "qwen3-4b"),
    "klein-edit": ("klein", "vae flux2", "clip-l", "qwen3-4b"),
    "kontext": ("kontext nf4", "vae", "clip-l", "t5-xxl"),
    "sdxl": ("sdxl unet", "vae", "clip-l", "clip-g"),
    "pixart": ("pixart", "vae", "clip-l", "t5-xxl"),
    "ip2p": ("ip2p unet", "vae sd15", "clip-l", "clip-l"),
}
"""Expert -> denoiser, VAE, two text encoders; a part of the same name has the same weights."""
CALLS = [
    *("klein", "klein-edit", "kontext", "klein-edit", "kontext", "klein-edit"),
    *("sdxl", "kontext", "klein-edit", "kontext", "ip2p", "kontext"),
    *("pixart", "klein-edit", "kontext", "klein-edit", "kontext", "klein-edit"),
    *("klein", "ip2p", "klein-edit", "kontext", "klein-edit", "kontext"),
]
"""Four episodes of six steps; after each step the critic is asked."""
MIXED = random.Random(0).choices(list(EXPERTS), k=24)
ORDERS = {"episodes that alternate two editors": CALLS, "experts by chance": MIXED}
"""Name -> experts in the order in which they are asked."""
STEPS, SIDE = 4, 32
WORDS = sorted({word for prompt in PROMPTS for word in prompt.split()})


class Moved(NamedTuple):
    """What a system did: bytes to the device, bytes back, most bytes on the device at once, times it read weights."""

    to_device: int
    to_ram: int
    peak: int
    loads: int


def _weighed(module: Any, part: str) -> Any:
    """The module with as many bytes as the part, spread over its blocks."""
    import torch

    lists = [one for one in module.modules() if isinstance(one, torch.nn.ModuleList) and len(one)]
    blocks = list(lists[0]) if lists else [module]
    lacking = round(SIZES[part] * 1e9 / SCALE) - sum(tensor.nbytes for tensor in module.state_dict().values())
    generator = torch.Generator().manual_seed(sum(part.encode()))
    for block in blocks:
        values = torch.rand(max(1, lacking // len(blocks) // 4), generator=generator)
        block.register_parameter("ballast", torch.nn.Parameter(values, requires_grad=False))
    return module.eval().requires_grad_(False)


def _made(part: str, role: str) -> Any:
    """A small module that plays the role; the same weights for the same part."""
    import torch
    from diffusers import AutoencoderKL, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    torch.manual_seed(sum(part.encode()))
    layers: dict[str, Any] = {"num_hidden_layers": 4, "num_attention_heads": 2, "max_position_embeddings": 32}
    if role == "denoiser":
        sizes: dict[str, Any] = {"num_layers": 4, "num_single_layers": 4, "attention_head_dim": 8}
        sizes |= {"num_attention_heads": 2, "joint_attention_dim": 16, "pooled_projection_dim": 16}
        module: Any = FluxTransformer2DModel(
            patch_size=1, in_channels=16, guidance_embeds=False, axes_dims_rope=(2, 2, 4), **sizes
        )
    elif role == "vae":
        module = AutoencoderKL(latent_channels=4, block_out_channels=(8,), norm_num_groups=4, shift_factor=0.0)
    elif role == "pooled":
        module = CLIPTextModel(CLIPTextConfig(vocab_size=64, hidden_size=16, intermediate_size=16, **layers))
    else:
        module = T5EncoderModel(T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=4, num_heads=2))
    return _weighed(module, part)


def _packed(module: Any) -> Any:
    """Marks a module as quantised: only its library moves it."""
    import torch

    class Packed(torch.nn.Parameter):
        """As bitsandbytes stores 4 bits."""

    for part in module.modules():
        if "ballast" in part._parameters:
            part._parameters["ballast"] = Packed(part._parameters["ballast"].data, requires_grad=False)
    return module


def pipelines(shared: bool) -> dict[str, Any]:
    """Every expert's pipeline in RAM.

    Args:
        shared: equal parts are one object, as somebody would arrange it by hand; else each has its own copy, as
            `from_pretrained` gives it.
    """
    import diffusers

    kept: dict[tuple[str, str], Any] = {}

    def part(name: str, role: str) -> Any:
        if not shared:
            return _made(name, role)
        if (name, role) not in kept:
            kept[name, role] = _made(name, role)
        return kept[name, role]

    pipes = {}
    for expert, (denoiser, vae, pooled, text) in EXPERTS.items():
        transformer = part(denoiser, "denoiser")
        pipe = diffusers.FluxPipeline(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
            vae=part(vae, "vae"),
            text_encoder=part(pooled, "pooled"),
            tokenizer=tokenizer(16),
            text_encoder_2=part(text, "text"),
            tokenizer_2=tokenizer(16),
            transformer=_packed(transformer) if "nf4" in denoiser else transformer,
        )
        pipe.set_progress_bar_config(disable=True)
        pipes[expert] = pipe
    return pipes


def critic() -> Any:
    """A model that is asked about every picture."""
    return _made("qwen3-vl-2b", "text")


def _asked(model: Any, where: str) -> None:
    import torch

    with torch.no_grad():
        model(input_ids=torch.arange(1, 9, device=where)[None])


def _play(memory: Memory, order: Sequence[str], call: Callable[[str, str], None], judge: Callable[[], None]) -> Moved:
    """Every call once, each with a prompt of its own, and the critic after it."""
    memory.reset()
    for turn, expert in enumerate(order):
        call(expert, f"{WORDS[turn // len(WORDS)]} {WORDS[turn % len(WORDS)]}")
        judge()
    counts = memory.counts
    return Moved(counts.to_device, counts.to_ram, counts.peak, 0)


def ours(memory: Memory, order: Sequence[str]) -> Moved:
    """The pool and its residency, with equal parts found by their content."""
    from experts.local import flux
    from experts.local._pipeline import PipelineExpert
    from experts.local._prompts import remember
    from experts.memory import GIB, Residency
    from experts.pool import Pool
    from experts.registry import Entry, Registry
    from experts.types import Card, Job, Request

    pipes = pipelines(shared=False)
    home = Residency(NAME, ROOM / GIB, "float32", reserve_gib=RESERVE / GIB, read_ahead=False)

    def entry(name: str) -> Entry:
        params = {"steps": STEPS, "max_sequence_length": 16}
        card = Card(name, "text-to-image", "Random weights.", params=params, min_side=SIDE, multiple=16)

        def load(residency: Residency) -> Any:
            remember(pipes[name], residency)
            return PipelineExpert(card, pipes[name], flux.FAMILY, residency.running)

        return Entry(card, load)

    pool, judge = Pool(Registry([entry(name) for name in EXPERTS]), home), critic()

    def call(name: str, prompt: str) -> None:
        (result,) = pool.run([Job(name, Request(prompt, size=(SIDE, SIDE)))])
        assert result.failure is None, result.failure

    def asked() -> None:
        with home.running:
            _asked(home.acquire("critic", lambda: judge, 0.0), NAME)

    moved = _play(memory, order, call, asked)
    return moved._replace(loads=sum(event.kind == "load" for event in home.log))


def _called(pipes: Mapping[str, Any]) -> Callable[[str, str], None]:
    def call(name: str, prompt: str) -> None:
        sizes = {"height": SIDE, "width": SIDE, "num_inference_steps": STEPS, "max_sequence_length": 16}
        pipes[name](prompt, output_type="np", **sizes)

    return call


def components(memory: Memory, order: Sequence[str]) -> Moved:
    """`ComponentsManager.enable_auto_cpu_offload`, over parts that are shared by hand."""
    from diffusers import ComponentsManager

    pipes, judge, seen = pipelines(shared=True), critic(), set()
    manager = ComponentsManager()
    for name, pipe in pipes.items():
        for part, module in pipe.components.items():
            if hasattr(module, "parameters") and id(module) not in seen:
                seen.add(id(module))
                manager.add(f"{name} {part}", module)
    manager.add("critic", judge)
    manager.enable_auto_cpu_offload(NAME, memory_reserve_margin=int(RESERVE))
    return _play(memory, order, _called(pipes), lambda: _asked(judge, NAME))._replace(loads=len(pipes) + 1)


def offloaded(memory: Memory, order: Sequence[str]) -> Moved:
    """`enable_model_cpu_offload` of every pipeline, and accelerate's hook for the critic."""
    from accelerate import cpu_offload_with_hook

    pipes = pipelines(shared=False)
    for pipe in pipes.values():
        pipe.enable_model_cpu_offload(device=NAME)
    judge, hook = cpu_offload_with_hook(critic(), f"{NAME}:0")

    def asked() -> None:
        _asked(judge, NAME)
        hook.offload()

    return _play(memory, order, _called(pipes), asked)._replace(loads=len(pipes) + 1)


def grouped(memory: Memory, order: Sequence[str]) -> Moved:
    """`enable_group_offload`, a block at a time; the critic stays on the device."""
    import torch

    pipes = pipelines(shared=False)
    for pipe in pipes.values():
        pipe.enable_group_offload(
            onload_device=torch.device(NAME, 0), offload_type="block_level", num_blocks_per_group=1
        )
    judge = critic().to(NAME)
    return _play(memory, order, _called(pipes), lambda: _asked(judge, NAME))._replace(loads=len(pipes) + 1)


LIBRARY: dict[str, Callable[[Memory, Sequence[str]], Moved]] = {
    "ComponentsManager": components,
    "enable_model_cpu_offload": offloaded,
    "enable_group_offload": grouped,
}
"""diffusers' ways to do it."""


def figures() -> list[Figure]:
    """Bytes moved in both directions beside each way of the library; what was held at most; what was read again."""
    if compiler() is None:
        return [Figure("bytes moved / diffusers", None, None, 1, "skipped: no g++")]
    memory, found = device(), []
    memory.room = int(ROOM)
    for name, order in ORDERS.items():
        mine = ours(memory, order)
        gc.collect()
        for system, play in LIBRARY.items():
            theirs = play(memory, order)
            gc.collect()
            both = {"ours": mine._asdict(), "theirs": theirs._asdict(), "scale": SCALE, "calls": len(order)}
            ratio = (mine.to_device + mine.to_ram) / (theirs.to_device + theirs.to_ram)
            found.append(
                Figure(f"bytes moved / {system}, {name}", ratio, None, 1, "the same calls, both directions", both)
            )
        held = mine.peak / ROOM
        found.append(Figure(f"most on the device / its size, {name}", held, 1, 1, "24 GiB, scaled", mine._asdict()))
    turns = ours(memory, ["klein-edit", "kontext"] * 5)
    again = Figure("loads an editor, alternating 10 times", (turns.loads - 1) / 2, 1, 1, "the critic's apart")
    return [*found, again]
