"""What an expert is handed of a task beside its words, and what a mask holds its answer to."""

from __future__ import annotations

from dataclasses import replace

from experts.images import allowed_size, within
from experts.types import Card, Request, Result, image_digest
from poser.protocols import Words
from poser.types import State


def request_of(state: State, card: Card, words: Words, seed: int, size: tuple[int, int] | None) -> Request:
    """The request that goes to the expert of a card.

    Args:
        state: editors get its picture and the task's references, those that can be told where to paint the mask too.
        seed: of the call.
        size: (width, height) px of what is drawn from words where the task wishes none.
    """
    task, editing = state.task, card.mode == "image-to-image" and state.image is not None
    images = (state.image, *task.references) if editing and state.image is not None else ()
    wanted = images[0].size if images else task.size or size
    return Request(
        words.prompt,
        images,
        task.mask if images and card.takes_mask else None,
        allowed_size(wanted, card) if wanted else None,
        seed,
        {name: value for wish in task.wishes for name, value in card.wishes.get(wish, {}).items()},
        words.asked,
        task.alpha,
    )


def held(state: State, result: Result | None) -> Result | None:
    """The result with what a task holds an expert to: outside of a mask every pixel is that of the picture before,
    whatever the expert did there, and a note says so; another size than the wished one is noted too."""
    task = state.task
    if result is None or result.image is None:
        return result
    if task.mask is None or state.image is None:
        other = task.image is None and task.size is not None and result.image.size != task.size
        sizes = "asked for {}x{} px, got {}x{} px".format(*(task.size or ()), *result.image.size) if other else ""
        return replace(result, notes=(*result.notes, sizes)) if other and sizes not in result.notes else result
    kept = within(result.image, state.image, task.mask)
    note = "changes outside of the mask taken back"
    if result.image.size == kept.size and image_digest(kept) == image_digest(result.image):
        return result
    return replace(result, image=kept, notes=(*result.notes, note))
