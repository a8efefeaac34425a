"""Reads the lock files: requirements of pip, one pinned version each, perhaps with hashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
RUNTIME_LOCK = ROOT / "requirements-runtime.lock"


class Pin(NamedTuple):
    requirement: Requirement
    hashes: list[str]  # of every file of this version, as "sha256:..."

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        if specifier.operator != "==":
            raise ValueError(f"not pinned: {self.requirement}")
        return specifier.version


def read_lock(path: Path) -> Iterator[Pin]:
    for line in path.read_text("utf-8").replace("\\\n", " ").splitlines():
        requirement, *hashes = line.partition("#")[0].split("--hash=")
        if requirement.strip():
            yield Pin(Requirement(requirement.strip()), [value.strip() for value in hashes])
