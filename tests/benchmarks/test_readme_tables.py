"""Every figure in the README is the one in `benchmarks/results/`."""

from benchmarks.readme import README, SECTIONS, filled


def test_the_tables_are_those_of_the_results() -> None:
    text = README.read_text("utf-8")
    assert all(f"<!-- {name} -->" in text for name in SECTIONS)
    assert filled(text) == text
