"""The guide to testing a client: its code runs as it is printed, and finds what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/how-to/test-a-client.md").read_text("utf-8")
CONFTEST, CLIENT, TESTS, LEVELS, KNOWN_FAILURES, OWN_CASE, TLS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
(MESSAGES,) = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
MORE = f"""
import ssl

import pytest
import trustme
from client import sign_in

from awesome_cli.testing import misbehaviours
from awesome_cli.testing.hostile import Respond, serve_hostile
from awesome_cli.testing.misbehaviours import Level, Misbehaviour, Rule

KNOWN = set()
{LEVELS}
{KNOWN_FAILURES}
{TLS}

def test_the_levels():
    assert 10 < len(MUST) < len(misbehaviours.ID_TOKEN)


def test_a_case_of_my_own(hostile_provider):
    case = {OWN_CASE}
    case.set_up(hostile_provider)
    with pytest.raises(ValueError, match="Expecting value"):
        sign_in(hostile_provider.url, "test-client")
    case.check(hostile_provider, accepted=False)


def test_tls(provider_with_tls):
    assert provider_with_tls.url.startswith("https://")
    assert sign_in(provider_with_tls.url, "test-client")
"""


def pytest_output(folder: Path, test: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "client.py").write_text(CLIENT)
    (folder / "test_client.py").write_text(test)
    passed_on = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]
    variables = {**passed_on, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False).stdout


def test_the_client_of_the_guide_fails_what_the_guide_says(tmp_path: Path) -> None:
    output = pytest_output(tmp_path, TESTS)
    for message in MESSAGES.splitlines():
        assert f"AssertionError: {message}\n" in output
    required = set(re.findall(r"AssertionError: (.+?): .* \(MUST\):", output))
    assert required == {
        "metadata of another issuer",
        "metadata without an issuer",
        "an issuer without the slash at its end",
        "a request to slow down",
    }
    assert "FAILED test_client.py::test_no_secret_is_printed" not in output
    assert re.search(r"^=+ \d+ failed, \d+ passed in ", output, re.MULTILINE), output


def test_the_other_code_of_the_guide_runs(tmp_path: Path) -> None:
    output = pytest_output(tmp_path, MORE)
    assert re.search(r"^=+ \d+ passed in ", output, re.MULTILINE), output
