"""Whatever a critic does becomes critiques: NaN for the looks concerned, and for no others."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from PIL import Image

from poser.critics.cascade import Cascade
from poser.critics.ensemble import Ensemble
from poser.types import Command, Critique, Look, PoserError
from poser.verdicts import verdicts
from tests.poser.faulty import FAULTS, LOST
from tests.poser.world import HashCritic

LOOKS = [
    Look(Image.new("RGB", (8, 8), colour), None, None, (), (Command(f"make it {colour}"),))
    for colour in ("red", "green", "blue")
]


class Once(HashCritic):
    """Goes wrong in one way whenever the green picture is looked at."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        good = super().__call__(looks)
        bad = [k for k, look in enumerate(looks) if look.wanted[0].text == "make it green"]
        return FAULTS[self.kind](good, bad[0]) if bad else good


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_on_one_look_costs_no_other(kind: str) -> None:
    red, green, blue = verdicts(Once(kind), LOOKS)
    right = HashCritic()(LOOKS)
    assert (red.wanted, blue.wanted) == (right[0].wanted, right[2].wanted)
    assert math.isnan(green.score) == (kind in LOST) or kind == "harmed is a number"
    assert len(green.wanted) == 1 and math.isfinite(green.usd + green.seconds) and green.usd >= 0
    assert json.dumps(green.feedback).isascii() and green.feedback.isprintable()


@pytest.mark.parametrize("kind", LOST)
def test_a_member_that_fails_does_not_count(kind: str) -> None:
    both = Ensemble([HashCritic(), Once(kind)])
    green, right = verdicts(both, LOOKS)[1], HashCritic()(LOOKS)[1]
    assert green.wanted == right.wanted
    assert verdicts(Cascade(Once(kind), HashCritic()), LOOKS)[1].wanted == right.wanted
    assert verdicts(Cascade(HashCritic(), Once(kind), (0.0, 1.0)), LOOKS)[1].wanted == right.wanted


@pytest.mark.parametrize("error", [PoserError("no key"), KeyboardInterrupt()])
def test_what_the_user_has_to_mend_and_interrupts_are_raised(error: BaseException) -> None:
    class Raises(HashCritic):
        def __call__(self, looks: Sequence[Look]) -> list[Critique]:
            raise error

    with pytest.raises(type(error)):
        verdicts(Raises(), LOOKS)


def test_a_critic_sees_transparent_pictures_on_white() -> None:
    class Sees(HashCritic):
        def __call__(self, looks: Sequence[Look]) -> list[Critique]:
            assert looks[0].image.mode == "RGB" and looks[0].image.getpixel((0, 0)) == (255, 255, 255)
            return super().__call__(looks)

    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    (found,) = verdicts(Sees(), [Look(clear, clear, None, (), LOOKS[0].wanted)])
    assert math.isfinite(found.score)
