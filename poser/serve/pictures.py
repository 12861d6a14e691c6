"""The pictures of a form: those to edit, and a mask, decoded within limits."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from PIL import Image, ImageOps
from starlette.datastructures import FormData, UploadFile

from experts.images import ImageError, decode
from poser.serve.faults import Fault
from poser.serve.settings import Settings

MOST = 16
"""Pictures of a form beside its mask, as OpenAI has it."""


class Given(NamedTuple):
    """The pictures of a request: the first is changed, the others are references; and the mask (white: may change)."""

    images: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None


async def given(form: FormData, settings: Settings) -> Given:
    """The pictures of a form (`image`, `image[]`, `mask`). Raises Fault.

    A mask that is transparent somewhere is in OpenAI's form: its wholly transparent parts may change.
    """
    files = [value for name in ("image", "image[]") for value in form.getlist(name) if isinstance(value, UploadFile)]
    mask = form.get("mask")
    if not files:
        raise Fault(400, "image is missing; send the picture to edit as a file", param="image")
    if len(files) > MOST:
        raise Fault(400, f"{len(files)} pictures; an edit takes at most {MOST}", "too_many_pictures", "image")
    if mask is not None and (not isinstance(mask, UploadFile) or len(form.getlist("mask")) > 1):
        raise Fault(400, "the mask is no file, or several; send one picture", param="mask")
    left, images = settings.pixels, list[Image.Image]()
    for number, file in enumerate(files, 1):
        image = await _read(file, "image" if len(files) == 1 else f"image {number}", settings, left, "image")
        images.append(image)
        left -= image.width * image.height
    area = None
    if isinstance(mask, UploadFile):
        area = await _read(mask, "mask", settings, settings.pixels, "mask")
        if area.mode == "RGBA":
            area = ImageOps.invert(area.getchannel("A").point(lambda value: 255 * (value > 0)))
    return Given(tuple(images), area)


async def _read(file: UploadFile, name: str, settings: Settings, pixels: int, param: str) -> Image.Image:
    data = await file.read()
    try:
        return await asyncio.to_thread(decode, data, name, True, settings.body, pixels)
    except ImageError as error:
        raise Fault(400, str(error), "invalid_image", param) from None
