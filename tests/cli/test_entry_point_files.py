"""Where packages may add commands, this must be found; elsewhere importlib.metadata is not imported."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.metadata import DistributionFinder, entry_points
from pathlib import Path

import pytest

from awesome_cli.cli.entry_point_files import may_be_declared

GROUP = "awesome_cli.commands"
DECLARED = f"[{GROUP}]\nhello = hello:app\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which packages are looked for; importlib_metadata may have added a finder of its own."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    return tmp_path


@pytest.mark.parametrize("package", ["hello-1.0.dist-info", "hello.egg-info", "Hello-1.0.DIST-INFO", "EGG-INFO"])
def test_a_package_that_declares_the_group_is_found(folder: Path, package: str) -> None:
    assert not may_be_declared(GROUP)
    (folder / package).mkdir()
    assert not may_be_declared(GROUP)
    (folder / package / "entry_points.txt").write_text("[console_scripts]\nhello = hello:app\n", "utf-8")
    assert not may_be_declared(GROUP)
    (folder / package / "entry_points.txt").write_text(DECLARED, "utf-8")
    assert may_be_declared(GROUP)


def test_whatever_importlib_finds_may_be_declared() -> None:
    for group in entry_points().groups:
        assert may_be_declared(group)


def test_the_current_folder_and_missing_ones_are_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "hello.dist-info").mkdir()
    (folder / "hello.dist-info" / "entry_points.txt").write_text(DECLARED, "utf-8")
    monkeypatch.setattr(sys, "path", ["", str(folder / "missing")])
    assert not may_be_declared(GROUP)
    monkeypatch.chdir(folder)
    assert may_be_declared(GROUP)


def test_an_archive_and_a_finder_of_its_own_are_for_importlib(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "packages.zip").write_bytes(b"")
    monkeypatch.setattr(sys, "path", [str(folder / "packages.zip")])
    assert may_be_declared(GROUP)
    monkeypatch.setattr(sys, "path", [str(folder)])
    assert not may_be_declared(GROUP)
    monkeypatch.setattr(sys, "meta_path", [PathFinder, DistributionFinder])
    assert may_be_declared(GROUP)
