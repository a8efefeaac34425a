"""The files beside the package: the changelog."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path

from packaging.version import Version

from awesome_cli import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]  # in the order of Keep a Changelog


def versions() -> list[str]:
    """Return the versions that the changelog has a section for, the newest first."""
    unreleased, *released = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert unreleased == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in released]
    days = [date.fromisoformat(heading[2]) for heading in found if heading]
    assert len(days) == len(released)
    assert all(newer >= older for newer, older in pairwise(days))
    return [heading[1] for heading in found if heading]


def test_the_changelog_begins_with_what_is_unreleased_and_then_has_dated_versions() -> None:
    assert all(Version(newer) > Version(older) for newer, older in pairwise(versions()))


def test_the_version_of_the_package_has_a_section_or_is_still_unreleased() -> None:
    assert __version__ in versions()[:1] or all(Version(__version__) > Version(version) for version in versions())


def test_a_section_of_the_changelog_has_its_kinds_of_changes_once_and_in_order() -> None:
    for section in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds]
        changes, _, _ = section.partition("\n[Unreleased]: ")
        for kind in re.split(r"^### ", changes, flags=re.MULTILINE)[1:]:
            assert re.fullmatch(r"\w+\n\n(- \S.*\n(  \S.*\n)*)+\n?", kind), kind


def test_the_changelog_links_each_version_to_its_changes() -> None:
    names = [*versions(), None]
    expected = {"Unreleased": f"{REPOSITORY}/compare/v{names[0]}...HEAD" if names[0] else f"{REPOSITORY}/commits/HEAD"}
    for version, older in pairwise(names):
        expected[str(version)] = (
            f"{REPOSITORY}/compare/v{older}...v{version}" if older else f"{REPOSITORY}/releases/tag/v{version}"
        )
    assert dict(re.findall(r"^\[(.+?)\]: (\S+)$", CHANGELOG, re.MULTILINE)) == expected
