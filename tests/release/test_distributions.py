"""The sdist and the wheel: the same bytes wherever they are built, nothing in them by accident, and their metadata."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from readme_renderer import markdown

from awesome_cli import __version__
from release.sbom import SBOM
from support.locks import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TARGETS = PYPROJECT["tool"]["hatch"]["build"]["targets"]
SDIST, INFO, DATA = (f"awesome_cli-{__version__}{end}" for end in ("", ".dist-info", ".data/data"))
GITHUB = PYPROJECT["project"]["urls"]["Repository"]
PAGES = f"{GITHUB}/blob/v{__version__}/"
RAW = GITHUB.replace("github.com", "raw.githubusercontent.com")
PICTURES = f"{RAW}/v{__version__}/"


def tracked(*patterns: str) -> set[str]:
    """Return the files that git tracks, by git's patterns."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> EmailMessage:
    with zipfile.ZipFile(wheel) as archive:
        parsed = BytesParser(policy=default).parsebytes(archive.read(f"{INFO}/METADATA"))
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_another_build_elsewhere_at_another_time_gives_the_same_bytes(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    """The checkout has made both; the unpacked sdist makes both again, on what could be another machine."""
    subprocess.run(["tar", "--extract", "--file", sdist, "--directory", tmp_path], check=True)
    source = tmp_path / SDIST
    for path in source.rglob("*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    environ = {**os.environ, "TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "7", "HOME": str(tmp_path)}
    environ.pop("SOURCE_DATE_EPOCH", None)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "--wheel",
        "--outdir",
        str(tmp_path / "dist"),
    ]
    umask = os.umask(0o077)
    try:
        subprocess.run([*command, str(source)], env=environ, check=True, capture_output=True)
    finally:
        os.umask(umask)
    for path in (sdist, wheel):
        assert sha256((tmp_path / "dist" / path.name).read_bytes()).digest() == sha256(path.read_bytes()).digest(), path


def test_the_sdist_has_what_git_tracks_in_the_folders_that_it_includes(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    expected = tracked(".gitignore", "pyproject.toml", *(name.lstrip("/") for name in TARGETS["sdist"]["include"]))
    assert {member.name.removeprefix(f"{SDIST}/") for member in members} == {"PKG-INFO", *expected}
    assert all(member.isfile() for member in members)


def test_the_wheel_has_the_package_its_metadata_and_shared_files(wheel: Path) -> None:
    licenses = {f"licenses/{name}" for name in PYPROJECT["project"]["license-files"]}
    info = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", f"sboms/{SBOM.name}", *licenses}
    shared = {f"{DATA}/share/man/man1/awesome.1"}
    package = tracked("awesome_cli")
    assert "awesome_cli/py.typed" in package
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == package | shared | {f"{INFO}/{name}" for name in info}


def test_the_metadata_names_license_python_and_links(metadata: EmailMessage) -> None:
    project = PYPROJECT["project"]
    assert (metadata["Name"], metadata["Version"]) == (project["name"], __version__)
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert metadata["Requires-Python"] == project["requires-python"]
    links = dict(link.split(", ") for link in metadata.get_all("Project-URL", []))
    assert links == project["urls"]
    assert set(links) == {"Homepage", "Documentation", "Repository", "Issues", "Changelog"}
    assert len(metadata.get_all("Requires-Dist", [])) == len(project["dependencies"])


class Links(HTMLParser):
    """Collects the links and pictures of a page, without the link that each heading has to itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [link for link in [found.get("href")] if link and not link.startswith("#user-content-")]
        self.pictures += [link for link in [found.get("src")] if tag == "img" and link]


def test_the_description_that_an_index_shows_has_its_picture_and_no_relative_link(metadata: EmailMessage) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    description = metadata.get_payload()
    assert isinstance(description, str)
    assert not re.search(r'(?:\]\(|(?:src|srcset|href)=")(?!https://)', description)
    page = Links(markdown.render(description) or "")
    assert page.pictures
    assert len(page.links) > 20
    for link in (*page.links, *page.pictures):
        assert link.startswith("https://"), link
        if link.startswith((f"{GITHUB}/", f"{RAW}/")):
            assert link.startswith((PAGES, PICTURES)), link
            assert (ROOT / link.removeprefix(PAGES).removeprefix(PICTURES).partition("#")[0]).exists(), link


def test_the_sbom_in_the_wheel_is_valid(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{INFO}/sboms/{SBOM.name}").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
