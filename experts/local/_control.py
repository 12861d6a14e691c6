"""Control pictures: what a ControlNet keeps of a picture. Edges by the method of Canny, depth by a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

_TAN = np.tan(np.pi / 8)  # 22.5 degrees: half of an eighth of a turn


def canny(image: Image.Image, low: float = 100.0, high: float = 200.0) -> Image.Image:
    """Edges, white on black, RGB, of the picture's size.

    Sobel gradients, the channel where |dx| + |dy| is largest, thinned along the gradient; an edge begins above `high`
    and goes on above `low` (on the scale of 8-bit pixels, 0 .. 2040). Neither blurred nor scaled before, as the
    ControlNets were trained (arXiv:2302.05543). J. Canny, A Computational Approach to Edge Detection, 1986.

    Raises:
        ValueError: `low` above `high`.
    """
    if not 0 <= low <= high:
        raise ValueError(f"canny: low {low:g} must be in 0 .. high {high:g}")
    from scipy import ndimage

    size, dx, dy = _gradient(np.asarray(image.convert("RGB"), np.float32))
    thin = (size > low) & _peaks(size, dx, dy)
    lines, _ = ndimage.label(thin, structure=np.ones((3, 3)))
    strong = np.unique(lines[thin & (size > high)])
    edges = np.isin(lines, strong[strong > 0])
    return Image.fromarray((edges * 255).astype(np.uint8)).convert("RGB")


def _gradient(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[H, W, 3] -> size, dx, dy, each [H, W], of the channel that changes most."""
    from scipy import ndimage

    def slope(along: int, across: int) -> np.ndarray:  # `ndimage.sobel` would smooth over the channels too
        steps = ndimage.correlate1d(pixels, [-1, 0, 1], along, mode="nearest")
        return np.asarray(ndimage.correlate1d(steps, [1, 2, 1], across, mode="nearest"))

    dx, dy = slope(1, 0), slope(0, 1)
    sizes = np.abs(dx) + np.abs(dy)
    most = sizes.argmax(axis=2)[..., None]
    size, across, down = (np.take_along_axis(values, most, 2)[..., 0] for values in (sizes, dx, dy))
    return size, across, down


def _peaks(size: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Where the gradient is larger than before and behind it, along the nearest of four directions."""
    height, width = size.shape
    framed = np.pad(size, 1)

    def at(down: int, right: int) -> np.ndarray:
        return framed[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    flat, steep = np.abs(dy) < np.abs(dx) * _TAN, np.abs(dx) < np.abs(dy) * _TAN
    falling = dx * dy >= 0
    # of two equal neighbours one side counts, so that an edge between pixels is one pixel wide
    level = (size > at(0, -1)) & (size >= at(0, 1))
    upright = (size > at(-1, 0)) & (size >= at(1, 0))
    down = (size > at(-1, -1)) & (size > at(1, 1))
    up = (size > at(-1, 1)) & (size > at(1, -1))
    return np.where(flat, level, np.where(steep, upright, np.where(falling, down, up)))


def depth(image: Image.Image, model: Any, processor: Any) -> Image.Image:
    """How near everything is, white: nearest, grey RGB of the picture's size.

    Args:
        model: a transformers depth estimator that gives relative inverse depth (Depth-Anything, DPT).
        processor: its image processor.

    Raises:
        ValueError: the model's output is not finite.
    """
    import torch

    first = next(model.parameters())
    given = processor(images=[image.convert("RGB")], return_tensors="pt").to(first.device, first.dtype)
    with torch.no_grad():
        out = model(**given)
    (found,) = processor.post_process_depth_estimation(out, target_sizes=[(image.height, image.width)])
    near = found["predicted_depth"].float().cpu().numpy()
    if not np.isfinite(near).all():
        raise ValueError("the depth model's output is not finite: use dtype float32")
    near = (near - near.min()) / max(float(near.max() - near.min()), 1e-6)
    return Image.fromarray((near * 255).round().astype(np.uint8)).convert("RGB")
