"""Print the section of CHANGELOG.md about a release, if its tag (``v1.2.3``) is the version of the package."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def release_notes(tag: str, package: str, changelog: str) -> str:
    """Return the section; ``package`` is the source that assigns ``__version__``."""
    versions = re.findall(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    if versions != [tag.removeprefix("v")] or not tag.startswith("v"):
        raise ValueError(f"The tag is {tag}, but the version is {' and '.join(versions)}.")
    section = re.search(rf"(?ms)^## \[{re.escape(versions[0])}\][^\n]*\n(.*?)(?=^## |\Z)", changelog)
    if not section:
        raise ValueError(f"CHANGELOG.md has no section about {versions[0]}.")
    return section[1].strip() + "\n"


if __name__ == "__main__":
    _, tag = sys.argv
    package, changelog = (ROOT / name for name in ("awesome_cli/__init__.py", "CHANGELOG.md"))
    sys.stdout.write(release_notes(tag, package.read_text("utf-8"), changelog.read_text("utf-8")))
