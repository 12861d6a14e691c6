"""Parts that are quantised, while they are read or before: whose library is here, and what it moves."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experts.local import _quantising
from experts.memory import GIB, Mirror, Residency, module_bytes
from experts.memory.weights import stored
from experts.pool import Pool
from experts.registry import Entry, Registry, from_config
from experts.types import Job, Request


def wide() -> Any:
    """A FLUX transformer whose rows fit GGUF's blocks of 32."""
    from diffusers import FluxTransformer2DModel

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"attention_head_dim": 32, "num_attention_heads": 2, "axes_dims_rope": (8, 12, 12)}
    layers = {"num_layers": 1, "num_single_layers": 1, "patch_size": 1, "in_channels": 64}
    return FluxTransformer2DModel(
        joint_attention_dim=16, pooled_projection_dim=16, guidance_embeds=False, **layers, **sizes
    )


@pytest.fixture(scope="module")
def folder(tiny_folder: Path, tiny_config: dict[str, Any]) -> Path:
    """The tiny FLUX with the wider transformer, and the same transformer as a GGUF file."""
    import gguf

    model = wide()
    model.save_pretrained(tiny_folder / "wide" / "transformer")
    for name in ("scheduler", "model_index.json"):
        source = tiny_folder / "flux" / name
        target = tiny_folder / "wide" / name
        if source.is_dir():
            target.mkdir()
            for file in source.iterdir():
                (target / file.name).write_bytes(file.read_bytes())
        else:
            target.write_bytes(source.read_bytes())
    writer = gguf.GGUFWriter(tiny_folder / "wide" / "transformer.gguf", "flux")
    for name, tensor in model.state_dict().items():
        array = tensor.float().numpy()
        if tensor.ndim == 2 and tensor.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tiny_folder


def described(config: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = config["tiny-flux"]
    components = {**plain["components"], **more.pop("components", {})}
    return {**plain, "weights": "./wide", "components": components, **more}


def drawn(pool: Pool, id: str) -> np.ndarray:
    (result,) = pool.run([Job(id, Request("a red star", size=(64, 64)))])
    assert result.image is not None, result.failure
    return np.asarray(result.image, float)


def test_a_gguf_file_stays_packed_goes_to_ram_and_comes_back(folder: Path, tiny_config: dict[str, Any]) -> None:
    entries = {
        "plain": described(tiny_config),
        "gguf": described(tiny_config, components={"transformer": "./wide/transformer.gguf"}),
    }
    home = Residency(Mirror())
    pool = Pool(from_config(entries, folder), home)
    plain, first = drawn(pool, "plain"), drawn(pool, "gguf")
    assert np.abs(first - plain).mean() < 10
    both: list[Any] = [pool.expert(id).pipe.transformer for id in entries]
    sizes = [sum(map(stored, model.parameters())) for model in both]
    assert sizes[1] < 0.5 * sizes[0]
    home.evict("expert gguf")
    assert home.store.back >= sizes[1]
    assert np.array_equal(drawn(pool, "gguf"), first)
    assert sum(event.kind == "load" and event.key == "expert gguf" for event in home.log) == 1


@pytest.mark.parametrize("way", ["torchao-int8", "torchao-fp8"])
def test_torchao_quantises_in_ram_and_what_it_wrote_is_read(
    way: str, folder: Path, tiny_config: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("torchao")
    load = {"quantise": {"transformer": way}}
    entries = {"plain": described(tiny_config), "packed": described(tiny_config, load=load)}
    home = Residency(Mirror())
    pool = Pool(from_config(entries, folder), home)
    plain, first = drawn(pool, "plain"), drawn(pool, "packed")
    assert 0 < np.abs(first - plain).mean() < 10
    model: Any = pool.expert("packed").pipe.transformer
    size = sum(map(stored, model.parameters()))
    assert size < 0.6 * sum(weight.nbytes for weight in model.parameters())
    home.evict("expert packed")
    assert np.array_equal(drawn(pool, "packed"), first) and home.store.back >= size
    model.save_pretrained(tmp_path / "transformer")
    before = described(tiny_config, components={"transformer": str(tmp_path / "transformer")})
    assert np.array_equal(drawn(Pool(from_config({"x": before}, folder), Residency("cpu")), "x"), first)


def test_a_quantised_text_encoder(folder: Path, tiny_config: dict[str, Any]) -> None:
    pytest.importorskip("torchao")
    entry = described(tiny_config, load={"quantise": {"text_encoder_2": "torchao-int8"}})
    home = Residency(Mirror())
    pool = Pool(from_config({"x": entry}, folder), home)
    first = drawn(pool, "x")
    assert np.array_equal(drawn(pool, "x"), first)
    expert: Any = pool.expert("x")
    assert getattr(expert.pipe.text_encoder_2, "hf_quantizer", None) and home.prompts.passes == 2


def test_a_part_that_is_not_there_is_named(folder: Path, tiny_config: dict[str, Any]) -> None:
    entry = described(tiny_config, load={"quantise": {"text_encoder_3": "nf4"}})
    (result,) = Pool(from_config({"x": entry}, folder), Residency("cpu")).run([Job("x", Request("a"))])
    assert result.failure and "load.quantise.text_encoder_3: no such part; " in result.failure.message


def test_values_are_counted_by_the_header_alone(folder: Path, tmp_path: Path) -> None:
    (file,) = (folder / "wide" / "transformer").glob("*.safetensors")
    assert _quantising.values(file) == sum(weight.numel() for weight in wide().parameters())
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes((10**12).to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match="is no safetensors file"):
        _quantising.values(bad)


class Packed(torch.nn.Parameter):
    """As bitsandbytes stores 4 bits: a parameter of a class of its own."""


def test_two_editors_that_do_not_fit_together_alternate_without_reading_the_disk(
    tiny_config: dict[str, Any], tiny_folder: Path, picture: Image.Image
) -> None:
    """klein-edit and FLUX.1 Kontext in 4 bits on 24 GB, in small: one of them quantised, room for one."""
    from tests.experts import tiny_large

    weights = tiny_folder / "alternating"
    editor, kontext = "tiny-flux2_edit", "tiny-flux_kontext"
    entries = {editor: tiny_large.build(weights, ("flux2_edit",))[editor]}
    registry = from_config(entries, weights) | from_config({kontext: tiny_config[kontext]}, tiny_folder)

    def entry(id: str) -> Entry:
        def load(residency: Residency) -> Any:
            expert: Any = registry[id].load(residency)
            for layer in expert.pipe.transformer.modules() if id == kontext else ():
                if isinstance(layer, torch.nn.Linear):
                    layer.weight = Packed(layer.weight.data, requires_grad=False)
            return expert

        card = dataclasses.replace(registry[id].card, vram_gib=0.0)
        return dataclasses.replace(registry[id], card=card, load=load)

    both = Registry([entry(editor), entry(kontext)])
    jobs = [Job(id, Request("make it red", (picture,), size=(64, 64))) for id in both]
    free = Pool(both, Residency(Mirror()))
    wanted = free.run(jobs)
    experts: list[Any] = [free.expert(id) for id in both]
    coming = [[part for name, part in one.parts.items() if not name.startswith("text_encoder")] for one in experts]
    encoders = [[part] for one in experts for name, part in one.parts.items() if name.startswith("text_encoder")]
    tight = Residency(Mirror(), vram_gib=1.02 * max(map(module_bytes, coming + encoders)) / GIB)
    pool = Pool(both, tight)
    for turn in range(10):
        (result,) = pool.run([jobs[turn % 2]])
        assert result.image and wanted[turn % 2].image, result.failure
        assert result.image.tobytes() == wanted[turn % 2].image.tobytes()
    kinds = Counter((event.kind, event.key) for event in tight.log)
    assert [kinds["load", f"expert {id}"] for id in both] == [1, 1]
    assert kinds["evict", f"expert {kontext}"] >= 4 and not [key for kind, key in kinds if kind == "drop"]
