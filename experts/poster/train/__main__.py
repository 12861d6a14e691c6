"""`python -m experts.poster.train NAME|--all`: trains a part of the poster world from scratch, or goes on with it."""

from __future__ import annotations

import argparse
import sys

ORDER = (
    "vae",
    "clip",
    "t5",
    "poster-sd",
    "poster-pixart",
    "poster-pixart-longer",
    "poster-flux",
    "poster-ip2p",
    "poster-magicbrush",
    "poster-kontext",
    "critic",
    "opinion",
)
"""Later parts stand on earlier ones."""


PAINTED = 500
"""Pictures of each expert that the critic is tuned on."""


def train(name: str, fresh: bool) -> None:
    """Trains one part, from its checkpoint where there is one. Imports are here so that `--help` is instant."""
    from experts.poster.train.loop import fit

    if name == "vae":
        from experts.poster.train.vae import Vae

        fit(Vae(), fresh)
    elif name in ("clip", "t5"):
        from experts.poster.train.text import Text

        fit(Text(name), fresh)
    elif name == "critic":
        from experts.poster.train import critic, critic_outputs

        critic.train(fresh)
        critic_outputs.collect(PAINTED)
        fit(critic.CriticTune(), fresh)
    elif name == "opinion":
        from experts.poster.train.opinion import Opinion

        fit(Opinion(), fresh)
    else:
        from experts.poster.train.denoiser import LONGER, Denoiser

        expert = name.removesuffix("-longer")
        longer = name != expert and expert in LONGER
        fit(Denoiser(expert, longer), fresh)


def main() -> int:
    """Parses the command line and trains."""
    parser = argparse.ArgumentParser(prog="python -m experts.poster.train", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"parts, in order: {', '.join(ORDER)}")
    parser.add_argument("--all", action="store_true", help="every part, in order")
    parser.add_argument("--fresh", action="store_true", help="forget the checkpoint and start again")
    parser.add_argument("--curves", action="store_true", help="draw the learning curves of the logs and stop")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all cores)")
    asked = parser.parse_args()
    if asked.curves:
        from experts.poster.train.curves import draw

        print(draw())
        return 0
    names = ORDER if asked.all else asked.name
    unknown = [name for name in names if name not in ORDER]
    if unknown or not names:
        parser.error(f"no such part: {', '.join(unknown) or 'none named'}; choose from {', '.join(ORDER)} or --all")
    import torch

    if asked.threads:
        torch.set_num_threads(asked.threads)
    try:
        for name in names:
            train(name, asked.fresh)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
