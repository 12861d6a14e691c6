"""Learns which expert to ask with the DQN of stable-baselines3, plays one episode with it, and saves the picture.

python examples/training/with_sb3.py [CALLS] [FOLDER]
"""

import sys
from pathlib import Path
from typing import Any

import gymnasium
from PIL import Image
from stable_baselines3 import DQN
from stable_baselines3.common.monitor import Monitor

import poser.learning.env  # noqa: F401  (tells gymnasium of poser/Orchestrate-v0)


class Legal(gymnasium.ActionWrapper):
    """The DQN of stable-baselines3 knows no masks: an action that is not legal becomes the next one that is."""

    def action(self, action: Any) -> int:
        """A legal slot, counted upwards from `action`."""
        mask = self.get_wrapper_attr("action_masks")()
        return next(k % len(mask) for k in range(int(action), int(action) + len(mask)) if mask[k % len(mask)])


def main(calls: int = 2000, folder: Path = Path("runs/sb3")) -> None:
    """Trains for so many expert calls; leaves `policy.zip` and `episode.png` in the folder."""
    env = Monitor(Legal(gymnasium.make("poser/Orchestrate-v0", preset="poster", render_mode="rgb_array")))
    model = DQN(
        "MultiInputPolicy",  # observations are a dict: 'state', 'cards', 'mask'
        env,
        learning_starts=calls // 10,
        exploration_fraction=0.5,
        buffer_size=calls,
        gamma=0.9,  # episodes have at most six steps
        seed=0,
    )
    model.learn(calls, log_interval=None)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "policy.zip")
    held_out = Legal(
        gymnasium.make("poser/Orchestrate-v0", preset="poster", split="validation", render_mode="rgb_array")
    )
    seen, _ = held_out.reset(seed=0)
    over, total = False, 0.0
    while not over:
        action, _ = model.predict(seen, deterministic=True)
        seen, reward, terminated, truncated, info = held_out.step(action)
        over, total = terminated or truncated, total + float(reward)
        print(f"{info['expert']}: {info['command'] or 'delivered'} ({'kept' if info['accepted'] else 'not kept'})")
    Image.fromarray(held_out.render()).save(folder / "episode.png")
    print(f"{len(env.get_episode_rewards())} episodes of training; return of this one {total:.2f}; see {folder}")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, Path), sys.argv[1:], strict=False)))
