"""What travels: pictures as arrays, and what two processes tell of themselves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from experts import types
from experts.fake import fake_entries
from experts.registry import Registry
from experts.types import image_digest
from poser.cluster.about import about, differences, fingerprint
from poser.cluster.pictures import packed, unpacked


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16", "1"])
def test_a_picture_arrives_as_it_was(mode):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 4), np.uint8)
    image = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode)
    image = image.convert("I").convert("I;16") if mode == "I;16" else image
    found = unpacked(packed(image))
    assert (found.mode, found.size, found.tobytes()) == (image.mode, image.size, image.tobytes())
    assert found.getpalette() == image.getpalette()


def test_its_digest_travels_and_is_that_of_its_pixels(monkeypatch):
    image = Image.new("RGB", (9, 4), (1, 2, 3))
    found = unpacked(packed(image))
    assert image_digest(found) == image_digest(Image.new("RGB", (9, 4), (1, 2, 3)))
    found.putpixel((0, 0), (9, 9, 9))
    assert image_digest(found) != image_digest(image)
    monkeypatch.setattr(types.hashlib, "sha256", None)
    image_digest(unpacked(packed(image)))  # nothing is computed again


def entries(version: str = "1") -> Registry:
    return Registry(
        dataclasses.replace(one, card=dataclasses.replace(one.card, version=version)) for one in fake_entries(1, 0)
    )


def test_versions_that_differ_are_told():
    here = about(entries())
    assert not differences(here, {"0.0": about(entries())})
    other = dataclasses.replace(here, versions={**here.versions, "torch": "1.0"})
    (line,) = differences(here, {"0.0": here, "0.1": other})
    assert line.startswith("torch is ") and line.endswith(" here and 1.0 on 0.1")
    (line,) = differences(here, {"0.0": about(entries("2"))})
    assert line == "fake-draw-1 is 1 here and 2 on 0.0"


def test_what_one_does_not_have_is_no_difference():
    here = about(entries())
    bare = dataclasses.replace(here, lacks={"fake-draw-1": "folder"}, weights={"/w": ""})
    assert not differences(bare, {"0.0": dataclasses.replace(about(entries("2")), weights={"/w": "abc"})})


def test_weights_are_compared(tmp_path):
    assert fingerprint(str(tmp_path / "none")) == ""
    (tmp_path / "a.bin").write_bytes(b"1" * 200_000)
    first = fingerprint(str(tmp_path))
    (tmp_path / "a.bin").write_bytes(b"1" * 199_999 + b"2")
    assert fingerprint(str(tmp_path)) != first
