"""``demo``: run the commands against the embedded provider; ``demo serve``: run that provider alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import typer

from awesome_cli.cli.built_ins import run_built_in
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import clock_time
from awesome_cli.cli.options import examples
from awesome_cli.errors import AwesomeError, UsageError
from awesome_cli.oauth.response import Response
from awesome_cli.system.environment import Environment
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import DEVICE_GRANT, ProviderSimulator
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.server import serve
from awesome_cli.testing.visitor import visit

app = typer.Typer(add_completion=False, rich_markup_mode=None)

LATER = 2 * 3600.0  # seconds; twice the lifetime of the demo's access tokens
SCREEN = ("COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TERM", "TERM_PROGRAM", "VTE_VERSION")  # its variables
SERVED_PROFILE = "demo"


@app.callback(
    invoke_without_command=True,
    epilog=examples("{program} demo", "{program} demo --web", "{program} demo --auto", "{program} demo serve"),
)
def demo(
    ctx: typer.Context,
    *,
    auto: Annotated[bool, typer.Option("--auto", help="Approve the sign-in without asking anybody.")] = False,
    web: Annotated[
        bool, typer.Option("--web", help="Sign in with a browser on this machine, not with a code.")
    ] = False,
) -> None:
    """Run login to logout against the embedded provider.

    A provider on loopback, a keyring in memory, and the very code of real logins.
    """
    context: CommandContext = ctx.obj
    if ctx.invoked_subcommand is None:
        is_alone = context.environment.is_remote or not context.console.is_interactive
        _run_all(context, auto=auto or is_alone, web=web)


@app.command("serve", epilog=examples("{program} demo serve --port 8765"))
def serve_alone(
    ctx: typer.Context,
    *,
    port: Annotated[
        int,
        typer.Option(
            "--port",  # Typer 0.27 takes the metavar for its name
            min=0,
            max=65535,
            metavar="PORT",
            show_default=False,
            help="The port on 127.0.0.1 (default: any).",
        ),
    ] = 0,
) -> None:
    """Run the demo's provider alone, until Ctrl-C."""
    context: CommandContext = ctx.obj
    console, brand = context.console, context.brand

    def observe(request: Request, response: Response) -> None:
        console.note((clock_time(context.environment.now()), "dim"), f" {describe(request, response)}")

    with _provider(context, Clock(context.environment), port, observe) as provider:
        console.note("A provider for trying things out. Paste this into another terminal:")
        for setting, value in {"profile": SERVED_PROFILE, **_settings(provider)}.items():
            console.result(assignment(brand.variable(setting), value, powershell=os.name == "nt"))
        console.note(
            "Then: ", (f"{brand.name} login", "accent"), ", and its API: ", (f"{brand.name} api hello", "accent")
        )
        console.note("Requests are shown here. Ctrl-C ends it.")
        context.environment.run(anyio.sleep_forever)  # which Ctrl-C ends on Windows too


def describe(request: Request, response: Response) -> str:
    """Return one line about a request: never a token, nor a code."""
    kinds = {
        DEVICE_GRANT: " (device code)",
        "authorization_code": " (authorization code)",
        "refresh_token": " (refresh token)",
    }
    kind = kinds.get(request.form.get("grant_type", ""), "") if request.path.endswith("/token") else ""
    error = f" {code}" if response.status >= HTTPStatus.BAD_REQUEST and (code := response.error()) else ""
    return f"{request.method} {request.path}{kind}: {response.status}{error}"


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


def _run_all(context: CommandContext, *, auto: bool, web: bool) -> None:
    clock, console, program = Clock(context.environment), context.console, context.brand.name
    with _provider(context, clock, 0) as provider, tempfile.TemporaryDirectory(prefix=f"{program}-demo-") as folder:
        provider.interval = 0.5  # seconds; a person watches
        environment = _demo_environment(context, provider, Path(folder), clock)
        tour = _Tour(context, provider, environment, auto=auto, words="demo --web" if web else "demo")
        console.note("A provider on this machine, a keyring in memory, and the code of real logins.")
        if auto:
            console.show("The demo approves the sign-in by itself.")
        tour.step("Sign in, once per machine.", "login", *(["--web"] if web else []))
        tour.step("From now on, all day, without a request:", "say-hi", to_stdout=True)
        tour.step("Who is that, where, and until when?", "whoami")
        clock.ahead += LATER
        before = len(provider.requests)
        tour.step("Two hours later the access token has expired. It is renewed silently.", "say-hi", to_stdout=True)
        tour.report_renewal(len(provider.requests) - before)
        tour.step("Call a protected API with it.", "api", "hello")
        tour.step("Revoke the tokens and empty the keyring.", "logout")
        tour.step("A program or an agent asks for a code, and shows it to the person.", "login", "--no-wait")
        tour.approve_pending()
        tour.step("Later, in another process, it goes on.", "login", "--resume")
        tour.step("That was all.", "logout")
        console.note()
        console.note(console.err.tick, "That was the demo.", indent="  ")
        console.note("  With your own provider: ", (f"{program} login --domain DOMAIN --client-id ID", "accent"))
        console.note("  (Auth0; for any other: ", (f"{program} login --issuer URL --client-id ID", "accent"), ")")
        console.note("  To try it command by command: ", (f"{program} demo serve", "accent"))


class _Tour:
    """Runs commands in an environment of their own, and shows what is run. ``words`` run all of it again."""

    def __init__(
        self,
        context: CommandContext,
        provider: ProviderSimulator,
        environment: Environment,
        *,
        auto: bool,
        words: str,
    ) -> None:
        self._context = context
        self._words = words
        self._provider = provider
        self._environment = replace(environment, open_browser=self._open_browser, visit=visit if auto else None)
        self._inner = context
        provider.auto_approve = auto

    def step(self, heading: str, command: str, *argv: str, to_stdout: bool = False) -> None:
        """Run one command. Its errors advise to run the demo again: its sessions end with it."""
        context = self._context
        if command not in context.brand.commands:
            return
        words = " ".join([context.brand.name, command, *argv])
        context.console.note()
        context.console.note((heading, "strong"))
        context.console.note(("$ ", "dim"), (words, "accent"))
        stdout = context.environment.stdout if to_stdout else context.environment.stderr
        self._inner = CommandContext(replace(self._environment, stdout=stdout), context.brand)
        self._inner.console.verbose, self._inner.console.quiet = context.console.verbose, context.console.quiet
        try:
            run_built_in(command, argv, self._inner)
        except AwesomeError as error:
            error.hint = f"Run it again with: {{program}} {self._words}"
            raise
        if command == "api" and not context.environment.stderr.isatty():
            context.console.note()  # the API's response does not end its line

    def report_renewal(self, requests: int) -> None:
        """Say what the last command did."""
        if "say-hi" in self._context.brand.commands and (user := self._inner.account.stores.current.load_user()):
            sent = f"{requests} request{'' if requests == 1 else 's'}"
            self._context.console.note((f"({sent}, new token until {clock_time(user.expires_at)})", "dim"))

    def approve_pending(self) -> None:
        """Approve the code that waits, in place of the person."""
        if pending := self._inner.account.stores.pending().load():
            self._provider.approve(pending.user_code)
            self._context.console.note(("(the demo approves it)", "dim"))

    def _open_browser(self, url: str) -> bool:
        """Open the browser, if a person approves; where none can be opened, approve. Return whether it was opened."""
        if self._provider.auto_approve:
            return False
        if self._context.environment.open_browser(url):
            return True
        self._context.console.show("No browser can be opened here, so the demo approves the sign-in by itself.")
        user_code = parse_qs(urlsplit(url).query).get("user_code")
        if user_code:
            self._provider.approve(user_code[0])
        else:
            self._provider.auto_approve = True
            visit(url)
        return False


def _demo_environment(context: CommandContext, provider: ProviderSimulator, folder: Path, clock: Clock) -> Environment:
    environment = context.environment
    passed_on = (*SCREEN, context.brand.variable("plain"))
    environ = {name: environment.environ[name] for name in passed_on if name in environment.environ}
    environ |= {context.brand.variable(setting): value for setting, value in _settings(provider).items()}
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


def _settings(provider: ProviderSimulator) -> dict[str, str]:
    """Return the settings of a client of the provider and its API."""
    api = provider.api_url
    return {"issuer": provider.url, "client_id": provider.client_id, "audience": api, "api_url": api}


@contextmanager
def _provider(
    context: CommandContext, clock: Clock, port: int, observe: Callable[[Request, Response], None] | None = None
) -> Iterator[ProviderSimulator]:
    program = context.brand.name

    def make(url: str) -> ProviderSimulator:
        return ProviderSimulator(now=clock, url=url, client_id=f"{program}-demo", program=program)

    with ExitStack() as stack:
        try:
            provider = stack.enter_context(serve(make, port, observe=observe))
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be listened on ({error.strerror}).", hint="Choose another one with --port."
            ) from error
        yield provider
