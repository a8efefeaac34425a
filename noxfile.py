"""Tests, checks and benchmarks: ``python3 -m nox`` runs the default sessions, ``nox -l`` lists all."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.error_on_missing_interpreters = False  # .ci/run names those that it needs

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
NOX_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LOCK = ("--constraint", "requirements.lock")
GROUPS = tuple(PYPROJECT["dependency-groups"])
PYTEST = ("-m", "pytest", "--numprocesses", "auto", "--dist", "worksteal")  # one process per core
OWN_SESSIONS = tuple(f"--ignore=tests/{folder}" for folder in ("site", "interop", "release", "windows"))
TESTS_OF_CANCELLATION = ("tests/cli/test_demo.py", "tests/provider/test_device_flow.py")
RUNTIME_LOCK = "requirements-runtime.lock"
SUITE = "docs/examples/hostile-suite/pyproject.toml"
DIST = Path("dist").absolute()
TEST_DIST = {"AWESOME_TESTS_DIST": str(DIST)}
GITHUB_SCHEMAS = {
    "github-workflows": sorted(map(str, Path(".github/workflows").glob("*.yml"))),
    "github-issue-forms": [".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/feature.yml"],
    "github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
    "dependabot": [".github/dependabot.yml"],
}


@nox.session(python=False)
def node_modules(session: nox.Session) -> None:
    """Install the OpenID providers for the tests, if npm is installed; without them those are skipped."""
    if shutil.which("npm"):
        session.run("npm", "ci", "--prefix", "tests/interop", external=True, success_codes=range(256))


@nox.session(python=PYTHONS, requires=["node_modules"])
def tests(session: nox.Session) -> None:
    """Run the tests: all of them in nox's Python on Linux, else a wheel's, without those that start processes.

    A wheel is tested with the lowest Typer in even versions of Python, and with the newest in odd ones; the lock has
    the fastest.
    """
    pytest = (*PYTEST, *OWN_SESSIONS, *session.posargs)
    if session.python == NOX_PYTHON and sys.platform == "linux":
        install(session, "test")
        session.run("coverage", "erase")
        session.run("coverage", "run", *pytest)
        return
    session.install(*LOCK, ".", *nox.project.dependency_groups(PYPROJECT, "test"))
    (requirement,) = (name for name in PYPROJECT["project"]["dependencies"] if name.startswith("typer"))
    is_even = int(str(session.python).partition(".")[2]) % 2 == 0
    session.install("--upgrade", requirement.replace(">=", "==") if is_even else requirement)
    without = (f"--ignore=tests/{name}" for name in ("pages", "processes", "reliability", "test_reference.py"))
    session.run("python", "-P", *pytest, *without)


@nox.session(python=PYTHONS, default=False)
def coverage(session: nox.Session) -> None:
    """Report the coverage of the ``tests`` before it; less than 100 % is an error.

    Python 3.11 loses the trace of frames that are active while a task is cancelled: so the tests of commands that go on
    after that are run once more, in a newer Python.
    """
    install(session, "test")
    session.run("coverage", "run", *PYTEST, *TESTS_OF_CANCELLATION)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--fail-under=100")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package and of its tests."""
    install(session, "types")
    session.run("mypy")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and layout."""
    session.install(*LOCK, *nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def workflows(session: nox.Session) -> None:
    """Check the workflows for security holes, and all that GitHub reads against its schemas."""
    session.install(*LOCK, *nox.project.dependency_groups(PYPROJECT, "workflows"))
    session.run("zizmor", "--offline", "--strict-collection", "--persona", "auditor", ".github")
    for schema, files in GITHUB_SCHEMAS.items():
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


@nox.session(requires=["node_modules"])
def interop(session: nox.Session) -> None:
    """Test with two other OpenID providers, real keyrings and a real browser."""
    install(session, "test")
    session.run("python", *PYTEST, "tests/interop", *session.posargs)


@nox.session(python=PYTHONS[0])
def windows(session: nox.Session) -> None:
    """Test the program in a Python for Windows, if Wine is installed; the first run builds that Python."""
    install(session, "test")
    session.run("python", "-m", "pytest", "tests/windows", *session.posargs)


@nox.session(requires=["node_modules"])
def docs(session: nox.Session) -> None:
    """Build the site of the docs, look at it in a real browser, and run what README and docs show to type."""
    install(session, "docs")
    session.run("mkdocs", "build", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", *PYTEST, "tests/site", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the sdist and the wheel in dist/ from the files that git tracks, and test what is in them."""
    if not Path(".git").exists():
        session.skip("this is not a git checkout")
    install(session, "release")
    checkout = export_tracked_files(session)
    shutil.rmtree(DIST, ignore_errors=True)
    command = ("python", "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", str(DIST), str(checkout))
    session.run(*command, env={"SOURCE_DATE_EPOCH": None})  # hatchling's own time stamp: the same for everybody
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    session.run("python", "-m", "pytest", "tests/release/test_distributions.py", *session.posargs, env=TEST_DIST)


@nox.session(requires=["build"])
def smoke(session: nox.Session) -> None:
    """Install the wheel with pip, pipx and uv as users do, run it, uninstall it; and test the examples."""
    if not DIST.exists():
        session.skip("nothing has been built")
    session.install(*LOCK, *nox.project.dependency_groups(PYPROJECT, "smoke"))
    alone = "--confcutdir=tests/release"  # without tests/conftest.py, which needs the packages of the other tests
    session.run("python", *PYTEST, alone, "tests/release/test_installers.py", *session.posargs, env=TEST_DIST)


@nox.session(python=PYTHONS[0], default=False)
def lock(session: nox.Session) -> None:
    """Complete the lock files and the SBOM, or renew them (``-- --upgrade``), for all Pythons from the oldest on."""
    install(session, "release")
    compiler = ("uv", "pip", "compile", "--quiet", "--universal", "--no-annotate", "pyproject.toml", *session.posargs)
    header = {"UV_CUSTOM_COMPILE_COMMAND": "python3 -m nox -s lock"}
    groups = [option for group in (*GROUPS, f"{SUITE}:test") for option in ("--group", group)]
    session.run(*compiler, *groups, "--output-file", "requirements.lock", env=header)
    hashes = (*LOCK, "--generate-hashes", "--output-file", RUNTIME_LOCK)
    session.run(*compiler, *hashes, env=header)
    packages = Path(session.create_tmp()) / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    for platform in ("linux", "macos", "windows"):  # for the licenses: each has packages that the others lack
        target = ("--target", str(packages), "--python-platform", platform, "--no-deps", "--only-binary", ":all:")
        session.run("uv", "pip", "install", "--quiet", *target, "--require-hashes", "--requirements", RUNTIME_LOCK)
    session.run("python", "tests/release/sbom.py", str(packages), env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities of what both locks pin, in PyPI's database; fails if that does not answer."""
    session.install(*LOCK, *nox.project.dependency_groups(PYPROJECT, "audit"))
    lines = Path("requirements.lock").read_text("utf-8").splitlines()
    pins = [line.partition(";")[0].strip() for line in lines if "==" in line]  # of all systems and Pythons
    last = {pin.partition("==")[0]: pin for pin in pins}  # pip-audit takes one version of a package at a time
    for some in filter(None, (last.values(), set(pins) - set(last.values()))):
        file = Path(session.create_tmp()) / "pins.txt"
        file.write_text("\n".join(sorted(some)), "utf-8")
        session.run("pip-audit", "--strict", "--disable-pip", "--no-deps", "--requirement", str(file), *session.posargs)


def export_tracked_files(session: nox.Session) -> Path:
    """Copy the files that git tracks, as they are, to a folder, so that no other file is ever packaged."""
    target = Path(session.create_tmp()) / "checkout"
    shutil.rmtree(target, ignore_errors=True)
    listed = session.run("git", "ls-files", "-z", external=True, silent=True)
    for path in map(Path, filter(None, str(listed).split("\0"))):
        if path.exists():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / path)
    return target


def install(session: nox.Session, group: str) -> None:
    """Install the package as editable, so that processes started by tests run the files that coverage counts."""
    session.install(*LOCK, "--editable", ".", *nox.project.dependency_groups(PYPROJECT, group))


@nox.session(python=PYTHONS[0], default=False)
def bench(session: nox.Session) -> None:
    """Measure the program and its alternatives, or simulate a peak load of sign-ins (``-- --peak-load``).

    ``--short`` is for CI; ``--record`` records how many instructions the commands take, which CI compares.
    """
    session.install(*LOCK, ".", *nox.project.dependency_groups(PYPROJECT, "test"))
    script = "peak_load" if "--peak-load" in session.posargs else "bench"
    arguments = [argument for argument in session.posargs if argument != "--peak-load"]
    session.run("python", f"tests/bench/{script}.py", *arguments, env={"PYTHONDONTWRITEBYTECODE": ""})


@nox.session(default=False, requires=["node_modules"])
def reliability(session: nox.Session) -> None:
    """Repeat tests that depend on chance (kills, races, real keyrings) five times as often."""
    install(session, "test")
    session.run("python", *PYTEST, "tests/reliability", *session.posargs, env={"AWESOME_TESTS_ROUNDS": "20"})


@nox.session(python=PYTHONS[0], default=False)
def compare(session: nox.Session) -> None:
    """Compare docs/examples/comparison, the same program with other libraries; ``--record`` writes its table."""
    install(session, "comparison")
    session.run("python", "tests/comparison/compare.py", *session.posargs)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Record the pictures in docs/pictures; tests/interop/test_pictures.py says when that is due."""
    install(session, "test")
    session.run("python", "docs/record_pictures.py", env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz parsing and validation with libFuzzer for a minute, or with the given options."""
    session.install(*LOCK, "--editable", ".", "atheris")
    session.run("python", "tests/fuzz/fuzz_rules.py", *(session.posargs or ["-max_total_time=60", "-max_len=4096"]))
