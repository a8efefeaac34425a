"""``signed_in``: what it injects, what it requires, and whose errors are whose."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import httpx
import pytest
import typer

from awesome_cli import Program, Session, User
from awesome_cli.errors import AwesomeError, ProviderError

if TYPE_CHECKING:
    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command("other")(lambda: None)  # with a single command Typer takes no command's name
    return app


@pytest.fixture
def program(acme: MakeProgram, app: typer.Typer) -> Program:
    return acme(app=app)


def test_parameters_are_injected_by_annotation(program: Program, app: typer.Typer, terminal: MakeTerminal) -> None:
    @app.command()
    @program.signed_in
    def deploy(service: str, user: User, session: Session, api: httpx.Client, *, force: bool = False) -> None:
        answer = api.get(f"deploy/{service}").json()
        print(user.name, session.user == user, answer, force)

    screen = terminal(program)
    assert screen.run("deploy", "billing", "--force") == 0
    assert screen.out == "Juan True {'path': '/v1/deploy/billing', 'agent': 'acme'} True\n"
    assert screen.run("deploy", "--help") == 0
    assert "service" in screen.out.lower()
    assert not {"user", "session", "api", "--user", "--session", "--api"} & set(screen.out.lower().split())


def test_an_async_command_is_run_in_virtual_time(program: Program, app: typer.Typer, terminal: MakeTerminal) -> None:
    @app.command()
    @program.signed_in
    async def deploy(user: User, api: httpx.AsyncClient) -> None:
        await asyncio.sleep(3600)
        answer = await api.get("deploy")  # the token has expired meanwhile
        print(user.name, answer.status_code)

    screen = terminal(program)
    before = screen.time.now()
    assert screen.run("deploy") == 0
    assert screen.out == "Juan 200\n"
    assert screen.time.now() - before == pytest.approx(3600)
    assert screen.provider.refreshes == 1


def test_the_methods_of_a_program_can_be_used_within_an_event_loop(
    program: Program, app: typer.Typer, terminal: MakeTerminal
) -> None:
    @app.command()
    @program.signed_in
    async def everything() -> None:
        await anyio.sleep(7200)  # so that a renewal needs a loop of its own
        with program.client() as api:
            print(program.user().name, program.session().access_token == program.token(), api.get("x").status_code)

    screen = terminal(program)
    assert screen.run("everything") == 0, screen.err
    assert screen.out == "Juan True 200\n"


def test_a_session_is_required_without_any_injected_parameter(
    program: Program, app: typer.Typer, terminal_for: MakeTerminal
) -> None:
    @app.command()
    @program.signed_in
    def deploy() -> None:
        print("deployed")

    screen = terminal_for(program)
    assert screen.run("deploy") == 4
    assert screen.err == "Error: You are not signed in.\nHint: Sign in with: acme login\n"
    screen.login()
    assert screen.run("deploy") == 0
    assert screen.out == "deployed\n"


def test_the_profile_that_is_named_before_or_after_the_command_is_used(
    program: Program, app: typer.Typer, terminal: MakeTerminal
) -> None:
    @app.command()
    @program.signed_in
    def who(user: User) -> None:
        print(user.name, program.user().name, program.user("default").name)

    screen = terminal(program)
    screen.login("--profile", "work", name="Ada")
    assert screen.run("--profile", "work", "who") == 0
    assert screen.out == "Ada Ada Juan\n"
    assert screen.run("who", "--profile", "work") == 0
    assert screen.out == "Ada Ada Juan\n"
    assert screen.run("--profile", "home", "who") == 4
    assert screen.err.endswith("Hint: Sign in with: acme login --profile home\n")


def test_a_given_token_serves_where_no_identity_is_injected(
    program: Program, app: typer.Typer, terminal_for: MakeTerminal
) -> None:
    @app.command()
    @program.signed_in
    def token(api: httpx.Client) -> None:
        print(program.token(), api.auth is not None)

    @app.command()
    @program.signed_in
    def who(user: User) -> None:
        print(user)

    screen = terminal_for(program)
    screen.environ["ACME_ACCESS_TOKEN"] = "given"
    program.brand.commands = ()  # as if the program had not the built-in command of that name
    assert screen.run("token") == 0
    assert screen.out == "given True\n"
    assert screen.run("who") == 4


def test_errors_of_the_users_own_code_are_theirs(program: Program, app: typer.Typer, terminal: MakeTerminal) -> None:
    @app.command()
    @program.signed_in
    def deploy() -> None:
        secret = "hunter2"
        raise LookupError(f"no such service {len(secret)}")

    screen = terminal(program)
    assert screen.run("deploy") == 1
    lines = screen.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "LookupError: no such service 7"
    assert [line for line in lines if line.startswith("  File")] == [line for line in lines if __file__ in line]
    assert "hunter2" not in screen.err.replace('secret = "hunter2"', "")
    assert "bug" not in screen.err


@pytest.mark.parametrize(
    ("ending", "code", "message"),
    [
        (typer.Exit(42), 42, ""),
        (typer.Abort(), 1, "Aborted"),
        (SystemExit(17), 17, ""),
        (SystemExit("stopped"), 1, "stopped"),
        (SystemExit(), 0, ""),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (ProviderError("The API is closed.", hint="Come back with {login}."), 7, "Hint: Come back with acme login."),
        (asyncio.CancelledError(), 1, "Traceback"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("is_async", [False, True])
def test_ways_to_end(  # noqa: PLR0917 - fixtures and parameters
    program: Program,
    app: typer.Typer,
    terminal: MakeTerminal,
    ending: BaseException,
    code: int,
    message: str,
    *,
    is_async: bool,
) -> None:
    def deploy() -> None:
        raise ending

    async def deploy_async() -> None:
        raise ending

    app.command("deploy")(program.signed_in(deploy_async if is_async else deploy))
    screen = terminal(program)
    assert screen.run("deploy") == code
    assert message in screen.err
    assert "bug" not in screen.err


def test_our_errors_leave_a_task_group(program: Program, app: typer.Typer, terminal: MakeTerminal) -> None:
    async def fail(error: Exception) -> None:
        raise error

    @app.command()
    @program.signed_in
    async def deploy(own: Annotated[bool, typer.Option("--own")] = False) -> None:  # noqa: FBT002 - Typer's
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail, ProviderError("The API is closed."))
            if own:
                tasks.start_soon(fail, LookupError("mine"))

    screen = terminal(program)
    assert screen.run("deploy") == 7
    assert screen.err == "Error: The API is closed.\n"
    assert screen.run("deploy", "--own") == 1
    assert "LookupError: mine" in screen.err


def test_a_protected_function_can_be_called_outside_of_a_command(
    program: Program, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a script of the company calls its Typer app itself."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")

    @program.signed_in
    def deploy(user: User) -> None:
        raise AssertionError(user)

    with pytest.raises(SystemExit) as ended:
        deploy()
    assert ended.value.code == 9
    assert capsys.readouterr().err.startswith("Error: No keyring is available on this system.\nHint: Unlock or")
    assert program.context is None


def test_an_own_error_outside_of_a_command_is_raised_unchanged(program: Program, terminal: MakeTerminal) -> None:
    @program.signed_in
    def deploy() -> None:
        raise LookupError("mine")

    terminal(program)
    with pytest.raises(LookupError, match="mine"):
        deploy()


class CallableObject:
    def __call__(self) -> None: ...


def generator() -> Any:  # noqa: ANN401 - see its name
    yield


async def async_generator() -> Any:  # noqa: ANN401 - see its name
    yield


@pytest.mark.parametrize(
    "value", [1, "text", CallableObject(), CallableObject, typer.Typer(), print, generator, async_generator]
)
def test_only_functions_can_be_protected(program: Program, value: Any) -> None:  # noqa: ANN401 - see its name
    with pytest.raises(TypeError, match="signed_in expects a function"):
        program.signed_in(value)


def test_what_cannot_be_injected_is_an_error_that_names_the_parameter(program: Program) -> None:
    def optional(user: User | None) -> None: ...
    def annotated(user: Annotated[User, "as signed in"]) -> None: ...
    def several(user: list[User]) -> None: ...
    def variable(*user: User) -> None: ...
    def keywords(**user: User) -> None: ...
    def sync_function(user: httpx.AsyncClient) -> None: ...
    def unknown(user: unknown.User) -> None: ...  # type: ignore[name-defined]

    for function in (optional, annotated, several, variable, keywords, sync_function, unknown):
        with pytest.raises(TypeError, match=rf"{function.__name__}: the parameter user is not valid"):
            program.signed_in(function)


def test_an_annotation_that_only_type_checkers_know_is_left_to_the_framework(program: Program) -> None:
    def deploy(service: unknown.Service, user: User) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    protected = program.signed_in(deploy)
    assert protected.__annotations__ == {"service": "unknown.Service"}


def test_errors_of_the_company_that_are_ours_by_class_have_its_exit_code(
    program: Program, app: typer.Typer, terminal: MakeTerminal
) -> None:
    class QuotaError(AwesomeError):
        exit_code = 44

    @app.command()
    @program.signed_in
    def deploy() -> None:
        raise QuotaError("The quota is used up.", hint="Buy more.")

    screen = terminal(program)
    assert screen.run("deploy") == 44
    assert screen.err == "Error: The quota is used up.\nHint: Buy more.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX traceback")
def test_the_context_is_gone_after_the_command(program: Program, terminal: MakeTerminal) -> None:
    terminal(program)
    assert program.context is None
