"""``login``: sign in, with a device code or a browser on this machine, and store the session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.account import Account
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import account_fields, short_issuer, tilde, token_notice
from awesome_cli.cli.login_flow import may_adopt, run_flow
from awesome_cli.cli.login_options import LoginOptions, parse_parameters
from awesome_cli.cli.login_prompts import ask_for_missing_settings, offer_plaintext_file, require_approver
from awesome_cli.cli.login_report import announce_replacement, login_command, report_success, resume_command
from awesome_cli.cli.login_screen import LoginScreen
from awesome_cli.cli.options import examples, seconds
from awesome_cli.errors import (
    AwesomeError,
    InvalidTokenError,
    KeyringError,
    LoginRequiredError,
    NoKeyringError,
    ProviderError,
)
from awesome_cli.hints import hint_for
from awesome_cli.sessions.user import User
from awesome_cli.settings.profile import is_same_setting
from awesome_cli.sign_in import SignIn, load_pending

if TYPE_CHECKING:
    from awesome_cli.provider.config import ClientConfig
    from awesome_cli.settings.profile import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "{program} login --domain tenant.eu.auth0.com --client-id abc123",
        "{program} login --issuer https://id.example.com/ --client-id cli",
        "{program} login --web",
        "{program} login --no-wait --json",
    )
)
def login(
    ctx: typer.Context,
    *,
    domain: Annotated[
        str | None,  # named here, because Typer 0.27 takes the metavar for its name
        typer.Option("--domain", metavar="DOMAIN", help="Auth0 domain, such as tenant.eu.auth0.com."),
    ] = None,
    issuer: Annotated[str | None, typer.Option(metavar="URL", help="OpenID provider, for any but Auth0.")] = None,
    client_id: Annotated[str | None, typer.Option(metavar="ID", help="Client id of the native application.")] = None,
    audience: Annotated[str | None, typer.Option(metavar="API", help="The API that the access token is for.")] = None,
    scope: Annotated[
        str | None,
        typer.Option(metavar="SCOPES", help="Scopes, separated by blanks; openid is always among them."),
    ] = None,
    web: Annotated[
        bool | None,
        typer.Option(
            "--web/--no-web", help="Sign in with a browser on this machine, not with a code (default: the profile's)."
        ),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Show the code and end; --resume waits for the approval.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Wait for the approval of the code of --no-wait.")] = False,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Send this with the request, such as max_age=0; signs in anew."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Show the URL and do not open it.")] = False,
    qr: Annotated[
        bool | None,
        typer.Option("--qr/--no-qr", help="Show the URL as a QR code (default: on terminals without a browser)."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(parser=seconds, metavar="SECONDS", help="Wait no longer than this for the approval."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON lines for programs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Sign in again, even if you are signed in.")] = False,
    insecure_storage: Annotated[
        bool,
        typer.Option("--insecure-storage", help="Keep the session in a plain file instead of the keyring."),
    ] = False,
) -> None:
    """Sign in once on this machine and keep the session in the keyring.

    Approve a code in any browser, on this machine or another one; or sign in with a browser on this machine (--web).
    """
    flags = {"domain": domain, "issuer": issuer, "client_id": client_id, "audience": audience, "scope": scope}
    with _failure_event(ctx.obj, json=json):
        options = LoginOptions(
            flags=flags,
            flow=None if web is None else "web" if web else "device",
            browser=not no_browser,
            qr=qr,
            timeout=timeout,
            json=json,
            force=force,
            insecure_storage=insecure_storage,
            wait=not no_wait,
            resume=resume,
            parameters=parse_parameters(param or ()),
        )
    sign_in(ctx.obj, options)


def sign_in(context: CommandContext, options: LoginOptions | None = None) -> User | None:
    """Sign in, unless a session can be used already, and return the user; None, if a code waits for approval."""
    options = options or LoginOptions()
    with ExitStack() as until_reported:
        with _failure_event(context, json=options.json):
            user = (_resume if options.resume else _sign_in)(context, options, until_reported)
        if options.json and user:
            context.console.event({"event": "signed_in", **account_fields(user, context.account)})
    return user


@contextmanager
def _failure_event(context: CommandContext, *, json: bool) -> Iterator[None]:
    """Print the event of a failure in the block."""
    try:
        yield
    except (AwesomeError, KeyboardInterrupt, SystemExit) as error:
        if json:
            context.console.event({"event": "failed", **_failure(error)})
        raise


def _sign_in(context: CommandContext, options: LoginOptions, until_reported: ExitStack) -> User | None:
    account, console = context.account, context.console
    stored, failure = _stored_user(account, options)
    if stored is None:
        require_approver(context, options)
    if stored is None and not options.json:
        options = replace(options, flags=ask_for_missing_settings(context, options.flags))
    settings = account.settings.resolve(options.flags)
    config = account.client_config(settings, stored)  # missing settings are to be corrected before a keyring
    if failure is not None:
        offer_plaintext_file(console, failure, may_ask=not options.json)
        options = replace(options, insecure_storage=True)
    _note_given_token(context)
    if stored and may_adopt(context, settings, stored.issuer):
        options = options.with_issuer(stored.issuer)
        config = account.client_config(account.settings.resolve(options.flags), stored)
    if stored and _is_wanted(stored, config, options):
        with suppress(LoginRequiredError):  # it has ended
            return _already_signed_in(context, options)
    require_approver(context, options)
    options = _keep_in_plaintext_file(context, options)
    if stored and (stored.refreshable or stored.is_valid(context.environment.now())):
        announce_replacement(context, stored)
    session, options = run_flow(context, options, stored, until_reported)
    if session is None:
        return None
    saved = _save_settings(account, options.flags)
    report_success(context, session.user, saved=saved, is_plaintext=options.insecure_storage)
    return session.user


def _resume(context: CommandContext, options: LoginOptions, until_reported: ExitStack) -> User:
    """Wait for the approval of the code that an earlier command requested."""
    account, resumed = context.account, None
    _note_given_token(context)
    if pending := load_pending(account):
        with LoginScreen(context, options, pending.issuer) as screen:
            sign_in = SignIn(account, screen, until_reported=until_reported)
            try:
                resumed = sign_in.resume(pending, timeout=options.timeout)
            except KeyboardInterrupt:
                context.console.note("The sign-in still waits. To go on: ", (resume_command(context), "accent"))
                raise
    if resumed is None:  # another process may have signed in
        try:
            return _already_signed_in(context, options)
        except LoginRequiredError as error:
            error.message = f"No sign-in waits for approval. {error.message}"
            raise
    session, pending = resumed
    saved = _save_settings(account, pending.settings)
    report_success(context, session.user, saved=saved, is_plaintext=pending.plaintext)
    return session.user


def _note_given_token(context: CommandContext) -> None:
    if context.account.token_from_environment:
        context.console.note(token_notice(context.brand))


def _stored_user(account: Account, options: LoginOptions) -> tuple[User | None, KeyringError | None]:
    """Return who is signed in, and the error of a keyring that is needed and cannot be used."""
    try:
        return account.stores.current.load_user(), None
    except LoginRequiredError as error:
        account.messages.detail(error.message)
    except KeyringError as error:
        if not options.insecure_storage:
            return None, error
        account.messages.detail(error.message)
    return None, None


def _is_wanted(stored: User, config: ClientConfig, options: LoginOptions) -> bool:
    """Whether the stored session is the one that the command line asks for."""
    made_with = {"scope": stored.requested_scope, "audience": stored.audience}
    return (
        not (options.force or options.parameters)
        and (stored.issuer, stored.client_id) == (config.issuer, config.client_id)
        and all(
            is_same_setting(name, value, made_with[name]) for name in made_with if (value := options.flags.get(name))
        )
    )


def _keep_in_plaintext_file(context: CommandContext, options: LoginOptions) -> LoginOptions:
    """Offer to keep using the plaintext file, if there is no keyring. Raises NoKeyringError, if that is not wanted."""
    stores = context.account.stores
    if stores.has_plaintext_file and not options.insecure_storage:
        try:
            stores.keyring.load_user()
        except NoKeyringError as error:
            offer_plaintext_file(context.console, error, may_ask=not options.json)
            return replace(options, insecure_storage=True)
        except (KeyringError, LoginRequiredError):
            pass  # the sign-in finds out what is wrong
    return options


def _already_signed_in(context: CommandContext, options: LoginOptions) -> User:
    """Keep a session that is valid or can be renewed, and move it to the keyring if it belongs there."""
    account, console = context.account, context.console
    try:
        user = account.session(min_ttl=0).user
    except (ProviderError, InvalidTokenError) as error:
        hint = hint_for(error, context.brand, profile=console.profile)
        error.hint = f"{hint} To sign in again nevertheless: {{login}} --force".strip()
        raise
    if account.stores.has_plaintext_file and not (options.insecure_storage or options.resume):
        try:
            account.changes.move_to_keyring()
            console.note("Moved the session from the plain file to the keyring.")
        except KeyringError as error:
            console.warning(f"{error.message} The session stays in the plain file.")
    account.changes.add_to_index(account.stores.current)
    console.note(
        console.err.tick,
        f"You are already signed in as {user.name} at {short_issuer(user.issuer)}."
        f" To sign in anew: {login_command(context)} --force",
        indent="  ",
    )
    if options.insecure_storage and not account.stores.has_plaintext_file:
        command = f"{login_command(context)} --force --insecure-storage"
        console.note(f"The session stays in the keyring. To keep it in a file: {command}")
    for difference in account.settings.differences(user.audience, user.requested_scope):
        console.warning(difference)
    return user


def _save_settings(account: Account, flags: Settings) -> str:
    """Save the settings that were given as flags or answers; return where, or an empty text if nothing was saved."""
    config = account.settings.config
    if not any(flags.values()):
        return ""
    try:
        config.save(account.profile, flags)
    except OSError as error:
        account.messages.warning(f"{config.path} cannot be written ({error.strerror}); settings are not saved.")
    except AwesomeError as error:
        account.messages.warning(f"{error.message} Settings are not saved.")
    else:
        return tilde(str(config.path), account.environment.environ)
    return ""


def _failure(error: BaseException) -> dict[str, str]:
    if isinstance(error, AwesomeError):
        return {"error": error.code, "message": error.message}
    return {"error": "interrupted", "message": "The sign-in was interrupted."}
