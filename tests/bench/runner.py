"""Runs the commands of someone who is signed in, with a real gnome-keyring and providers on loopback."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.home import FOLDERS
from support.secret_service import SecretService, gnome_keyring

DAY = 86_400  # seconds


class LargeTokens(ProviderSimulator):
    """Issues JWTs of 1.5 kB: with a person's groups, as providers of companies do."""

    def _sign(self, typ: str, lifetime: int, claims: Mapping[str, Any]) -> str:
        groups = [f"group-{number:03}" for number in range(44 if typ == "JWT" else 34)]
        return super()._sign(typ, lifetime, {**claims, "groups": groups})


class Runner:
    """``issuer`` is where people sign in, ``large`` a provider with large tokens, ``bin_folder`` has the programs.

    The variables of its commands are few and always the same, because long ones take instructions to read.
    """

    def __init__(
        self, bin_folder: Path, issuer: ProviderSimulator, large: ProviderSimulator, keyring: SecretService
    ) -> None:
        self.bin_folder = bin_folder
        self.issuer = issuer
        self.large = large
        self.environ = {name: keyring.environ[name] for name in FOLDERS} | keyring.bus
        self.environ |= {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    @property
    def state(self) -> Path:
        return Path(self.environ["XDG_STATE_HOME"], "awesome-cli")

    @property
    def awesome(self) -> str:
        return str(self.bin_folder / "awesome")

    @property
    def python(self) -> list[str]:
        """The beginning of a command that runs code."""
        return [str(self.bin_folder / "python"), "-I", "-c"]

    def run(self, argv: list[str], environ: Mapping[str, str] | None = None) -> float:
        """Run a command that must succeed, and return how many seconds it took."""
        started = time.perf_counter()
        self.completed(argv, environ)
        return time.perf_counter() - started

    def stderr(self, argv: list[str], environ: Mapping[str, str]) -> str:
        return self.completed(argv, environ).stderr

    def completed(self, argv: list[str], environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        variables = {**self.environ, **(environ or {})}
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        result = subprocess.run(argv, check=False, env=variables, **streams)
        if result.returncode:
            raise RuntimeError(f"{argv} failed: {result.stderr}")
        return result

    def sign_in(self, profile: str = "default", issuer: ProviderSimulator | None = None) -> float:
        command = [self.awesome, "--profile", profile, "login", "--force"]
        return self.run(command, settings("AWESOME", issuer or self.issuer))


def settings(prefix: str, issuer: ProviderSimulator) -> dict[str, str]:
    return {f"{prefix}_ISSUER": issuer.url, f"{prefix}_CLIENT_ID": issuer.client_id}


@contextmanager
def signed_in(bin_folder: Path) -> Iterator[Runner]:
    """Yield a runner whose default profile is signed in, in a keyring of its own."""
    with ExitStack() as stack:
        issuer, large = (stack.enter_context(serve(partial(_make, kind))) for kind in (ProviderSimulator, LargeTokens))
        runner = Runner(bin_folder, issuer, large, stack.enter_context(gnome_keyring()))
        runner.sign_in()
        yield runner


def _make(kind: type[ProviderSimulator], url: str) -> ProviderSimulator:
    return kind(now=time.time, url=url, auto_approve=True, interval=0.2, token_lifetime=DAY)
