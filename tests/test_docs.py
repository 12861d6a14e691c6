"""The pages hold together: links, paths and modules that they name are there; the site loads nothing from elsewhere."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from benchmarks.tables import MARK
from poser import cli
from poser.versions import VERSION

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:\.ci|benchmarks|configs|docs|experts|poser|tests)/[\w./-]*)`")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))


def written(page: Path) -> str:
    """What people wrote on a page: without what is generated, and without code."""
    return FENCE.sub("", MARK.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", written(page), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_paths_lead_somewhere(page) -> None:
    for link in LINK.findall(written(page)):
        if not link.startswith("https://"):
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link
    for path in PATH.findall(written(page)):
        assert (ROOT / path).exists() or "NAME" in path, path


@pytest.mark.parametrize(
    "page", [page for page in PAGES if ":::" in page.read_text("utf-8")], ids=lambda page: page.stem
)
def test_modules_of_the_reference_are_there(page) -> None:
    for module in re.findall(r"^::: ([\w.]+)$", page.read_text("utf-8"), re.MULTILINE):
        assert find_spec(module), module


def test_every_page_is_in_the_navigation_once() -> None:
    def pages(part) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [page for inner in (part.values() if isinstance(part, dict) else part) for page in pages(inner)]

    assert sorted(pages(SITE["nav"])) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_site_loads_nothing_from_elsewhere() -> None:
    assert SITE["theme"]["font"] is False
    assert not {"extra_css", "extra_javascript"} & set(SITE)
    for page in DOCS.rglob("*.md"):
        assert not re.search(r"!\[[^\]]*\]\(https?:|<img|<script|```mermaid", page.read_text("utf-8")), page


def test_every_subcommand_is_on_the_page_of_the_command_line() -> None:
    text = (DOCS / "reference" / "cli.md").read_text("utf-8")
    commands = cli.parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert all(f"`poser {name}" in text for name in commands)


def test_a_version_has_its_changes_with_a_date_and_its_citation() -> None:
    assert re.search(
        rf"^## \[{re.escape(VERSION)}\] - \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == VERSION and citation["preferred-citation"]["url"].endswith("2511.11780")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
