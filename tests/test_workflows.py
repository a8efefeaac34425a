"""What GitHub runs: actions are pinned, commands exist, and a release is that of its tag."""

from __future__ import annotations

import ast
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
PINNED = r"\s+(- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / ".github/release_notes.py"))
PACKAGE = '"""A package."""\n\n__version__ = "1.2.0"\n'
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.2.0] - 2027-01-31\n\n- a\n\n- b\n\n## [1.1.0]\n\n- old\n"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_a_full_commit_hash_with_its_version(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not re.fullmatch(PINNED, line)] == []


def test_an_action_has_the_same_version_in_every_workflow() -> None:
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (\S+)@(.+)", path.read_text("utf-8"))}
    assert len(pins) == len(dict(pins)), sorted(pins)


def test_every_command_of_a_workflow_exists() -> None:
    sessions = set()
    for path in WORKFLOWS:
        text = path.read_text("utf-8")
        sessions.update(re.findall(r'nox -s "?([a-z_]+(?: [a-z_]+)*)', text))
        assert [file for file in re.findall(r"\.(?:github|ci)/[\w./]+", text) if not (ROOT / file).is_file()] == []
    names = {name for words in sessions for name in words.split()}
    assert names
    assert names - nox_sessions() == set()


def test_the_tests_run_with_every_python_that_the_package_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"Programming Language :: Python :: (3\.\d+)", " ".join(project["classifiers"]))
    (matrix,) = re.findall(r"python: \[(.+)\]", (ROOT / ".github/workflows/tests.yml").read_text("utf-8"))
    assert re.findall(r"3\.\d+", matrix) == named


def nox_sessions() -> set[str]:
    module = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    return {node.name for node in functions if any("nox.session" in ast.unparse(each) for each in node.decorator_list)}


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    assert SCRIPT["release_notes"]("v1.2.0", PACKAGE, CHANGELOG) == "- a\n\n- b\n"
    assert SCRIPT["release_notes"]("v1.1.0", PACKAGE.replace("1.2.0", "1.1.0"), CHANGELOG) == "- old\n"


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "v1.2.1", "v1.2.0rc1", "vv1.2.0"])
def test_a_tag_that_is_not_the_version_is_not_released(tag: str) -> None:
    with pytest.raises(ValueError, match=f"The tag is {tag}, but the version is 1.2.0."):
        SCRIPT["release_notes"](tag, PACKAGE, CHANGELOG)


@pytest.mark.parametrize("changelog", ["## [Unreleased]\n\n- new\n", "## [1.2.0rc1]\n\n- new\n", "## [1x2y0]\n"])
def test_a_version_without_a_section_of_the_changelog_is_not_released(changelog: str) -> None:
    with pytest.raises(ValueError, match=r"CHANGELOG.md has no section about 1.2.0."):
        SCRIPT["release_notes"]("v1.2.0", PACKAGE, changelog)


def test_the_version_of_the_package_is_read_from_its_source() -> None:
    package, changelog = ((ROOT / name).read_text("utf-8") for name in ("awesome_cli/__init__.py", "CHANGELOG.md"))
    with pytest.raises(ValueError, match=r"but the version is \d+\.\d+\.\w+\."):
        SCRIPT["release_notes"]("v0", package, changelog)
