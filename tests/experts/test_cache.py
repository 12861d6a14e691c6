"""The store gives back what it was given, keeps within its limits and survives damage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from experts.cache import Cache
from experts.types import Card, Failure, Request, Result, image_digest

CARD = Card(id="c", mode="text-to-image", description="d", params={"steps": 4})
ASK = Request("a star", seed=3)
NAN = b'{"sha256": "DIGEST", "seconds": NaN, "usd": 1, "notes": []}'
NEGATIVE = b'{"sha256": "DIGEST", "seconds": 1, "usd": -1, "notes": []}'


def made(colour: str = "red", side: int = 32) -> Result:
    """A computed result with costs and a note."""
    return Result(Image.new("RGB", (side, side), colour), None, 1.5, 0.25, ("resized",))


@pytest.fixture(params=[False, True], ids=["memory", "folder"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache:
    return Cache(folder=tmp_path if request.param else None)


def test_a_hit_costs_nothing_and_keeps_picture_and_notes(cache: Cache) -> None:
    cache.put(CARD, ASK, made())
    hit = cache.get(CARD, ASK)
    assert hit and hit.cached and hit.seconds == 0 and hit.usd == 0 and hit.notes == ("resized",)
    assert hit.image and image_digest(hit.image) == image_digest(made().image)
    original = cache.original(CARD, ASK)
    assert original and not original.cached and (original.seconds, original.usd) == (1.5, 0.25)


@pytest.mark.parametrize(
    ("card", "request_"),
    [
        (replace(CARD, id="other"), ASK),
        (replace(CARD, version="2"), ASK),
        (replace(CARD, params={"steps": 5}), ASK),
        (CARD, replace(ASK, seed=4)),
        (CARD, replace(ASK, prompt="a circle")),
        (CARD, replace(ASK, size=(64, 64))),
        (CARD, replace(ASK, images=(Image.new("RGB", (4, 4)),))),
    ],
)
def test_whatever_can_change_the_picture_is_a_miss(cache: Cache, card: Card, request_: Request) -> None:
    cache.put(CARD, ASK, made())
    assert cache.get(card, request_) is None


def test_failures_and_unseeded_pictures_are_not_kept(cache: Cache) -> None:
    cache.put(CARD, ASK, Result(failure=Failure("broken", "no")))
    assert cache.get(CARD, ASK) is None
    unseeded = replace(CARD, seeded=False)
    cache.put(unseeded, ASK, made())
    assert cache.get(unseeded, ASK) is None and len(cache.memory) == 0


def test_a_caller_who_paints_on_a_picture_does_not_change_the_store(cache: Cache) -> None:
    given = made()
    cache.put(CARD, ASK, given)
    for image in (given.image, cache.get(CARD, ASK).image):
        image.paste("black", (0, 0, 32, 32))
    assert cache.get(CARD, ASK).image.getpixel((5, 5)) == (255, 0, 0)


def test_memory_is_bounded_and_the_oldest_use_leaves() -> None:
    cache = Cache(limit_mib=3 * 32 * 32 * 3 / 2**20)
    asks = [replace(ASK, seed=seed) for seed in range(4)]
    for ask in asks[:3]:
        cache.put(CARD, ask, made())
    assert cache.get(CARD, asks[0])
    cache.put(CARD, asks[3], made())
    assert len(cache.memory) == 3 and cache.memory.currsize <= cache.memory.maxsize
    assert cache.get(CARD, asks[1]) is None and cache.get(CARD, asks[0]) and cache.get(CARD, asks[3])


def test_the_folder_outlives_the_process_and_the_memory_limit(tmp_path: Path) -> None:
    Cache(limit_mib=0, folder=tmp_path).put(CARD, ASK, made("blue"))
    fresh = Cache(folder=tmp_path)
    assert len(fresh.memory) == 0
    hit = fresh.get(CARD, ASK)
    assert hit and hit.image.getpixel((0, 0)) == (0, 0, 255)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("suffix", [".png", ".json"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\x89PNG\r\n\x1a\n garbage"])
def test_a_damaged_entry_is_a_miss_and_can_be_written_again(tmp_path: Path, suffix: str, damage: bytes) -> None:
    Cache(folder=tmp_path).put(CARD, ASK, made())
    (file,) = tmp_path.rglob(f"*{suffix}")
    file.write_bytes(damage)
    assert Cache(folder=tmp_path).get(CARD, ASK) is None
    Cache(folder=tmp_path).put(CARD, ASK, made())
    assert Cache(folder=tmp_path).get(CARD, ASK)


def test_another_picture_under_the_same_name_is_a_miss(tmp_path: Path) -> None:
    Cache(folder=tmp_path).put(CARD, ASK, made("red"))
    (file,) = tmp_path.rglob("*.png")
    made("green").image.save(file)
    assert Cache(folder=tmp_path).get(CARD, ASK) is None


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), ValueError("cannot be encoded"), MemoryError()]
)
def test_a_store_that_cannot_write_keeps_the_picture(
    fault: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("experts.cache.write_whole", full)
    cache = Cache(folder=tmp_path)
    for seed in range(3):
        cache.put(CARD, replace(ASK, seed=seed), made())
    assert cache.get(CARD, replace(ASK, seed=1)) is not None and len(caplog.records) == 1


@pytest.mark.parametrize(
    "record",
    [
        b"[" * 100_000,
        b"{}",
        b"\xff",
        b"7",
        b"null",
        b'{"sha256": 1, "seconds": 1, "usd": 1, "notes": []}',
        NAN,
        NEGATIVE,
    ],
)
def test_a_record_that_cannot_be_is_dropped(record: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Cache(folder=tmp_path).put(CARD, ASK, made())
    (file,) = tmp_path.rglob("*.json")
    digest = json.loads(file.read_bytes())["sha256"].encode()
    file.write_bytes(record.replace(b"DIGEST", digest))
    assert Cache(folder=tmp_path).get(CARD, ASK) is None
    assert len(caplog.records) == 1 and not file.exists()
