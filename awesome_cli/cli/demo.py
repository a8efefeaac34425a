"""``demo``: run the commands against the embedded provider; ``demo serve``: run that provider alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import anyio
import httpx
import typer

from awesome_cli.cli.built_ins import run_built_in
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import examples
from awesome_cli.errors import UsageError
from awesome_cli.system.environment import Environment
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.server import serve

app = typer.Typer(add_completion=False, rich_markup_mode=None)

LATER = 2 * 3600.0  # seconds; twice the lifetime of the demo's access tokens
PASSED_ON = ("NO_COLOR", "TERM", "SSH_CONNECTION")  # what the commands need to know of the terminal


@app.callback(
    invoke_without_command=True, epilog=examples("{program} demo", "{program} demo --auto", "{program} demo serve")
)
def demo(
    ctx: typer.Context,
    *,
    auto: Annotated[bool, typer.Option("--auto", help="Approve the code without asking anybody.")] = False,
) -> None:
    """Run login to logout against the embedded provider.

    A provider on loopback, a keyring in memory, and the very code of real logins.
    """
    context: CommandContext = ctx.obj
    if ctx.invoked_subcommand is None:
        _run_all(context, auto=auto or not context.console.is_interactive)


@app.command("serve", epilog=examples("{program} demo serve --port 8765"))
def serve_alone(
    ctx: typer.Context,
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="The port on 127.0.0.1; 0 takes any.")
    ] = 0,
) -> None:
    """Run the demo's provider alone, until Ctrl-C."""
    context: CommandContext = ctx.obj
    with _provider(context, Clock(context.environment), port) as provider:
        context.console.note("A provider for trying things out. In another terminal:")
        brand = context.brand
        for setting, value in {"issuer": provider.url, "client_id": provider.client_id}.items():
            context.console.result(assignment(brand.variable(setting), value, powershell=os.name == "nt"))
        api = f"{brand.variable('api_url')}={provider.api_url}"
        context.console.note(f"Then: {brand.name} login. Its protected API is {api}")
        context.environment.run(anyio.sleep_forever)  # which Ctrl-C ends on Windows too


def assignment(name: str, value: str, *, powershell: bool) -> str:
    """Return the shell command that sets and exports a variable."""
    return f'$env:{name} = "{value}"' if powershell else f"export {name}={value}"


class Clock:
    """The environment's clock, which can be set ahead to show a renewal. Returns seconds since the epoch."""

    def __init__(self, environment: Environment) -> None:
        self._now = environment.now
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._now() + self.ahead


def _run_all(context: CommandContext, *, auto: bool) -> None:
    clock, console, program = Clock(context.environment), context.console, context.brand.name
    with _provider(context, clock, 0) as provider, tempfile.TemporaryDirectory(prefix=f"{program}-demo-") as folder:
        provider.auto_approve = auto
        provider.interval = 1
        environment = _demo_environment(context, provider, Path(folder), clock)

        def step(heading: str, command: str, *argv: str, to_stdout: bool = False) -> None:
            if command not in context.brand.commands:
                return
            console.note(f"\n{heading}\n$ {' '.join([program, command, *argv])}")
            stdout = context.environment.stdout if to_stdout else context.environment.stderr
            inner = CommandContext(replace(environment, stdout=stdout), context.brand)
            inner.console.verbose, inner.console.quiet = console.verbose, console.quiet
            run_built_in(command, argv, inner)

        console.note("The demo: a provider on this machine, a keyring in memory, and the code of real logins.")
        step("Sign in, once per machine.", "login")
        step("From now on, all day, without a request:", "say-hi", to_stdout=True)
        step("Who is that, where, and until when?", "whoami")
        clock.ahead += LATER
        step("Two hours later the access token has ended. It is renewed silently.", "say-hi", to_stdout=True)
        step("Call a protected API with it.", "api", "hello")
        step("Revoke the tokens and empty the keyring.", "logout")
        console.note(f"\nThat was the demo. Your own provider next: see README, then {program} login.")


def _demo_environment(context: CommandContext, provider: ProviderSimulator, folder: Path, clock: Clock) -> Environment:
    environment = context.environment
    environ = {name: environment.environ[name] for name in PASSED_ON if name in environment.environ}
    settings = {
        "issuer": provider.url,
        "client_id": provider.client_id,
        "audience": provider.api_url,
        "api_url": provider.api_url,
    }
    environ |= {context.brand.variable(setting): value for setting, value in settings.items()}
    return replace(
        environment,
        environ=environ,
        config_dir=folder / "config",
        state_dir=folder / "state",
        cache_dir=folder / "cache",
        account_dirs=(folder / "locks",),
        now=clock,
        keyring=MemoryKeyring(),
        transport=httpx.AsyncHTTPTransport(),  # straight to loopback, whatever proxy is set
    )


@contextmanager
def _provider(context: CommandContext, clock: Clock, port: int) -> Iterator[ProviderSimulator]:
    client_id = f"{context.brand.name}-demo"
    with ExitStack() as stack:
        try:
            provider = stack.enter_context(
                serve(lambda url: ProviderSimulator(now=clock, url=url, client_id=client_id), port)
            )
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be listened on ({error.strerror}).", hint="Choose another one with --port."
            ) from error
        yield provider
