"""Learning curves of every finished training: `python -m experts.poster.train --curves` draws `logs/curves.png`."""

from __future__ import annotations

import json
from pathlib import Path

from experts.poster.train.loop import LOGS

_NOT_SHARES = {"step", "seconds", "loss", "psnr", "job"}


def draw() -> Path:
    """One panel a training: its validation shares over minutes of training. Returns the picture's path.

    Raises `FileNotFoundError` where no log was written yet.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    files = sorted(LOGS.glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(f"no logs in {LOGS}; train first: python -m experts.poster.train --all")
    columns = 4
    figure, axes = pyplot.subplots(-(-len(files) // columns), columns, figsize=(16, 3.2 * -(-len(files) // columns)))
    for axis in axes.flat[len(files) :]:
        axis.set_visible(False)
    for axis, file in zip(axes.flat, files, strict=False):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        points = [row for row in rows if "step" in row]
        minutes = [row["seconds"] / 60 for row in points]
        for name in [name for name in points[-1] if name not in _NOT_SHARES and 0 <= points[-1][name] <= 1]:
            axis.plot(minutes, [row.get(name, float("nan")) for row in points], marker=".", label=name)
        axis.set(title=f"{file.stem} ({rows[0]['parameters'] / 1e6:.2f} M)", xlabel="minutes", ylim=(0, 1.03))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=6, loc="lower right")
    figure.tight_layout()
    path = LOGS / "curves.png"
    figure.savefig(path, dpi=70)
    pyplot.close(figure)
    return path
