"""MkDocs hooks: pages from outside docs/, links that leave docs/, pictures for both color schemes, and the version."""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from awesome_cli import __version__

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {  # files outside docs/ that are pages of the site
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    ".github/SECURITY.md": "reporting.md",
}
LINK = re.compile(r'(\]\(|(?:src|srcset)=")([^)"\s#:]+)(?=[)"#])')
PICTURE = re.compile(r'<picture>\s*<source [^>]*srcset="(.+?)">\s*<img src="(.+?)" alt="(.+?)">\s*</picture>')
SESSION = re.compile(r'<div class="language-console highlight">(.*?)</div>', re.DOTALL)
HOW_TO = re.compile(r"^# How to (\w)(.+)", re.MULTILINE)


def on_config(config: MkDocsConfig) -> None:
    config.extra["version"] = __version__


def on_files(files: Files, config: MkDocsConfig) -> None:
    for source, uri in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / source)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    if title := HOW_TO.search(markdown):
        page.meta["title"] = title[1].upper() + title[2]
    folder = Path(str(page.file.abs_src_path)).parent

    def on_site(link: re.Match[str]) -> str:
        return link[1] + _link(folder / link[2], page, config, files)

    return PICTURE.sub(r"![\3](\2#only-light)![\3](\1#only-dark)", LINK.sub(on_site, markdown))


def on_page_content(content: str, **_: object) -> str:
    return SESSION.sub(_copied_without_output, content)


def _copied_without_output(session: re.Match[str]) -> str:
    """Let the copy button of a terminal session copy its commands alone."""
    text = html.unescape(re.sub("<.*?>", "", session[0]))
    commands = "\n".join(re.findall(r"^\$ (.+)$", text, re.MULTILINE))
    return f'<div class="language-console highlight" data-copy="{html.escape(commands)}">{session[1]}</div>'


def _link(target: Path, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return where a link to a file of the repository leads on the site: to a page, else to the repository."""
    target = target.resolve()
    if not target.exists():
        raise PluginError(f"{page.file.src_uri} has a link to {target}, which does not exist.")
    path = target.relative_to(ROOT).as_posix()
    uri = PAGES.get(path, path.removeprefix("docs/"))
    below = sorted(file.src_uri for file in files.documentation_pages() if file.src_uri.startswith(f"{uri}/"))
    uri = next(iter(below), uri)  # a folder leads to its first page
    if files.get_file_from_path(uri):
        return posixpath.relpath(uri, posixpath.dirname(page.file.src_uri))
    return f"{config.repo_url}/{'tree' if target.is_dir() else 'blob'}/main/{path}"
