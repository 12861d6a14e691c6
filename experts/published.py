"""Published scores of models by kind of command, and the one rule a benchmark by which they become `Card.skills`.

Scores of one benchmark are comparable among one another, those of two benchmarks are not: no kind is filled from two.
They are priors for a roster that nobody has probed (`poser probe`), as of 2026-11-26. What no table has stays out.

- ImgEdit-Bench (arXiv:2505.20275; 1 to 5, judge GPT-4.1), (x - 1) / 4: Add -> add; Adjust -> recolour, resize,
  relight; Replace -> replace; Remove -> remove; Background -> background; Style -> restyle; Action -> move, other;
  Hybrid -> all.
  Where a model's columns are not published, its overall score stands for each of these kinds, and the source says so.
- REDEdit-Bench-EN (arXiv:2602.13344; 1 to 5), column Text, (x - 1) / 4 -> write.
- GenEval (arXiv:2310.11513; share of prompts, of 5 to 12 words), overall, as it is -> generate:0, generate:1.
- DPG-Bench (arXiv:2403.05135; 0 to 100, share of questions about dense prompts), x / 100 -> generate:2, :3, :4.
"""

from __future__ import annotations

from collections.abc import Mapping

from experts.types import Skill

COLUMNS: tuple[tuple[str, ...], ...] = (
    ("add",),
    ("recolour", "resize", "relight"),
    ("replace",),
    ("remove",),
    ("background",),
    ("restyle",),
    ("all",),
    ("move", "other"),
)
"""Kinds that each column of `IMGEDIT` stands for; ImgEdit's Extract is none of ours."""

_FIRERED = "FireRed-Image-Edit, README"
_ZIMAGE = "Z-Image, arXiv:2511.22699"
_MAGE = "Mage-Flow, README"
_CPI = "CPI-Bench, arXiv:2608.14546"
_QWEN = "Qwen-Image, arXiv:2508.02324"
_SANA = "SANA, arXiv:2410.10629"
_SPRINT = "SANA-Sprint, arXiv:2503.09641"
_ONE = "OneDiffusion, arXiv:2411.16318"
_GLM = "GLM-Image, README"
_ELLA = "ELLA, arXiv:2403.05135"
_HIDREAM = "HiDream-I1, arXiv:2505.22705"
_IMGEDIT = "ImgEdit, arXiv:2505.20275"
_GENEVAL = "GenEval, arXiv:2310.11513"

IMGEDIT: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "MagicBrush": (_IMGEDIT, (2.84, 1.58, 1.97, 1.58, 1.75, 2.38, 1.62, 1.22)),
    "InstructPix2Pix": (_IMGEDIT, (2.45, 1.83, 2.01, 1.50, 1.44, 3.55, 1.20, 1.46)),
    "FLUX.1 Kontext [dev]": (_FIRERED, (3.99, 3.88, 4.27, 3.13, 3.98, 4.51, 3.23, 4.18)),
    "FLUX.1 Kontext [pro]": (_ZIMAGE, (4.25, 4.15, 4.56, 3.57, 4.26, 4.57, 3.68, 4.63)),
    "FLUX.2 [dev]": (_FIRERED, (4.50, 4.18, 4.65, 4.65, 4.31, 4.88, 3.46, 4.70)),
    "FLUX.2 [klein] 4B": (_MAGE, (4.01,)),
    "FLUX.2 [klein] 9B": (_MAGE, (4.18,)),
    "Qwen-Image-Edit": (_ZIMAGE, (4.38, 4.16, 4.66, 4.14, 4.38, 4.81, 3.82, 4.69)),
    "Qwen-Image-Edit-2511": (_FIRERED, (4.54, 4.57, 4.70, 4.46, 4.36, 4.89, 4.16, 4.81)),
    "LongCat-Image-Edit": (_FIRERED, (4.44, 4.53, 4.80, 4.60, 4.33, 4.92, 3.75, 4.82)),
    "GPT Image 1": (_ZIMAGE, (4.61, 4.33, 4.35, 3.66, 4.57, 4.93, 3.96, 4.89)),
    "GPT Image 2": (_CPI, (4.74,)),
    "Nano Banana": (_FIRERED, (4.62, 4.41, 4.34, 4.39, 4.40, 4.18, 3.72, 4.83)),
    "Nano Banana Pro": (_FIRERED, (4.44, 4.62, 4.60, 4.63, 4.32, 4.97, 3.64, 4.69)),
    "Seedream 4.0": (_FIRERED, (4.33, 4.38, 4.65, 4.57, 4.35, 4.22, 3.71, 4.61)),
    "Seedream 4.5": (_FIRERED, (4.57, 4.65, 4.66, 4.46, 4.37, 4.92, 3.71, 4.56)),
}
"""Model -> where its row was read, and the columns of `COLUMNS`, or the overall score alone; 1 to 5."""

REDEDIT_TEXT: Mapping[str, tuple[str, float]] = {
    "FLUX.2 [dev]": (_FIRERED, 3.80),
    "Qwen-Image-Edit-2511": (_FIRERED, 4.06),
    "LongCat-Image-Edit": (_FIRERED, 3.83),
    "Nano Banana": (_FIRERED, 3.87),
    "Nano Banana Pro": (_FIRERED, 4.54),
    "Seedream 4.0": (_FIRERED, 4.21),
    "Seedream 4.5": (_FIRERED, 4.20),
}
"""Model -> where it was read, and the column Text; 1 to 5."""

GENEVAL: Mapping[str, tuple[str, float]] = {
    "SD 1.5": (_GENEVAL, 0.43),
    "SD 2.1": (_GENEVAL, 0.50),
    "SDXL": (_GENEVAL, 0.55),
    "PixArt-alpha": (_QWEN, 0.48),
    "PixArt-Sigma": (_SANA, 0.54),
    "SD 3.5 Large": (_QWEN, 0.71),
    "SD 3.5 Large Turbo": (_SPRINT, 0.72),
    "FLUX.1 [dev]": (_QWEN, 0.66),
    "FLUX.1 [schnell]": (_SANA, 0.71),
    "FLUX.2 [dev]": (_MAGE, 0.87),
    "FLUX.2 [klein] 4B": (_MAGE, 0.83),
    "FLUX.2 [klein] 9B": (_MAGE, 0.86),
    "Qwen-Image": (_QWEN, 0.87),
    "LongCat-Image": (_MAGE, 0.87),
    "Z-Image-Turbo": (_ZIMAGE, 0.82),
    "HiDream-I1-Full": (_HIDREAM, 0.83),
    "SANA-Sprint 1.6B": (_SPRINT, 0.77),
    "DALL-E 3": (_ONE, 0.67),
    "GPT Image 1": (_QWEN, 0.84),
    "Nano Banana Pro": (_MAGE, 0.83),
    "Seedream 4.0": (_MAGE, 0.84),
}
"""Model -> where it was read, and its overall score, [0, 1]."""

DPG: Mapping[str, tuple[str, float]] = {
    "SD 1.5": (_ELLA, 63.18),
    "SDXL": (_ELLA, 74.65),
    "PixArt-alpha": (_ELLA, 71.11),
    "PixArt-Sigma": (_SANA, 80.5),
    "FLUX.1 [dev]": (_QWEN, 83.84),
    "FLUX.1 [schnell]": (_SANA, 84.8),
    "FLUX.2 [dev]": (_MAGE, 87.57),
    "FLUX.2 [klein] 4B": (_MAGE, 85.53),
    "FLUX.2 [klein] 9B": (_MAGE, 86.20),
    "Qwen-Image": (_QWEN, 88.32),
    "Qwen-Image-2512": (_GLM, 87.20),
    "LongCat-Image": (_MAGE, 86.80),
    "Z-Image-Turbo": (_ZIMAGE, 84.86),
    "GLM-Image": (_GLM, 84.78),
    "HiDream-I1-Full": (_HIDREAM, 85.89),
    "DALL-E 3": (_GLM, 83.50),
    "GPT Image 1": (_QWEN, 85.15),
    "Nano Banana Pro": (_MAGE, 87.16),
    "Seedream 4.0": (_MAGE, 88.63),
}
"""Model -> where it was read, and its overall score, 0 to 100."""


def edits(model: str, for_later: bool = False) -> dict[str, Skill]:
    """How well an editor carries out each kind of edit, by ImgEdit-Bench and REDEdit-Bench.

    Args:
        model: a name in these tables.
        for_later: the card is of a later version, which nobody has published scores of: the source says so.

    Raises:
        KeyError: no table has the model.
    """
    skills: dict[str, Skill] = {}
    if model in IMGEDIT:
        where, row = IMGEDIT[model]
        whole = len(row) == 1
        source = _source("ImgEdit-Bench, overall" if whole else "ImgEdit-Bench", where, model, for_later)
        scores = row * len(COLUMNS) if whole else row
        for kinds, score in zip(COLUMNS, scores, strict=True):
            skills |= dict.fromkeys(kinds, Skill(_fifth(score), source))
    if model in REDEDIT_TEXT:
        where, score = REDEDIT_TEXT[model]
        skills["write"] = Skill(_fifth(score), _source("REDEdit-Bench-EN", where, model, for_later))
    return _found(model, skills)


def draws(model: str, for_later: bool = False) -> dict[str, Skill]:
    """How well a text-to-image model draws short prompts (GenEval) and long ones (DPG-Bench).

    Args:
        model: a name in these tables.
        for_later: as in `edits`.

    Raises:
        KeyError: no table has the model.
    """
    skills: dict[str, Skill] = {}
    if model in GENEVAL:
        where, score = GENEVAL[model]
        skill = Skill(score, _source("GenEval", where, model, for_later))
        skills |= dict.fromkeys(("generate:0", "generate:1"), skill)
    if model in DPG:
        where, score = DPG[model]
        skill = Skill(round(score / 100, 4), _source("DPG-Bench", where, model, for_later))
        skills |= dict.fromkeys(("generate:2", "generate:3", "generate:4"), skill)
    return _found(model, skills)


def _found(model: str, skills: dict[str, Skill]) -> dict[str, Skill]:
    if not skills:
        raise KeyError(f"no published score of {model!r}; add its row to experts/published.py")
    return skills


def _fifth(score: float) -> float:
    """1 to 5 -> [0, 1]."""
    return round((score - 1) / 4, 4)


def _source(benchmark: str, where: str, model: str, for_later: bool) -> str:
    return f"{benchmark}: {model}{', an earlier version' if for_later else ''} ({where})"
