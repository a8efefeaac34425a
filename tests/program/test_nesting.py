"""Commands within commands, several programs in one process, threads, event loops, and what a test reaches."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import typer

from awesome_cli import Program, User
from awesome_cli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]


def test_a_command_within_a_command_has_its_environment_and_profile(acme: MakeProgram, terminal: MakeTerminal) -> None:
    program = acme()
    screen = terminal(program)
    screen.login("--profile", "work", name="Ada")
    program.app = lambda _: program.run(["whoami", "--json"])
    assert screen.run("--profile", "work", "status") == 0
    assert (screen.json["profile"], screen.json["name"]) == ("work", "Ada")
    program.app = lambda _: program.run(["--profile", "default", "logout"])
    assert screen.run("--profile", "work", "status") == 0
    assert "Signed out Juan" in screen.err
    assert screen.run("--profile", "work", "whoami") == 0
    assert screen.run("whoami") == 4


def test_in_a_test_the_methods_of_all_programs_reach_their_terminals_alone(
    acme: MakeProgram, terminal_for: MakeTerminal
) -> None:
    first, second, third = acme("first"), acme("second"), acme("third")
    terminal_for(first).login(name="Ada")
    terminal_for(second).login(name="Bob")
    first.app = lambda _: print(first.user().name, second.user().name)
    screen = terminal_for(first)
    assert screen.run() == 0
    assert screen.out == "Ada Bob\n"
    assert (first.user().name, second.user().name) == ("Ada", "Bob")
    assert second.run(["logout"]) == 0
    with pytest.raises(RuntimeError, match="The test has no terminal for the program third"):
        third.user()


@pytest.mark.skipif(sys.platform != "linux", reason="the fast path is for the Secret Service")
def test_in_a_test_the_fast_path_reads_no_real_keyring(
    acme: MakeProgram, terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def real_keyring(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("awesome_cli.session_reader.SessionReader.user", real_keyring)
    program = acme()
    terminal(program)
    assert program.user().name == "Juan"


def test_add_to_works_at_any_depth_and_when_the_app_is_run_by_itself(
    acme: MakeProgram, terminal_for: MakeTerminal, capsys: pytest.CaptureFixture[str]
) -> None:
    app, auth = typer.Typer(rich_markup_mode=None), typer.Typer(rich_markup_mode=None)
    app.command("other")(lambda: None)
    app.add_typer(auth, name="auth")
    program = acme(app=app)
    program.add_to(auth)
    screen = terminal_for(program)
    screen.provider.auto_approve = True
    assert screen.run("auth", "login") == 0
    assert screen.run("auth", "whoami", "--json") == 0
    assert screen.json["name"] == "Juan"
    assert screen.run("auth", "login", "--help") == 0
    assert "acme login --issuer" in screen.out
    assert screen.run("auth", "whoami", "--no-such-option") == 2
    assert screen.err.endswith("Hint: See: acme whoami --help\n")
    for argv, code in ((["auth", "logout"], 0), (["auth", "whoami"], 4)):
        with pytest.raises(SystemExit) as ended:
            app(argv)
        assert ended.value.code == code
    assert "Signed out Juan" in capsys.readouterr().err


def test_each_thread_has_the_profile_of_its_own_command(acme: MakeProgram, terminal: MakeTerminal) -> None:
    both_run = threading.Barrier(2)
    seen: dict[str, str] = {}

    def main(argv: list[str]) -> None:
        both_run.wait(30)
        seen[argv[0]] = program.user().name
        both_run.wait(30)

    program = acme(app=main)
    screen = terminal(program)
    screen.login("--profile", "work", name="Ada")
    commands = (["--profile", "work", "ada"], ["juan"])

    def run(argv: list[str]) -> None:
        program.run(argv, environment=screen.environment(io.StringIO(), io.StringIO(), io.StringIO()))

    threads = [threading.Thread(target=run, args=(argv,)) for argv in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"ada": "Ada", "juan": "Juan"}
    assert program.context is None


def test_a_thread_of_a_command_has_its_profile(acme: MakeProgram, terminal: MakeTerminal) -> None:
    names: list[str] = []

    def main(_: list[str]) -> None:
        thread = threading.Thread(target=lambda: names.append(program.user().name))
        thread.start()
        thread.join()

    program = acme(app=main)
    screen = terminal(program)
    screen.login("--profile", "work", name="Ada")
    assert screen.run("--profile", "work") == 0
    assert names == ["Ada"]


def test_threads_may_call_protected_functions_outside_of_a_command(acme: MakeProgram, terminal: MakeTerminal) -> None:
    program = acme()
    names: list[str] = []

    @program.signed_in
    def greet(user: User) -> None:
        names.append(user.name)

    terminal(program)
    threads = [threading.Thread(target=greet) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["Juan"] * 12


def test_built_in_commands_run_within_an_event_loop(acme: MakeProgram, terminal: MakeTerminal) -> None:
    program = acme()
    screen = terminal(program)

    async def notebook() -> list[int]:
        await anyio.lowlevel.checkpoint()
        return [screen.run("login", "--force"), screen.run("api", "x"), screen.run("logout")]

    assert asyncio.run(notebook()) == [0, 0, 0]
    assert anyio.run(notebook, backend="trio") == [0, 0, 0]


def test_a_protected_async_function_can_be_awaited_by_another_one(acme: MakeProgram, terminal: MakeTerminal) -> None:
    program = acme()

    @program.signed_in
    async def inner(api: httpx.AsyncClient, user: User) -> str:
        await asyncio.sleep(60)
        return f"{user.name} {(await api.get('x')).status_code}"

    @program.signed_in
    async def outer() -> None:
        print(await inner(), await inner())

    program.app = lambda _: outer()
    screen = terminal(program)
    assert screen.run() == 0
    assert screen.out == "Juan 200 Juan 200\n"


def test_an_error_of_ours_in_a_group_of_an_unprotected_command(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(program.token))

    program = acme(app=lambda _: asyncio.run(work()))
    screen = terminal_for(program)
    assert screen.run() == 4
    assert screen.err == "Error: You are not signed in.\nHint: Sign in with: acme login\n"


@pytest.mark.parametrize("error", [MemoryError("mine"), OSError(24, "mine"), RuntimeError("can't start new thread")])
@pytest.mark.parametrize("is_async", [False, True])
def test_errors_of_own_code_are_not_taken_for_ours(
    acme: MakeProgram, terminal: MakeTerminal, error: Exception, *, is_async: bool
) -> None:
    program = acme()

    @program.signed_in
    async def fail_async() -> None:
        raise error

    def fail(_: list[str]) -> None:
        raise error

    program.app = (lambda _: fail_async()) if is_async else fail
    screen = terminal(program)
    assert screen.run() == 1
    assert screen.err.startswith("Traceback")


def test_positional_arguments_go_to_the_parameters_that_are_not_injected(
    acme: MakeProgram, terminal: MakeTerminal
) -> None:
    program = acme()
    called: list[Any] = []

    @program.signed_in
    def first(user: User, service: str, /, *services: str, force: bool = False, **others: int) -> None:
        called.append((user.name, service, services, force, others))

    @program.signed_in
    def second(user: User, service: str, *services: str, force: bool = False, **others: int) -> None:
        called.append((user.name, service, services, force, others))

    @program.signed_in
    async def third(service: str, user: User, count: int = 3) -> None:
        called.append((user.name, service, count))

    terminal(program)
    first("a", "b", "c", force=True, n=1)
    second("a", "b", "c", force=True, n=1)
    third("a", 4)
    third("a", count=5)
    third(service="a")
    both = ("Juan", "a", ("b", "c"), True, {"n": 1})
    assert called == [both, both, ("Juan", "a", 4), ("Juan", "a", 5), ("Juan", "a", 3)]
    with pytest.raises(TypeError, match="missing a required argument: 'service'"):
        second()


def test_own_code_reads_the_terminals_input_and_writes_bytes(acme: MakeProgram, terminal: MakeTerminal) -> None:
    def main(_: list[str]) -> None:
        sys.stdout.buffer.write(input().encode())
        print(sys.stdin.read().strip())

    screen = terminal(acme(app=main))
    assert screen.run(stdin="a\nb\n") == 0
    assert screen.out == "ab\n"


def test_an_own_exit_code_is_not_taken_for_a_signal(acme: MakeProgram, terminal: MakeTerminal) -> None:
    for code in (129, 130, 131, 143):
        screen = terminal(acme(app=lambda _, code=code: sys.exit(code)))
        assert (screen.run(), screen.err) == (code, "")


def test_a_loopback_api_is_reached_directly_or_not_at_all(
    acme: MakeProgram, terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    program = acme(api_url="http://127.0.0.1:8000/")
    terminal(program)
    with program.client() as api:
        assert api.get("x").status_code == 200
        assert api.trust_env is False
    with pytest.raises(UsageError, match="requests do not go through a proxy"):
        program.client(proxy="http://proxy.example:3128")
    with pytest.raises(UsageError, match="requests do not go through a proxy"):
        program.async_client(mounts={})
    with (
        program.client(trust_env=True) as api,
        pytest.raises(ConfigError, match="send it to a proxy"),
    ):
        api.get("x")


def test_a_broken_pipe_that_is_not_that_of_the_output_is_the_users(acme: MakeProgram, terminal: MakeTerminal) -> None:
    def main(_: list[str]) -> None:
        raise BrokenPipeError("of a socket")

    screen = terminal(acme(app=main))
    assert screen.run() == 1
    assert screen.err.endswith("BrokenPipeError: of a socket\n")


def test_a_client_outside_of_a_test_trusts_what_the_program_trusts_unless_told_otherwise(
    acme: MakeProgram, terminal: MakeTerminal
) -> None:
    program = acme()
    environment = replace(terminal(program).environment(io.StringIO(), io.StringIO(), io.StringIO()), transport=None)
    transport = httpx.MockTransport(lambda _: httpx.Response(204))
    with program.client(environment=environment, transport=transport) as api:
        assert api.get("x").status_code == 204
    environment = replace(environment, environ={**environment.environ, "SSL_CERT_FILE": "/nonexistent"})
    with pytest.raises(ConfigError, match="SSL_CERT_FILE cannot be used"):
        program.client(environment=environment)
