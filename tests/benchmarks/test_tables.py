"""Every figure in the README and in docs/ is the one that `docs/results/` gives."""

import pytest

from benchmarks.tables import BLOCKS, MARK, ROOT, filled, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_says_what_the_results_say(page) -> None:
    text = page.read_text("utf-8")
    assert filled(text) == text, "run python -m benchmarks.tables"


def test_every_block_stands_on_a_page() -> None:
    found = [match["name"] for page in pages() for match in MARK.finditer(page.read_text("utf-8"))]
    assert set(found) == set(BLOCKS)
