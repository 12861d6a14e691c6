"""What a pool of 1 to 1,000 GPUs would do with 1 to 1,000,000 prompts, by simulation.

`python -m benchmarks.scale [--preset local-80gb] [--gpus N ...] [--prompts N ...] [--save]` answers; `--check` first
measures the local engine, and `--check-ray` a Ray cluster of two nodes here, beside what the model predicts for them.
Three things are simulated for every number of GPUs: which models stand where. What is slow is assumed, and said.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks._results import RESULTS, command_line, load, number, publish, table, track, with_origin
from benchmarks.scale import answers, check
from benchmarks.scale.types import Machine
from poser import config
from poser.roster import registry_of

PICTURE = Path(__file__).parents[2] / "docs" / "scale.png"
STEPS = {1: 10.0, 2: 20.0, 3: 20.0, 4: 20.0, 5: 15.0, 6: 15.0}
"""How often an episode has so many steps, in a hundred: assumed; the limit of the presets is 6."""
SHARDS = ((1, True), (1, False), (8, True), (8, False), (64, True), (64, False))
"""Drivers, and whether groups stay whole, that are compared on 64 GPUs."""
USUAL = "everything everywhere"


def scaled(pool: answers.Pool, gpus: Sequence[int], prompts: Sequence[int]) -> list[dict[str, Any]]:
    """A row for each number of GPUs and prompts and each placement, with groups that stay whole and with cut ones."""
    asked = [
        (replace(pool, whole=whole), count, name, places)
        for count in gpus
        for name, places in answers.options(pool, count)
        for whole in (True, False)
    ]
    return [
        {"placement": name} | row
        for mode, count, name, places in track(asked, "simulating")
        for row in answers.answered(mode, places, count, prompts)
    ]


def sharded(pool: answers.Pool, gpus: int = 64, prompts: int = 10_000) -> list[dict[str, Any]]:
    """The same work with fewer and more drivers, a kind of worker for the models that fit together."""
    places = dict(answers.options(pool, gpus))["what fits together"]
    return [
        answers.answered(replace(pool, whole=whole), places, gpus, [prompts], drivers)[0] for drivers, whole in SHARDS
    ]


def best(rows: Sequence[Mapping[str, Any]], gpus: int, prompts: int, **more: Any) -> Mapping[str, Any]:
    """The row with the most prompts an hour among those of so many GPUs and prompts."""
    wanted = {"gpus": gpus, "prompts": prompts} | more
    return max((row for row in rows if wanted.items() <= row.items()), key=lambda row: row["an_hour"])


def _sizes(rows: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[int]]:
    return sorted({row["gpus"] for row in rows}), sorted({row["prompts"] for row in rows})


def sentences(found: Mapping[str, Any]) -> list[str]:
    """What a user needs to know: how much, where, and with how many drivers."""
    rows = found["rows"]
    gpus, prompts = _sizes(rows)
    tops = [best(rows, count, prompts[-1]) for count in gpus]
    usual = [best(rows, count, prompts[-1], placement=USUAL) for count in gpus]
    first, last = tops[0], tops[-1]
    much = ", ".join(f"{top['an_hour']:,.0f} on {top['gpus']:,}" for top in tops)
    costs = [1000 * top["usd"] / top["prompts"] for top in (first, last)]
    gains = [top["an_hour"] / row["an_hour"] for top, row in zip(tops, usual, strict=True)]
    where = gains.index(max(gains))
    choices = ", ".join(f"{top['placement']} on {top['gpus']:,}" for top in tops)
    one, top = found["shards"][0], max(found["shards"], key=lambda row: row["an_hour"])
    return [
        f"Prompts an hour by GPUs: {much}; {last['prompts']:,} prompts take {last['seconds'] / 3600:,.1f} hours on "
        f"{last['gpus']:,} GPUs, and a thousand cost {costs[1]:,.2f} USD there, {costs[0]:,.2f} on {first['gpus']:,}.",
        f"Where models stand: {choices}; beside workers that hold everything that does {max(gains):.1f} times as much "
        f"on {gpus[where]:,} GPUs, where loading takes {100 * tops[where]['loading']:.0f} % of the busy time instead "
        f"of {100 * usual[where]['loading']:.0f} %.",
        f"One driver whose groups stay whole (reproducible: true) keeps {100 * one['used']:.0f} % of {one['gpus']} "
        f"GPUs busy, for a group goes to one worker; {top['drivers']} drivers (shards) with reproducible: "
        f"{str(top['whole']).lower()} keep {100 * top['used']:.0f} % busy and do {top['an_hour'] / one['an_hour']:.1f} "
        "times as much.",
    ]


COLUMNS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "GPUs": lambda row: f"{row['gpus']:,}",
    "prompts": lambda row: f"{row['prompts']:,}",
    "where models stand": lambda row: row["placement"],
    "drivers": lambda row: f"{row['drivers']:,}",
    "groups": lambda row: "whole" if row["whole"] else "cut",
    "prompts an hour": lambda row: f"{row['an_hour']:,.0f}",
    "hours": lambda row: f"{row['seconds'] / 3600:,.2f}",
    "busy": lambda row: f"{100 * row['used']:.0f} %",
    "wait for a turn, s (95 %)": lambda row: f"{row['wait_s']:,.1f} ({row['wait_95_s']:,.0f})",
    "switches a prompt": lambda row: number(row["switches_a_prompt"]),
    "USD": lambda row: f"{row['usd']:,.2f}",
}


def _rows(rows: Sequence[Mapping[str, Any]], *leave_out: str) -> str:
    columns = {name: told for name, told in COLUMNS.items() if name not in leave_out}
    return table([*columns], [[told(row) for told in columns.values()] for row in rows])


def page(found: Mapping[str, Any]) -> str:
    """The sentences and the tables."""
    rows = found["rows"]
    gpus, prompts = _sizes(rows)
    parts = [
        "\n".join(f"{k}. {line}" for k, line in enumerate(sentences(found), 1)),
        f"What is best for each number of GPUs and prompts, of `{found['preset']}`:",
        _rows([best(rows, count, of) for count in gpus for of in prompts]),
        f"Every way for {prompts[-1]:,} prompts:",
        _rows([row for row in rows if row["prompts"] == prompts[-1]], "prompts"),
        "Drivers, with the models that fit together on a GPU:",
        _rows(found["shards"], "prompts", "where models stand"),
        checks(found),
        f"`{found['command']}`",
    ]
    return "\n\n".join(part for part in parts if part)


def checks(found: Mapping[str, Any]) -> str:
    """Predicted beside measured."""
    head = [
        "engine",
        "workers",
        "seats",
        "groups whole",
        "pictures",
        "measured, pictures a second",
        "predicted",
        "error",
    ]
    rows = [
        [
            row["engine"],
            str(row["workers"]),
            str(row["seats"]),
            "yes" if row["whole"] else "no",
            str(row["pictures"]),
            number(row["measured"]),
            number(row["predicted"]),
            f"{100 * row['error']:+.1f} %",
        ]
        for name in ("here", "ray")
        for row in found.get(name, {}).get("rows", ())
    ]
    return table(head, rows) if rows else ""


def draw(found: Mapping[str, Any], path: Path = PICTURE) -> Path:
    """Prompts an hour, and what a thousand cost, by GPUs and placement."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10.5, 4.2))
    gpus, (*_, most) = _sizes(found["rows"])
    there = {(row["placement"], row["gpus"]) for row in found["rows"]}
    for name in dict.fromkeys(row["placement"] for row in found["rows"]):
        rows = [best(found["rows"], count, most, placement=name) for count in gpus if (name, count) in there]
        axes[0].plot([r["gpus"] for r in rows], [r["an_hour"] for r in rows], "o-", label=name)
        axes[1].plot([r["gpus"] for r in rows], [1000 * r["usd"] / r["prompts"] for r in rows], "o-", label=name)
    for panel, label in zip(axes, ("prompts an hour", "USD a thousand prompts"), strict=True):
        panel.set(xscale="log", xlabel="GPUs", ylabel=label)
        panel.grid(alpha=0.25)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    figure.suptitle(f"{found['preset']}, {most:,} prompts, simulated", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def main(argv: list[str] | None = None) -> int:
    """Checks where asked, simulates, prints, perhaps saves with the picture."""
    parser = command_line("scale", __doc__)
    parser.add_argument("--preset", default="local-80gb", help="whose experts, as their cards declare them")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64, 1000])
    parser.add_argument("--prompts", type=int, nargs="+", default=[1, 100, 10_000, 1_000_000])
    parser.add_argument("--room", type=float, default=76.0, help="GiB of a GPU for models (default: 76)")
    parser.add_argument("--ram", type=float, default=128.0, help="GiB of RAM for each GPU (default: 128)")
    parser.add_argument("--disk", type=float, default=1.0, help="GiB/s from disk to RAM (default: 1)")
    parser.add_argument("--bus", type=float, default=25.0, help="GiB/s from RAM to the GPU (default: 25)")
    parser.add_argument("--critic", type=float, default=0.3, help="seconds of a verdict (default: 0.3)")
    parser.add_argument("--critic-gib", type=float, default=9.8, help="GiB of the critic (default: 9.8)")
    parser.add_argument("--hour", type=float, default=2.5, help="USD of a GPU and hour (default: 2.5)")
    parser.add_argument("--sending", type=float, default=0.02, help="seconds of a call on its way (default: 0.02)")
    parser.add_argument(
        "--step", type=float, default=0.02, help="seconds of a driver an episode and step (default: 0.02)"
    )
    parser.add_argument("--check", action="store_true", help="measure the local engine too")
    parser.add_argument("--check-ray", action="store_true", help="measure a Ray cluster of two nodes here too")
    asked = parser.parse_args(argv)
    registry = registry_of(config.load(asked.preset))
    pool = answers.Pool(
        answers.models_of(registry, asked.critic, asked.critic_gib),
        answers.even(registry, STEPS),
        Machine(asked.room, asked.ram, asked.disk, asked.bus),
        sending=asked.sending,
        step=asked.step,
        hour=asked.hour,
    )
    known = load("scale") if (RESULTS / "scale.json").is_file() else {}
    found = with_origin({"preset": asked.preset}, "scale")
    for name, wanted, measure in (("here", asked.check, check.here), ("ray", asked.check_ray, check.ray)):
        if wanted:
            found[name] = with_origin({"rows": measure()}, "scale")
        elif name in known:
            found[name] = known[name]
    found |= {"rows": scaled(pool, sorted(asked.gpus), sorted(asked.prompts)), "shards": sharded(pool)}
    if asked.save:
        draw(found)
    return publish(asked, "scale", found, page)


if __name__ == "__main__":
    sys.exit(main())
