"""What a test requires of the machine: a program or package that is missing skips it, or fails it in CI."""

import os
import shutil
from pathlib import Path

import pytest

_NODE_MODULES = Path(__file__).parents[1] / "interop" / "node_modules"
AXE = _NODE_MODULES / "axe-core" / "axe.min.js"

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes, users and links as POSIX has them")

_PATHS = {
    "node_modules": _NODE_MODULES / "oidc-provider",
    "better-auth": _NODE_MODULES / "@better-auth" / "oauth-provider",
    "axe-core": AXE,
    "/dev/full": Path("/dev/full"),
}


def require(*components: str) -> None:
    """Skip the test if a program (or a package of Node.js) is missing; fail it if AWESOME_TESTS_NO_SKIP=1."""
    missing = [component for component in components if not _is_installed(component)]
    if not missing:
        return
    reason = f"not on this machine: {', '.join(missing)}"
    if os.environ.get("AWESOME_TESTS_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _is_installed(component: str) -> bool:
    return _PATHS[component].exists() if component in _PATHS else shutil.which(component) is not None
