"""Programs and packages that a test requires: without them it is skipped, or fails in CI."""

import os
import shutil
from pathlib import Path

import pytest

_FOLDERS = {"node_modules": Path(__file__).parents[1] / "interop" / "node_modules" / "oidc-provider"}


def require(*components: str) -> None:
    """Skip the test if a program (or ``node_modules``) is missing; fail it if AWESOME_TESTS_NO_SKIP=1."""
    missing = [component for component in components if not _is_installed(component)]
    if not missing:
        return
    reason = f"not on this machine: {', '.join(missing)}"
    if os.environ.get("AWESOME_TESTS_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _is_installed(component: str) -> bool:
    return _FOLDERS[component].exists() if component in _FOLDERS else shutil.which(component) is not None
