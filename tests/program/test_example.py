"""The example of a company's program: built, installed, its own tests, and a whole life in processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.requirements import POSIX

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/acme-cli"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel, install it, and return the folder of the packages."""
    folder = tmp_path_factory.mktemp("acme")
    source = shutil.copytree(EXAMPLE, folder / "source")  # a build must not write into the checkout
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated"]
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "installed"
    install = [*pip, "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return target


def environ(installed: Path, home: Path) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return {
        **passed_on,
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)]),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    tests = shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environ(installed, tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@POSIX
def test_a_session_from_login_to_logout(installed: Path, tmp_path: Path) -> None:
    script = installed / "bin/acme"
    with serve(
        lambda url: ProviderSimulator(now=time.time, url=url, client_id="acme-cli", auto_approve=True)
    ) as issuer:
        variables = {**environ(installed, tmp_path), "ACME_ISSUER": issuer.url, "ACME_API_URL": issuer.api_url}

        def acme(*argv: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, str(script), *argv]
            return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)

        assert acme("--version").stdout == "acme 3.1.0\n"
        assert acme("say-hi").returncode == 9  # there is no keyring
        assert acme("login", "--insecure-storage", "--audience", issuer.api_url).returncode == 0
        greeting = acme("say-hi")
        assert (greeting.stdout, greeting.stderr, greeting.returncode) == ("Welcome Juan!\n", "", 0)
        assert acme("api", "hello").returncode == 0
        failed = acme("orders", "list")  # the simulated API has no orders
        assert (failed.returncode, failed.stderr) == (7, "Error: The API answered with status 404.\n")
        assert acme("logout").returncode == 0
        assert acme("deploy", "billing").returncode == 9
    assert {path.name for path in tmp_path.rglob("*") if path.is_dir()} >= {"acme"}
