"""Recorded answers as a judge: JSON lines of ours, DSG's release (CSV), I2EBench's release (a folder)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from benchmarks._harness.data import BadData, field, read_csv, read_json, read_lines
from benchmarks._harness.types import Answered, Asked, Kind, nothing

Key = tuple[str, str, int]
"""Item, question, seed."""
RELEASED = ("VLM_judgement", "SSIM", "clip_score", "RegionAccuracy")
"""What I2EBench's release holds of an edit: a judgement, whose verdict stands in 'final_judgement' ('yes' is 1,
anything else 0), or a measure (clip_score: 100 times the cosine)."""


class Recorded:
    """Answers from a file of JSON lines, {"item", "key", "value"[, "seed"]}, of DSG's release, or of I2EBench's.

    Of a CSV file the columns item_id, question_id and answer ('yes' is 1, anything else 0) are read, of several systems
    that of `model`. Of a folder DIMENSION/MODEL.json, those of `model`. Raises `BadData` for another form, for two
    answers to one question, and for a system that is not there.
    """

    kinds: frozenset[Kind] = frozenset(get_args(Kind))

    def __init__(self, path: Path, model: str = "") -> None:
        self.id = f"recorded:{path.name}" + (f"#{model}" if model else "")
        self._answers: dict[Key, Any] = {}
        read = _folder if path.is_dir() else _csv if path.suffix == ".csv" else _lines
        for where, key, value in read(path, model):
            if key in self._answers and self._answers[key] != value:
                raise BadData(f"{where}: another answer to {key[1]!r} of {key[0]!r} stands there already")
            self._answers[key] = value

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order; what was not recorded, or is of another kind, has no verdict."""
        return [Answered(self._one(ask)) for ask in asked]

    def _one(self, ask: Asked) -> Any:
        value = self._answers.get((ask.item, ask.key, ask.seed))
        fits = isinstance(value, list) if ask.kind in ("rating", "boxes", "depth") else isinstance(value, float)
        if not fits or (ask.kind == "boxes") != _is_boxes(value) and value:
            return nothing(ask.kind)
        return value


def _lines(path: Path, model: str) -> list[tuple[str, Key, Any]]:
    found = []
    for number, row in read_lines(path):
        where = f"{path}, line {number}"
        item, key = (str(field(row, name, (str, int), where)) for name in ("item", "key"))
        if "value" not in row:
            raise BadData(f"{where}: no 'value'")
        seed = field(row, "seed", int, where) if "seed" in row else 0
        found.append((where, (item, key, seed), value_of(row["value"], where)))
    return found


def _csv(path: Path, model: str) -> list[tuple[str, Key, Any]]:
    rows = list(read_csv(path, ("item_id", "question_id", "answer", *(("t2i_model",) if model else ()))))
    there = dict.fromkeys(row["t2i_model"] for _, row in rows if "t2i_model" in row)
    if len(there) > 1 and not model:
        raise BadData(f"{path} holds answers of several systems; add '#' and one of {', '.join(there)}")
    if model and model not in there:
        raise BadData(f"{path} holds no answers of {model!r}; it has {', '.join(there)}")
    return [
        (f"{path}, line {number}", (row["item_id"], row["question_id"], 0), float(row["answer"] == "yes"))
        for number, row in rows
        if not model or row["t2i_model"] == model
    ]


def _folder(path: Path, model: str) -> list[tuple[str, Key, Any]]:
    files = sorted(path.glob(f"*/{model or '*'}.json"))
    there = dict.fromkeys(file.stem for file in (files if not model else sorted(path.glob("*/*.json"))))
    if not files or len(there) > 1 and not model:
        raise BadData(f"{path}: add '#' and one of {', '.join(there) or 'its systems; it has none'}")
    found = []
    for file in files:
        for number, row in _object(file).items():
            where = f"{file}, {number!r}"
            item = f"{file.parent.name}-{Path(field(row, 'image', str, where)).stem}"
            measured = field(row, "evaluation", dict, where)
            name = next((name for name in RELEASED if name in measured), "")
            value = row.get("final_judgement") if name == RELEASED[0] else measured.get(name)
            if name == RELEASED[0]:
                name, value = "answer", float(_word(value) == "yes")
            elif name == RELEASED[2]:
                value = field(measured, name, (int, float), where) / 100
            found.append((where, (item, name, 0), value_of(value, where)))
    return found


def _object(path: Path) -> Mapping[str, Any]:
    whole = read_json(path)
    if not isinstance(whole, dict):
        raise BadData(f"{path}: has to be an object of edits by number")
    return whole


def _word(value: Any) -> str:
    """A verdict in small letters, without its full stop; a sentence is no verdict."""
    return str(value).strip(" .\n").lower()


def value_of(value: Any, where: str) -> Any:
    """A recorded value: a float ('yes' 1, 'no' 0, null NaN), a list of floats, or a list of boxes.

    Boxes may be by class: {class: [{'box', ...}]}. Raises `BadData` for anything else.
    """
    if value is None:
        return math.nan
    if isinstance(value, str) and _word(value) in ("yes", "no"):
        return float(_word(value) == "yes")
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, dict):
        value = [
            _labelled(name, box)
            for name, boxes in value.items()
            for box in (boxes if isinstance(boxes, list) else [boxes])
        ]
    if isinstance(value, list) and all(isinstance(part, int | float) for part in value):
        return [float(part) for part in value]
    if isinstance(value, list) and _is_boxes(value):
        return [{**box, "label": str(box["label"]), "score": float(box.get("score", 1.0))} for box in value]
    raise BadData(f"{where}: 'value' is {value!r:.60}; it has to be a number, yes or no, a list of numbers or of boxes")


def _labelled(name: str, box: Any) -> Any:
    """A box of a class as one with its label; anything else as it is."""
    return {"label": name, **box} if isinstance(box, dict) else box


def _is_boxes(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_box, value))


def _is_box(box: Any) -> bool:
    sides = box.get("box") if isinstance(box, dict) else None
    numbers = [*(sides if isinstance(sides, list) else ()), box.get("score", 1.0) if isinstance(box, dict) else None]
    return len(numbers) == 5 and "label" in box and all(isinstance(part, int | float) for part in numbers)
