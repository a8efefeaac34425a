"""Program: a command-line program of one's own, secured under its own name.

To define one costs next to nothing: everything is imported when it is first used.
"""

from __future__ import annotations

import sys

from awesome_cli.brand import DEFAULT_SCOPE, MIN_TTL, USUAL_COMMANDS, Brand

TYPE_CHECKING = False  # without an import: each would cost as much as this module
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, NoReturn, TypeAlias

    import httpx
    import typer

    from awesome_cli.cli.context import CommandContext
    from awesome_cli.library import ProfileAccess
    from awesome_cli.session_reader import SessionReader
    from awesome_cli.sessions.model import Session
    from awesome_cli.sessions.user import User
    from awesome_cli.system.environment import Environment

    App: TypeAlias = typer.Typer | Callable[[list[str]], Any] | str | None

_keyring_services: dict[str, str] = {}  # the program of each


class Program:
    """A command-line program that signs people in.

    ``app`` has the commands of its own: a ``typer.Typer``, a function that takes the arguments and returns an exit code
    or None, or ``"module:attribute"``, which is imported only when one of these commands is called.

    ``issuer`` (a URL) or ``domain`` (of Auth0), ``client_id``, ``audience``, ``api_url``, ``scope``, ``resource``
    (whether the audience is sent as ``resource`` too, RFC 8707), ``flow`` (``device``, ``web`` or ``auto``) and
    ``redirect_uri`` (where the browser returns to, for a provider that compares it to the letter) are default settings:
    a flag, a variable, the config file and a stored session have precedence.
    ``commands`` are the names of the built-in commands. The other arguments are those of :class:`.brand.Brand`.

    The object is the console script: ``[project.scripts] acme = "acme.cli:acme"``.
    Raises ValueError or TypeError, naming the argument. URLs are checked in full at their first use.
    """

    def __init__(
        self,
        name: str,
        *,
        app: App = None,
        version: str = "",
        issuer: str | None = None,
        domain: str | None = None,
        client_id: str | None = None,
        audience: str | None = None,
        api_url: str | None = None,
        scope: str = DEFAULT_SCOPE,
        env_prefix: str | None = None,
        app_dir: str | None = None,
        keyring_service: str | None = None,
        extra_env_prefixes: tuple[str, ...] = (),
        plugin_group: str | None = None,
        commands: tuple[str, ...] = USUAL_COMMANDS,
        flow: str = "device",
        redirect_uri: str | None = None,
        resource: bool = False,
    ) -> None:
        self.brand = Brand(
            name,
            version=version,
            app_dir=app_dir,
            keyring_service=keyring_service,
            env_prefix=env_prefix,
            extra_env_prefixes=extra_env_prefixes,
            plugin_group=plugin_group,
            commands=commands,
            defaults={
                "issuer": issuer,
                "domain": domain,
                "client_id": client_id,
                "audience": audience,
                "api_url": api_url,
                "scope": scope,
                "flow": flow,
                "redirect_uri": redirect_uri,
                "resource": resource,
            },
        )
        is_program = isinstance(app, Program)
        if is_program or not (all(app.partition(":")) if isinstance(app, str) else app is None or callable(app)):
            raise TypeError(f'app is not valid: {app!r} (expected: a Typer app, a function, or "module:attribute")')
        other = _keyring_services.setdefault(self.brand.keyring_service.lower(), name)
        if other != name:
            raise ValueError(f"keyring_service {self.brand.keyring_service!r} is that of the program {other}")
        self.app = app

    def __repr__(self) -> str:
        return f"Program({self.brand.name!r})"

    def __call__(self) -> NoReturn:
        """Run the command that ``sys.argv`` names, and end the process: the console script."""
        from awesome_cli.cli.main import run

        run(self)

    def run(self, argv: Sequence[str], *, environment: Environment | None = None) -> int:
        """Run one command and return its exit code. ``environment`` replaces the system's, for tests.

        Within a command of this program, it has the same environment, and the profile that was named, unless it names
        another one. A signal that ends it is raised again, for the outer command. Raises TypeError for text in place of
        a list of words.
        """
        if isinstance(argv, str) or not all(isinstance(word, str) for word in argv):
            raise TypeError(f"argv is not valid: {argv!r} (expected: a list of words)")
        from awesome_cli.cli.main import main

        return main(argv, self, environment)

    def add_to(self, app: typer.Typer) -> None:
        """Add the built-in commands to a Typer app, or to a group in it, so that its help lists them.

        They run without that too, directly below the program's name. Raises TypeError for anything but a Typer app.
        """
        from awesome_cli.cli.typer_app import add_built_ins

        add_built_ins(app, self)

    def signed_in(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Let a function be called only by who is signed in; to be placed directly above the function.

        Parameters that are annotated with ``User``, ``Session``, ``httpx.Client`` or ``httpx.AsyncClient`` are given by
        this decorator. An async function is run; within a running event loop an awaitable is returned. Errors of this
        package end the program with a sentence and an exit code. Raises TypeError for what is not a function, or has an
        annotation that cannot be injected.
        """
        from awesome_cli.cli.injection import protect

        protected: Callable[..., Any] = protect(self, function)
        return protected

    def user(self, profile: str | None = None, *, environment: Environment | None = None) -> User:
        """Return who is signed in, renewed if the access token has expired; it blocks.

        While the session is valid, no token is read, no request is sent, and neither an HTTP client nor what validates
        tokens is imported. If the provider cannot be reached, it is who was last verified, as in ``whoami``.
        Raises LoginRequiredError, if nobody is signed in or the session has ended; KeyringError, if the keyring cannot
        be used; ProviderError, if the provider refuses the renewal; InvalidTokenError, if a new token is not valid;
        ConfigError or UsageError, if a setting or the name of the profile is not valid.
        """
        reader = self._reader(profile, environment)
        user = reader.user() if reader is not None else None
        return self._access(profile, environment).user() if user is None else user

    def session(
        self, profile: str | None = None, *, min_ttl: float = MIN_TTL, environment: Environment | None = None
    ) -> Session:
        """Return the session, renewed if its access token expires within ``min_ttl`` seconds.

        A new token with a shorter lifetime is returned as it is. It blocks: the keyring may ask the user to unlock it,
        and a renewal is a request (RFC 6749 §6). In async code use ``await anyio.to_thread.run_sync(acme.session)``.
        Raises what :meth:`user` does, and ProviderError too if the provider cannot be reached.
        """
        session = self._valid_session(profile, min_ttl, environment)
        return self._access(profile, environment).session(min_ttl) if session is None else session

    def token(
        self, profile: str | None = None, *, min_ttl: float = MIN_TTL, environment: Environment | None = None
    ) -> str:
        """Return a valid access token: the one in the variable ``ACME_ACCESS_TOKEN``, as it is, or the session's.

        The session's is renewed if it expires within ``min_ttl`` seconds.
        Raises what :meth:`session` does, and ConfigError, if the text in the variable cannot be a token.
        """
        session = self._valid_session(profile, min_ttl, environment)
        return self._access(profile, environment).token(min_ttl) if session is None else session.access_token

    def auth(
        self, profile: str | None = None, *, api_url: str | None = None, environment: Environment | None = None
    ) -> httpx.Auth:
        """Return what adds the access token to the requests of an ``httpx.Client`` or ``httpx.AsyncClient``.

        The token goes to the origin (scheme, host and port) of ``api_url`` alone, by default that of the profile; a
        request to another one raises UsageError before anything is sent. It is renewed if it has less than 60 seconds
        left, and once after the API responded with 401, unless the error code of the response says that the token is
        not the cause (RFC 6750 §3.1); then the request is sent once more. One thread or process renews at a time.
        It never starts a login: without a session a request raises LoginRequiredError.
        Raises ConfigError, if there is no ``api_url``.
        """
        return self._access(profile, environment).auth(api_url)

    def client(
        self,
        profile: str | None = None,
        *,
        environment: Environment | None = None,
        **options: Any,  # noqa: ANN401 - see below
    ) -> httpx.Client:
        """Return a client of the profile's API, to be used as a context manager.

        It has :meth:`auth`, the URL of the API as ``base_url``, the certificate authorities that the program itself
        trusts, and the program's User-Agent; ``options`` are those of ``httpx.Client``, and replace these.
        Raises ConfigError, if the URL of the API is not set; UsageError, if ``options`` have a proxy and the API is on
        this machine.
        """
        return self._access(profile, environment).client(options)

    def async_client(
        self,
        profile: str | None = None,
        *,
        environment: Environment | None = None,
        **options: Any,  # noqa: ANN401 - see below
    ) -> httpx.AsyncClient:
        """Return what :meth:`client` does, as an ``httpx.AsyncClient``."""
        return self._access(profile, environment).async_client(options)

    @property
    def context(self) -> CommandContext | None:
        """What the command that is running has been given; None while none is. In a thread: the one that began last."""
        from awesome_cli.running import context_of

        return context_of(self.brand.name)

    def running(self, context: CommandContext, *, is_command: bool) -> AbstractContextManager[None]:
        """Use the profile, console and environment of ``context`` in the block; that of a command in threads too."""
        from awesome_cli.running import running

        return running(self.brand.name, context, is_command=is_command)

    def _valid_session(self, profile: str | None, min_ttl: float, environment: Environment | None) -> Session | None:
        reader = self._reader(profile, environment)
        return None if reader is None else reader.session(min_ttl)

    def _reader(self, profile: str | None, environment: Environment | None) -> SessionReader | None:
        """Return what reads a valid session fast, or None, where it cannot be used."""
        if environment is not None or sys.platform != "linux":
            return None
        from awesome_cli.session_reader import reader_of_process

        return reader_of_process(self.brand, profile, self.context)

    def _access(self, profile: str | None, environment: Environment | None) -> ProfileAccess:
        from awesome_cli.library import ProfileAccess

        context = self.context
        if context is None or environment is not None:
            return ProfileAccess(self.brand, profile, environment=environment)
        return ProfileAccess(
            self.brand, profile or context.named_profile, environment=context.environment, messages=context.console
        )
