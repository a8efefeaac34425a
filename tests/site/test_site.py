"""The built site: links, what it loads, and whether its pages are those that GitHub shows."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

from awesome_cli import __version__

ROOT = Path(__file__).parents[2]
SITE = ROOT / "site"
REPOSITORY = "https://github.com/awesome-cli/awesome-cli"
SOURCES = {
    "index": "README.md",
    "changelog": "CHANGELOG.md",
    "contributing": ".github/CONTRIBUTING.md",
    "reporting": ".github/SECURITY.md",
    **{
        re.sub("README$", "index", path.relative_to(ROOT / "docs").with_suffix("").as_posix()): (
            path.relative_to(ROOT).as_posix()
        )
        for path in sorted(ROOT.glob("docs/**/*.md"))
    },
}
LOADED = {"img", "script", "source", "iframe", "embed", "audio", "video", "object", "link"}  # elements, not ``a``
BLOCKS = ("h1", "h2", "h3", "ul", "ol", "li", "pre", "code", "tr", "th", "td", "blockquote", "img", "strong", "em")


class Link(NamedTuple):
    element: str
    url: str


class Page(HTMLParser):
    """The links and anchors of a page, and how often each element is in its article."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = set()
        self.elements: Counter[str] = Counter()
        self._is_article = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._is_article = self._is_article or tag == "article"
        self.anchors |= {values["id"]} if "id" in values else set()
        self.links += [Link(tag, values[name]) for name in ("href", "src", "srcset", "data") if name in values]
        if self._is_article:
            self.elements[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        self._is_article = self._is_article and tag != "article"


@pytest.fixture(scope="session")
def pages() -> dict[str, Page]:
    """Return the pages of the site, by their paths without suffix."""
    assert SITE.is_dir(), "run: python3 -m nox -s docs"
    return {
        path.relative_to(SITE).with_suffix("").as_posix(): Page(path.read_text("utf-8"))
        for path in SITE.rglob("*.html")
    }


def test_the_site_has_a_page_for_each_markdown_file(pages: dict[str, Page]) -> None:
    assert pages.keys() - {"404"} == SOURCES.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_every_link_of_a_page_leads_to_a_file_and_an_anchor(pages: dict[str, Page], name: str) -> None:
    folder = (SITE / name).parent
    for element, url in pages[name].links:
        scheme, host, path, _, anchor = urlsplit(url)
        if in_repository := re.match(f"{REPOSITORY}/(?:blob|tree)/main/(.+)", url):
            assert (ROOT / in_repository[1]).exists(), url
        elif scheme or host:
            assert element == "a", url
        else:
            target = (folder / unquote(path)).resolve() if path else SITE / f"{name}.html"
            assert target.is_file(), url
            linked = pages.get(target.relative_to(SITE).with_suffix("").as_posix())
            assert not anchor or element == "img" or (linked and anchor in linked.anchors), url


def test_nothing_is_loaded_from_elsewhere(pages: dict[str, Page]) -> None:
    loaded = [link.url for page in pages.values() for link in page.links if link.element in LOADED]
    for style in SITE.rglob("*.css"):
        loaded += re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")\s]+)", style.read_text("utf-8"))
    assert len(loaded) > len(pages)
    assert [url for url in loaded if urlsplit(url).netloc] == []


@pytest.mark.parametrize("name", SOURCES)
def test_a_page_has_the_headings_lists_tables_and_blocks_that_github_shows(pages: dict[str, Page], name: str) -> None:
    text = (ROOT / SOURCES[name]).read_text("utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # front matter
    expected = Page(f"<article>{MarkdownIt('gfm-like', {'linkify': False}).render(text)}</article>")
    found = {element: pages[name].elements[element] for element in BLOCKS}
    found["img"] -= expected.elements["picture"]  # one for each color scheme
    assert found == {element: expected.elements[element] for element in BLOCKS}


def test_every_page_says_the_version_of_the_program(pages: dict[str, Page]) -> None:
    for name in pages:
        assert f"Version {__version__}<" in (SITE / f"{name}.html").read_text("utf-8")
