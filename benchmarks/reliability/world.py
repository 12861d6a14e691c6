"""A preset in milliseconds for processes that are stopped: procedural experts, a critic that looks at the digest."""

from __future__ import annotations

from pathlib import Path

PROMPT = "A red square. Add a circle. Then make it blue. Remove the square. Add a heart."
EXPERT = """
from experts.fake import FakeExpert

def load(settings, context):
    return FakeExpert(context.card, settings["seconds"])
"""
CRITIC = """
from experts.types import image_digest
from poser.types import Critique

class Judge:
    id = "judge/1"

    def __call__(self, looks):
        return [
            Critique(
                tuple(score(look, k) for k in range(len(look.wanted))),
                tuple(score(look, -1 - k) for k in range(len(look.earlier))),
                critic=self.id,
            )
            for look in looks
        ]

def score(look, salt):
    return (int(image_digest(look.image)[:6], 16) * (salt + 7) % 1000) / 1000

def load(settings, context):
    return Judge()
"""
CARD = "verbs: [{verb}], description: Fake., min_side: 16, max_side: 1024, multiple: 1, params: {{strength: 0.5}}"


def preset(folder: Path, seconds: float = 0.0) -> Path:
    """Writes the preset and its plug-ins; gives its file. `seconds`: what a call takes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "expert.py").write_text(EXPERT)
    (folder / "critic.py").write_text(CRITIC)
    lines = ["experts:"]
    for name, mode, verb in (
        ("draw-1", "text-to-image", "generate"),
        ("draw-2", "text-to-image", "generate"),
        ("tint-1", "image-to-image", "other"),
        ("tint-2", "image-to-image", "other"),
    ):
        card = CARD.format(verb=verb)
        lines.append(f"  {name}:")
        lines.append(f"    {{file: ./expert.py, settings: {{seconds: {seconds}}}, card: {{mode: {mode}, {card}}}}}")
    lines += ["critic: ./critic.py", "size: [32, 32]", "device: cpu", "embedder: {name: hash}", "policy: greedy"]
    file = folder / "fake.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file
