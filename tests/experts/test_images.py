"""Untrusted pictures in, PNG out, sizes that a card allows."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts import images
from experts.images import (
    ImageError,
    allowed_size,
    data_url,
    decode,
    fit,
    open_image,
    opened,
    png,
    png_base64,
    squared,
)
from experts.types import Card, image_digest

CARD = Card(id="c", mode="image-to-image", description="d", min_side=64, max_side=256, multiple=16)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", images.FORMATS)
def test_every_format_is_read_as_rgb(kind: str, picture: Image.Image) -> None:
    image = decode(saved(picture, kind))
    assert image.mode == "RGB" and image.size == picture.size
    assert np.abs(np.asarray(image, int) - np.asarray(picture, int)).mean() < 12


def test_png_round_trip_keeps_every_pixel(picture: Image.Image) -> None:
    assert image_digest(decode(png(picture))) == image_digest(picture)
    assert base64.b64decode(png_base64(picture)) == png(picture)
    assert data_url(picture) == "data:image/png;base64," + png_base64(picture)


def test_transparency_is_laid_on_white() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    flat = decode(saved(image, "PNG"))
    assert flat.getpixel((0, 0)) == (255, 0, 0) and flat.getpixel((3, 3)) == (255, 255, 255)
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert decode(saved(palette, "PNG", transparency=1)).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_range() -> None:
    ramp = Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16))
    grey = [pixel[0] for pixel in np.asarray(decode(saved(ramp, "PNG")))[0]]
    assert grey[0] == 0 and 126 <= grey[1] <= 129 and grey[2] == 255


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (20, 10), "black")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(saved(image, "JPEG", exif=exif)).size == (10, 20)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data).getpixel((0, 0)) == (255, 0, 0)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^no such file: .*nothing\.png"):
        open_image(tmp_path / "nothing.png")
    with pytest.raises(ImageError, match="^not a file"):
        open_image(tmp_path)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"II*\0" + bytes(40)], ids=range(5))
def test_what_is_no_picture_is_one_line(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bad.png"
    file.write_bytes(data)
    with pytest.raises(ImageError, match="^not an image: .*bad.png") as caught:
        open_image(file)
    assert "\n" not in str(caught.value)


def test_a_truncated_picture_is_refused(picture: Image.Image) -> None:
    with pytest.raises(ImageError, match="^not an image: half"):
        decode(png(picture)[:300], "half")


def header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageError, match="^big is 10000x9000 px; the limit is .* make it smaller"):
        decode(header(10_000, 9_000), "big")
    with pytest.raises(ImageError, match="^huge is 900000000 px; the limit is"):
        decode(header(30_000, 30_000), "huge")


def test_too_many_bytes_are_not_decoded(picture: Image.Image) -> None:
    with pytest.raises(ImageError, match="make it smaller"):
        decode(png(picture), most=100)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_bytes_never_raise_anything_else(noise: bytes, place: int) -> None:
    whole = png(Image.new("RGB", (16, 16), "red"))
    try:
        assert decode(whole[:place] + noise + whole[place + len(noise) :]).mode == "RGB"
    except ImageError as error:
        assert "\n" not in str(error)


def test_fit_leaves_an_allowed_size_alone(picture: Image.Image) -> None:
    image, notes = fit(picture, CARD)
    assert not notes and image_digest(image) == image_digest(picture)


def test_fit_says_what_it_did(picture: Image.Image) -> None:
    image, notes = fit(picture.resize((1000, 500)), CARD)
    assert image.size == (256, 128)
    assert notes == ("input picture resized from 1000x500 to 256x128 px",)
    assert fit(picture, CARD, (64, 128))[0].size == (64, 128)


@given(st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_allowed_sizes_are_allowed_and_stable(size: tuple[int, int]) -> None:
    found = allowed_size(size, CARD)
    assert all(CARD.min_side <= side <= CARD.max_side and side % CARD.multiple == 0 for side in found)
    assert allowed_size(found, CARD) == found


def square(colour: tuple[int, ...] = (200, 30, 30), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (6, 4), colour)


@pytest.mark.parametrize("kind", ["picture", "path", "text", "bytes", "file", "array", "floats", "16 bit", "data: URL"])
def test_one_door_for_every_kind_of_picture(kind: str, tmp_path: Path) -> None:
    image, file = square(), tmp_path / "a.png"
    file.write_bytes(png(image))
    pixels = np.asarray(image)
    source: Any = {
        "picture": image,
        "path": file,
        "text": str(file),
        "bytes": file.read_bytes(),
        "file": io.BytesIO(file.read_bytes()),
        "array": pixels,
        "floats": pixels / 255,
        "16 bit": pixels.astype(np.uint16) * 257,
        "data: URL": data_url(image),
    }[kind]
    found = opened(source)
    assert found.mode == "RGB" and found.tobytes() == image.tobytes() and found is not image


def test_a_picture_object_is_treated_as_its_file_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    square().save(buffer, "JPEG", exif=exif)
    assert opened(Image.open(io.BytesIO(buffer.getvalue()))).size == (4, 6)
    assert opened(square((0, 0, 0, 0), "RGBA")).getpixel((0, 0)) == (255, 255, 255)
    grey = Image.fromarray(np.full((4, 6), 127 * 257, np.uint16))
    assert opened(grey).getpixel((0, 0)) == (127, 127, 127)
    assert opened(square((1, 2, 3, 4), "RGBA"), alpha=True).mode == "RGBA"
    assert opened(square((1, 2, 3, 255), "RGBA"), alpha=True).mode == "RGB"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("https://example.com/a.png", "addresses are not fetched"),
        ("~nobody-at-all/x.png", "no such file"),
        ("a" * 5000, "no such file"),
        ("a\0b", "no such file"),
        (7, "is a int"),
        (None, "is a NoneType"),
        (np.zeros((4, 4, 2)), "has the shape"),
        (np.zeros((0, 4, 3)), "has the shape"),
        (np.full((4, 4, 3), np.nan), "floats outside"),
        (np.zeros((4, 4, 3), np.int64), "is of int64"),
        (io.StringIO("text"), "not bytes"),
        (Image.new("RGB", (0, 3)), "0x3 px"),
        ("data:image/png,AAAA", "not in base64"),
        ("data:image/png;base64,!!!!", "no base64"),
        (b"", "unknown format"),
    ],
)
def test_whatever_is_no_picture_is_one_line(source: Any, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        opened(source)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


def test_stretching_is_said() -> None:
    card = Card(id="c", mode="image-to-image", description="d", min_side=96, max_side=96, multiple=96)
    _, notes = fit(Image.new("RGB", (1600, 400)), card)
    assert "stretched: its proportions 4:1 became 1:1" in notes[0]
    _, notes = fit(Image.new("RGB", (300, 300)), card)
    assert "stretched" not in notes[0]


def test_squares_are_padded_and_nothing_is_cut() -> None:
    found = squared(Image.new("RGB", (9, 3), "red"))
    assert found.size == (9, 9) and found.getpixel((0, 4)) == found.getpixel((8, 4)) == (255, 0, 0)
    assert found.getpixel((0, 0)) == (124, 116, 104)


def test_what_is_written_into_a_png() -> None:
    words = {"prompt": "a star \u2192 \ud800", "seed": "7"}
    found = Image.open(io.BytesIO(png(square((1, 2, 3, 4), "RGBA"), words)))
    assert found.mode == "RGBA" and found.info["seed"] == "7" and found.info["prompt"] == "a star \u2192 ?"
    assert not Image.open(io.BytesIO(png(square()))).info
