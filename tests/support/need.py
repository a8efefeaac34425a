"""What a test needs from the machine: skipped where it is missing, except where nothing may be (CI)."""

import os
import shutil
from pathlib import Path

import pytest

_FOLDERS = {"node_modules": Path(__file__).parents[1] / "interop" / "node_modules" / "oidc-provider"}


def need(*components: str) -> None:
    """Skip the test, if one of the programs (or ``node_modules``) is missing; fail it, if AWESOME_TESTS_NO_SKIP=1."""
    missing = [component for component in components if not _is_here(component)]
    if not missing:
        return
    reason = f"not on this machine: {', '.join(missing)}"
    if os.environ.get("AWESOME_TESTS_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _is_here(component: str) -> bool:
    return _FOLDERS[component].exists() if component in _FOLDERS else shutil.which(component) is not None
