"""The files beside the package: locks, SBOM, changelog, and the page about dependencies."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from datetime import date
from itertools import pairwise

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from awesome_cli import __version__
from support.locks import LOCK, ROOT, RUNTIME_LOCK, read_lock

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
REPOSITORY = PROJECT["urls"]["Repository"]
SBOM = json.loads((ROOT / "awesome-cli.cdx.json").read_text("utf-8"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]  # in the order of Keep a Changelog
RENEW = "run python3 -m nox -s lock"


def development() -> list[str]:
    """Return what the sessions of nox install: the groups of this project, and of an example with other packages."""
    example = tomllib.loads((ROOT / "docs/examples/hostile-suite/pyproject.toml").read_text("utf-8"))
    groups = [*GROUPS.values(), *example["dependency-groups"].values()]
    return [requirement for group in groups for requirement in group if isinstance(requirement, str)]


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(requirement).name) for requirement in requirements}


def test_the_runtime_lock_has_every_dependency_in_a_version_that_is_required() -> None:
    locked = {pin.name: pin for pin in read_lock(RUNTIME_LOCK)}
    for requirement in map(Requirement, PROJECT["dependencies"]):
        pin = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin.version), f"{requirement}: {RENEW}"
        assert pin.requirement.marker == requirement.marker, RENEW


def test_the_runtime_lock_has_the_sha256_of_the_files_of_every_version() -> None:
    for pin in read_lock(RUNTIME_LOCK):
        assert pin.hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in pin.hashes)


def test_both_locks_pin_the_same_versions() -> None:
    locked = {pin.name: pin.version for pin in read_lock(LOCK)}
    runtime = {pin.name: pin.version for pin in read_lock(RUNTIME_LOCK)}
    assert runtime.items() <= locked.items(), RENEW


def test_the_lock_of_development_has_every_package_in_a_version_that_is_required() -> None:
    locked = {pin.name: pin.version for pin in read_lock(LOCK)}
    required = [*PROJECT["dependencies"], *development(), *PYPROJECT["build-system"]["requires"]]
    for requirement in map(Requirement, required):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), f"{requirement}: {RENEW}"


@pytest.mark.parametrize("lock", [LOCK, RUNTIME_LOCK], ids=lambda lock: lock.name)
def test_a_lock_names_no_index(lock: object) -> None:
    text = (ROOT / str(lock)).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"--(index|extra|find|trusted)", text)


def test_what_builds_the_package_is_installed_for_tests_that_build_without_isolation() -> None:
    assert set(PYPROJECT["build-system"]["requires"]) <= set(GROUPS["test"])


def test_the_sbom_lists_what_the_runtime_lock_pins() -> None:
    listed = {}
    for component in SBOM["components"]:
        (files,) = component["externalReferences"]
        assert component["licenses"], component["name"]
        listed[component["purl"]] = {f"sha256:{value['content']}" for value in files["hashes"]}
    assert listed == {f"pkg:pypi/{pin.name}@{pin.version}": set(pin.hashes) for pin in read_lock(RUNTIME_LOCK)}, RENEW


def test_the_sbom_describes_this_version_and_its_dependencies() -> None:
    described = SBOM["metadata"]["component"]
    assert (described["name"], described["version"]) == (PROJECT["name"], __version__), RENEW
    assert (
        described["purl"] == f"pkg:github/awesome-cli/awesome-cli@v{__version__}"
    )  # PyPI has another project so named
    needed = {entry["ref"]: entry.get("dependsOn", []) for entry in SBOM["dependencies"]}
    direct = {purl.removeprefix("pkg:pypi/").partition("@")[0] for purl in needed[described["bom-ref"]]}
    assert direct == names(PROJECT["dependencies"]), RENEW
    reachable, found = set(), {described["bom-ref"]}
    while found:
        reachable |= found
        found = {purl for one in found for purl in needed[one]} - reachable
    assert reachable == set(needed)


def test_the_sbom_contains_no_time_or_random_number() -> None:
    assert "timestamp" not in SBOM["metadata"]
    assert SBOM["serialNumber"][len("urn:uuid:") + 14] == "5"  # the version of a UUID that is made from names


def test_the_page_of_dependencies_lists_every_package_that_is_required() -> None:
    page = (ROOT / "docs/reference/dependencies.md").read_text("utf-8")
    runtime, _, others = page.partition("\n## ")
    direct = names(PROJECT["dependencies"])
    for text, required in ((runtime, direct), (others, names(development()) - direct | {"nox"})):
        cells = re.findall(r"^\| (\[.*?) \|", text, re.MULTILINE)
        assert {canonicalize_name(name) for cell in cells for name in re.findall(r"\[([\w.-]+)\]", cell)} == required


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
