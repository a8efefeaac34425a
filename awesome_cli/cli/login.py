"""``login``: sign in with the device authorization grant and store the session."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.account import Account
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import account_fields, duration, rfc3339
from awesome_cli.cli.options import examples, finite
from awesome_cli.errors import (
    AwesomeError,
    ConfigError,
    InvalidTokenError,
    KeyringError,
    LoginRequiredError,
    NoKeyringError,
    ProviderError,
    UsageError,
)
from awesome_cli.hints import hint_for
from awesome_cli.sessions.model import User

if TYPE_CHECKING:
    from awesome_cli.cli.console import Console
    from awesome_cli.oauth.device_grant import DeviceAuthorization
    from awesome_cli.settings.profile import Profile, Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class LoginOptions:
    """What the command line asks for. ``qr`` is None where the terminal decides; ``timeout`` is in seconds."""

    flags: Settings = field(default_factory=dict)
    browser: bool = True
    qr: bool | None = None
    timeout: float | None = None
    json: bool = False
    force: bool = False
    insecure_storage: bool = False


@app.command(
    epilog=examples(
        "{program} login --domain tenant.eu.auth0.com --client-id abc123",
        "{program} login --issuer https://id.example.com/ --client-id cli",
        "{program} login --no-browser --json",
    )
)
def login(
    ctx: typer.Context,
    *,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Auth0 domain, such as tenant.eu.auth0.com.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(metavar="URL", help="OpenID provider, for any but Auth0.")] = None,
    client_id: Annotated[str | None, typer.Option(metavar="ID", help="Client id of the native application.")] = None,
    audience: Annotated[str | None, typer.Option(metavar="API", help="The API that the access token is for.")] = None,
    scope: Annotated[
        str | None,
        typer.Option(metavar="SCOPES", help="Scopes, separated by blanks; openid is always among them."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Show the URL and do not open it.")] = False,
    qr: Annotated[
        bool | None,
        typer.Option("--qr/--no-qr", help="Show the URL as a QR code (default: on terminals without a browser)."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", callback=finite, help="Wait no longer than this for the approval."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON lines for programs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Sign in anew, whoever is signed in.")] = False,
    insecure_storage: Annotated[
        bool,
        typer.Option("--insecure-storage", help="Keep the session in a plain file instead of the keyring."),
    ] = False,
) -> None:
    """Sign in once on this machine and keep the session in the keyring.

    Approve a code in any browser, on this machine or another one.
    """
    if domain and issuer:
        raise UsageError("--domain and --issuer are two spellings of one setting.", hint="Give one of them.")
    flags = {"domain": domain, "issuer": issuer, "client_id": client_id, "audience": audience, "scope": scope}
    options = LoginOptions(
        flags=flags,
        browser=not no_browser,
        qr=qr,
        timeout=timeout,
        json=json,
        force=force,
        insecure_storage=insecure_storage,
    )
    sign_in(ctx.obj, options)


def sign_in(context: CommandContext, options: LoginOptions | None = None) -> User:
    """Sign in, unless a session can be used already, and return the user."""
    options = options or LoginOptions()
    with ExitStack() as until_reported:
        try:
            user = _sign_in(context, options, until_reported)
        except (AwesomeError, KeyboardInterrupt, SystemExit) as error:
            if options.json:
                context.console.event({"event": "failed", **_failure(error)})
            raise
        if options.json:
            context.console.event({"event": "signed_in", **account_fields(user, context.account)})
    return user


def _sign_in(context: CommandContext, options: LoginOptions, until_reported: ExitStack) -> User:
    account, console = context.account, context.console
    try:
        stored = _stored_user(account, options)
    except KeyringError as error:
        account.client_config(account.settings.resolve(options.flags))  # missing settings are to be corrected first
        if not isinstance(error, NoKeyringError):
            raise
        _offer_plaintext_file(console, options, error)
        options, stored = replace(options, insecure_storage=True), None
    options = _ask_for_missing_settings(context, options, stored)
    settings = account.settings.resolve(options.flags)
    config = account.client_config(settings, stored)
    if stored and not options.force and (stored.issuer, stored.client_id) == (config.issuer, config.client_id):
        with suppress(LoginRequiredError):  # it has ended
            return _already_signed_in(context, settings, options)
    session = account.sign_in(
        config,
        lambda device: _show(context, device, options),
        plaintext=options.insecure_storage,
        timeout=options.timeout,
        until_reported=until_reported,
    )
    _save_settings(account, settings, options)
    console.note(f"Signed in as {session.user.name}.")
    if not session.user.refreshable:
        ends = rfc3339(session.user.expires_at)
        console.warning(
            f"The provider gave no refresh token: this session ends at {ends} and cannot be renewed. Allow refresh"
            f" tokens for this application at the provider, and ask for them: {context.brand.name} login --force"
            ' --scope "openid profile email offline_access"'
        )
    if options.insecure_storage:
        console.warning(
            f"Your tokens lie as plain text in {account.stores.plaintext.backend_name}."
            " Whoever reads that file is signed in as you."
        )
    return session.user


def _stored_user(account: Account, options: LoginOptions) -> User | None:
    try:
        return account.stores.current.load_user()
    except LoginRequiredError as error:
        account.messages.detail(error.message)
    except KeyringError as error:
        if not options.insecure_storage:
            raise
        account.messages.detail(error.message)
    return None


def _offer_plaintext_file(console: Console, options: LoginOptions, error: NoKeyringError) -> None:
    """Raise the error, unless no keyring exists and the user chooses the plaintext file."""
    question = f"{error.message} Keep the session in a plain file instead, readable by whoever reads your files?"
    if options.json or not (console.is_interactive and console.confirm(question, default=False)):
        raise error


def _ask_for_missing_settings(context: CommandContext, options: LoginOptions, stored: User | None) -> LoginOptions:
    """Prompt for missing settings. Answers count as flags, so they are saved after a successful login."""
    console, resolve = context.console, context.account.settings.resolve
    settings = resolve(options.flags)
    if stored is not None or not console.is_interactive or (settings.issuer and settings.client_id):
        return options
    console.say("In the Auth0 dashboard, Applications > Applications > YOUR APP > Settings shows Domain and Client ID.")
    answers: dict[str, str | None] = {}
    while not settings.issuer and (answer := console.ask("Domain (or the issuer URL of another provider)")):
        answers = {"issuer" if "://" in answer else "domain": answer}
        try:
            settings = resolve({**options.flags, **answers})
        except ConfigError as error:
            console.error(error)
    if settings.issuer and not settings.client_id:
        answers["client_id"] = console.ask("Client ID")
    return replace(options, flags={**options.flags, **answers})


def _already_signed_in(context: CommandContext, settings: Profile, options: LoginOptions) -> User:
    """Keep a session that is valid or can be renewed, and move it to the keyring if it belongs there."""
    account, console = context.account, context.console
    try:
        user = account.renew_if_needed(account.load()).user
    except (ProviderError, InvalidTokenError) as error:
        hint = hint_for(error, context.brand, profile=console.profile)
        error.hint = f"{hint} To sign in again nevertheless: {{login}} --force".strip()
        raise
    if account.stores.has_plaintext_file and not options.insecure_storage:
        try:
            account.changes.move_to_keyring()
            console.note("Moved the session from the plain file to the keyring.")
        except KeyringError as error:
            console.warning(f"{error.message} The session stays in the plain file.")
    account.changes.add_to_index(account.stores.current)
    _save_settings(account, settings, options)
    console.note(f"You are already signed in as {user.name} at {user.issuer}.")
    if any(options.flags.get(name) not in (None, getattr(user, name)) for name in ("scope", "audience")):
        console.note("To sign in again with another scope or audience, add --force.")
    return user


def _show(context: CommandContext, device: DeviceAuthorization, options: LoginOptions) -> None:
    """Show URL, code and instructions (RFC 8628 §3.3), with a warning against codes of other people (§5.4)."""
    console, environment = context.console, context.environment
    if options.json:
        console.event(
            {
                "event": "device_code",
                "verification_uri": device.verification_uri,
                "verification_uri_complete": device.verification_uri_complete,
                "user_code": device.user_code,
                "expires_at": rfc3339(environment.now() + device.expires_in),
                "interval": device.interval,
            }
        )
    url = device.verification_uri_complete or device.verification_uri
    console.say("Open this address in any browser:  ", bold=url)
    console.say("and check that it shows this code: ", bold=device.user_code)
    console.say(f"The code is valid for {duration(device.expires_in)}.")
    console.say("Go on only if you started this sign-in yourself and the page shows the same code.")
    may_open = options.browser and console.is_interactive and not environment.environ.get("SSH_CONNECTION")
    opened = may_open and environment.open_browser(url)
    if options.qr or (options.qr is None and console.is_interactive and not opened):
        console.draw(_qr_code(url))
    console.note("Waiting for your approval ... (Ctrl-C to give up)")


def _qr_code(text: str) -> str:
    import segno

    drawing = StringIO()
    segno.make_qr(text, error="l").terminal(out=drawing, border=2, compact=True)  # phones do not read Micro QR codes
    return drawing.getvalue()


def _save_settings(account: Account, settings: Profile, options: LoginOptions) -> None:
    config = account.settings.config
    try:
        config.save(settings.name, options.flags)
    except OSError as error:
        account.messages.warning(f"{config.path} cannot be written ({error.strerror}); settings are not saved.")
    except AwesomeError as error:
        account.messages.warning(f"{error.message} Settings are not saved.")


def _failure(error: BaseException) -> dict[str, str]:
    if isinstance(error, AwesomeError):
        return {"error": error.code, "message": error.message}
    return {"error": "interrupted", "message": "The sign-in was interrupted."}
