"""The benchmark of people's words: its requests are sound, gold is shown by a perfect picture, bad data is one line."""

from __future__ import annotations

import itertools
import json

from benchmarks.people import __main__ as people
from benchmarks.people._requests import ANY, PARTS, Wanted, load
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES, Item, Scene

REQUESTS = load([file for file in PARTS.values() if file.exists()])


def perfect(wanted: Wanted) -> Scene:
    """A scene that shows what is wanted: whatever is free is filled with something that fits."""
    taken = {PLACES.index(place) for _, _, place, _ in wanted.objects if place != ANY}
    free = iter([cell for cell in range(9) if cell not in taken])
    inks = {colour for _, colour, _, _ in wanted.objects}
    ground = wanted.background if wanted.background != ANY else next(c for c in COLOURS if c not in inks)
    ink = next(colour for colour in COLOURS if colour != ground)
    items = [
        Item(
            next(free) if place == ANY else PLACES.index(place),
            SHAPES[0] if shape == ANY else shape,
            ink if colour == ANY else colour,
            SIZES[0] if size == ANY else size,
        )
        for shape, colour, place, size in wanted.objects
    ]
    return Scene(ground, tuple(items))


def test_there_are_enough_requests_of_every_kind_and_no_id_twice():
    assert len(REQUESTS) >= 400 and len({request.id for request in REQUESTS}) == len(REQUESTS)
    assert len({(request.prompt, str(request.start)) for request in REQUESTS}) == len(REQUESTS)
    assert sum(request.gold is None for request in REQUESTS) >= 50
    assert sum(request.start is not None for request in REQUESTS) >= 100


def test_gold_is_shown_by_a_perfect_picture_and_not_by_another():
    for request in REQUESTS:
        if request.gold or request.best:
            tried(request.gold or request.best)


def tried(wanted):
    scene = perfect(wanted)
    assert wanted.shown(scene)
    more = next(cell for cell in itertools.count() if scene.at(cell) is None)
    if more < 9:
        ink = next(colour for colour in COLOURS if colour != scene.background)
        assert not wanted.shown(scene.with_items(Item(more, "star", ink)))
    for item in scene.items:
        assert item.colour != scene.background
        assert not wanted.shown(scene.without(item))


def test_bad_data_names_file_and_line(tmp_path, capsys):
    file = tmp_path / "mine.jsonl"
    file.write_text('{"id": "x", "prompt": "a star", "gold": null}\n{"id": "y"}\n')
    assert people.main(["--data", str(file), "--meaning"]) == 2
    assert "mine.jsonl, line 2" in capsys.readouterr().err


def test_meaning_alone_needs_no_picture(tmp_path, capsys):
    file = tmp_path / "mine.jsonl"
    rows = [
        {"id": "a", "prompt": "a red star on white", "gold": {"background": "white", "objects": [["star", "red"]]}},
        {"id": "b", "prompt": "hello there", "gold": None},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert people.main(["--data", str(file), "--split", "all", "--meaning", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["possible"] == 1 and figures["meaning"]["mean"] == 1.0


def test_the_part_that_failed_is_named():
    possible, impossible = REQUESTS[0], next(request for request in REQUESTS if request.gold is None)
    row = {"meaning": True, "reads": True, "right": True, "claim": True}
    assert people.fault(possible, row) == ""
    assert people.fault(possible, row | {"right": False}) == "critic"
    assert people.fault(possible, row | {"right": False, "claim": False}) == "expert"
    assert people.fault(possible, row | {"meaning": False, "right": False}) == "reading"
    assert people.fault(impossible, row | {"claim": False}) == ""
    assert people.fault(impossible, row) == "reading"
