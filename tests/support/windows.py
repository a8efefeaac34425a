"""CPython for Windows under Wine with the program installed in it, built from packages of PyPI and Debian.

panda3d's wheel for Windows carries python.org's ``python3XX.dll``, its extension modules and OpenSSL. The standard
library is that of the CPython that runs the tests. Three small binaries are compiled: ``python.exe``; ``python3.dll``,
which extension modules of the stable ABI import; and ``bcryptprimitives.dll``, which Rust's standard library needs and
Wine 8 lacks.

What Wine does not have: the Credential Locker's limit of 2,560 bytes an entry, and access control lists.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from awesome_cli.testing.terminal import Result
from support.locks import LOCK, ROOT, RUNTIME_LOCK, read_lock
from support.process import wait

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPILER, OBJDUMP = "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-objdump"
COMPONENTS = ("wine", "wineserver", COMPILER, OBJDUMP)
PYPROJECT = ROOT / "pyproject.toml"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
DLL = f"python{VERSION.replace('.', '')}.dll"
TIMEOUT = 120.0  # seconds for one process, on a busy machine

PANDA3D = "panda3d==1.10.16"
MARKERS = {"os_name": "nt", "platform_system": "Windows", "sys_platform": "win32"}
LEFT_OUT = (
    *("__pycache__", "config-*", "ensurepip", "idlelib", "lib-dynload", "site-packages", "test", "tkinter"),
    "EXTERNALLY-MANAGED",  # with which a distribution forbids pip to install packages there
)

PYTHON_EXE = """
#include <wchar.h>
int Py_Main(int argc, wchar_t **argv);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
"""
PYTHON3_DLL = """
int DllMain(void *instance, unsigned reason, void *reserved) { return 1; }
"""
BCRYPTPRIMITIVES_DLL = """
#include <windows.h>
#include <bcrypt.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PUCHAR data, SIZE_T length) {
    return BCryptGenRandom(NULL, data, (ULONG)length, BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0;
}
"""


@dataclass(frozen=True)
class Windows:
    """A Python for Windows and a Wine prefix: drive ``C:``, and the registry with the Credential Locker."""

    python: Path
    prefix: Path

    @property
    def app_data(self) -> Path:
        """The folder ``%LOCALAPPDATA%``."""
        (user,) = {path for path in (self.prefix / "drive_c/users").iterdir() if path.name != "Public"}
        return user / "AppData/Local"

    def start(self, *argv: str, program: str = "python.exe", **environ: str) -> subprocess.Popen[str]:
        """Start Python with pipes for its streams: Wine gives a program no handle for a file or ``/dev/null``."""
        return subprocess.Popen(
            ["wine", self.python / program, *argv],
            env={**self._environ, **environ},
            cwd=self.prefix,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="cp1252",  # what a Python for Windows writes to a pipe
        )

    def run(self, *argv: str, program: str = "python.exe", **environ: str) -> Result:
        """Run Python to its end. Every failure of Python says something; one that does not is Wine's: try once more."""
        end = wait_on_windows(self.start(*argv, program=program, **environ))
        if end == Result(1, "", ""):
            end = wait_on_windows(self.start(*argv, program=program, **environ))
        return end

    def awesome(self, *argv: str, **environ: str) -> Result:
        """Run a command of the program to its end."""
        return self.run("-m", "awesome_cli", *argv, PYTHONWARNINGS="error", **environ)

    def shut_down(self) -> None:
        """Result what still runs in the prefix."""
        for option in ("--kill", "--wait"):
            command = ("wineserver", option)
            subprocess.run(command, env=self._environ, check=False, timeout=TIMEOUT)

    @property
    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.prefix),
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",  # nothing is downloaded, no menu is changed
            "PYTHONPATH": windows_path(self.prefix / "site"),
            "PYTHONPYCACHEPREFIX": windows_path(self.python / "pycache"),
        }


def wait_on_windows(process: subprocess.Popen[str]) -> Result:
    return wait(process, timeout=TIMEOUT, stdin="")


def windows_path(path: Path) -> str:
    """Return the path of a file of this machine for programs under Wine."""
    return "Z:" + str(path).replace("/", "\\")


@contextmanager
def windows(cache: Path) -> Iterator[Windows]:
    """Install this checkout in a Python for Windows, which is cached in ``cache``, with a prefix of its own."""
    inputs = [sys.version.encode(), *(path.read_bytes() for path in (Path(__file__), LOCK, PYPROJECT))]
    python = cache / hashlib.sha256(b"\0".join(inputs)).hexdigest()[:16]
    with tempfile.TemporaryDirectory(prefix="awesome-wine-", ignore_cleanup_errors=True) as folder:
        machine = Windows(python, Path(folder))
        try:
            with FileLock(cache / "build.lock"):
                if not (python / "complete").exists():
                    _remove_folders(cache)
                    _build(machine)
                    (python / "complete").touch()
            with machine.start("-c", "import sys; sys.stdin.read()"):  # otherwise Windows boots for every process
                _install_checkout(machine)
                yield machine
        finally:
            machine.shut_down()


def _remove_folders(cache: Path) -> None:
    for folder in filter(Path.is_dir, cache.iterdir()):
        shutil.rmtree(folder)


def _build(machine: Windows) -> None:
    python, wheels = machine.python, machine.python / "wheels"
    shutil.copytree(sysconfig.get_path("stdlib"), python / "Lib", ignore=shutil.ignore_patterns(*LEFT_OUT))
    _download(wheels, "--no-deps", PANDA3D)
    (panda3d,) = wheels.iterdir()
    _unpack(panda3d, python)
    panda3d.unlink()
    _compile(python / "python.exe", PYTHON_EXE, "-municode", str(python / DLL))
    _compile(
        python / "python3.dll",
        PYTHON3_DLL,
        "-shared",
        "-nostdlib",
        "-Wl,-e,DllMain",
        _write_forwarding_definition(python),
    )
    _compile(python / "bcryptprimitives.dll", BCRYPTPRIMITIVES_DLL, "-shared", "-lbcrypt")

    project = tomllib.loads(PYPROJECT.read_text("utf-8"))
    wanted = (*project["project"]["dependencies"], *project["dependency-groups"]["test"])
    _download(wheels, "--constraint", str(LOCK), *wanted, *_windows_only())
    # pip now runs on Windows, and selects the packages for Windows.
    _pip(machine, "install", "--no-index", "--find-links", windows_path(wheels), *wanted)


def _windows_only() -> list[str]:
    """Return what the program needs on Windows, and not on this system, on which pip downloads."""
    pins = [(f"{pin.name}=={pin.version}", pin.requirement.marker) for pin in read_lock(RUNTIME_LOCK)]
    return [pin for pin, marker in pins if marker and marker.evaluate(MARKERS) and not marker.evaluate()]


def _install_checkout(machine: Windows) -> None:
    wheel = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(machine.prefix))
    subprocess.run([sys.executable, "-m", "pip", *wheel, str(ROOT)], check=True)
    (path,) = machine.prefix.glob("*.whl")
    _pip(machine, "install", "--no-deps", "--target", windows_path(machine.prefix / "site"), windows_path(path))
    end = machine.run("-m", "pip", "check")
    assert end.code == 0, end.out


def _pip(machine: Windows, *argv: str) -> None:
    (pip,) = (machine.python / "wheels").glob("pip-*.whl")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-warn-script-location")
    end = machine.run("-m", "pip", argv[0], *quiet, *argv[1:], PYTHONPATH=windows_path(pip))
    assert end.code == 0, end.err


def _unpack(wheel: Path, python: Path) -> None:
    extensions = python / "DLLs"
    extensions.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for path in map(Path, archive.namelist()):
            if path.match("deploy_libs/*.dll") or path.match("deploy_libs/*.pyd"):
                target = python if path.name in (DLL, "VCRUNTIME140.dll") else extensions
                (target / path.name).write_bytes(archive.read(str(path)))


def _write_forwarding_definition(python: Path) -> str:
    """Write the module definition of a python3.dll that exports what the other DLL does, and return its path."""
    exports = subprocess.run([OBJDUMP, "--private-headers", python / DLL], capture_output=True, text=True, check=True)
    table = exports.stdout.partition("[Ordinal/Name Pointer] Table")[2].partition("\n\n")[0]
    names = re.findall(r"(\w+)$", table, re.MULTILINE)
    definition = python / "python3.def"
    lines = ["LIBRARY python3.dll", "EXPORTS", *(f"{name} = {Path(DLL).stem}.{name}" for name in names)]
    definition.write_text("\n".join(lines), "ascii")
    return str(definition)


def _compile(target: Path, source: str, *options: str) -> None:
    command = [COMPILER, "-o", str(target), "-x", "c", "-", "-x", "none", *options]
    subprocess.run(command, input=source, text=True, check=True)


def _download(folder: Path, *what: str) -> None:
    tags = ("--only-binary", ":all:", "--platform", "win_amd64", "--python-version", VERSION)
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, *tags, "--dest", str(folder), *what], check=True)
