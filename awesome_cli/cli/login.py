"""``awesome login``: sign in with the device authorization grant and keep the session."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.cli.context import Toolbox
from awesome_cli.cli.format import duration, rfc3339
from awesome_cli.cli.options import examples, finite
from awesome_cli.cli.whoami import fields
from awesome_cli.errors import (
    AwesomeError,
    ConfigError,
    InvalidTokenError,
    KeyringError,
    LoginRequiredError,
    NoKeyringError,
    ProviderError,
    SaveUnconfirmedError,
    UsageError,
)
from awesome_cli.hints import hint_for
from awesome_cli.sessions.model import Session, User

if TYPE_CHECKING:
    from awesome_cli.oauth.device_grant import DeviceAuthorization
    from awesome_cli.provider.client import ClientConfig, OidcClient
    from awesome_cli.sessions.store import SessionStore
    from awesome_cli.settings.profile import Profile, Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How this login is to go."""

    flags: Settings = field(default_factory=dict)
    browser: bool = True
    qr: bool | None = None
    timeout: float | None = None
    json: bool = False
    force: bool = False
    insecure_storage: bool = False


@app.command(
    epilog=examples(
        "awesome login --domain tenant.eu.auth0.com --client-id abc123",
        "awesome login --issuer https://id.example.com/ --client-id cli",
        "awesome login --no-browser --json",
    )
)
def login(  # noqa: PLR0913 - one parameter an option
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
    sign_in(
        ctx.obj,
        Wishes(
            flags={
                "domain": domain,
                "issuer": issuer,
                "client_id": client_id,
                "audience": audience,
                "scope": scope,
            },
            browser=not no_browser,
            qr=qr,
            timeout=timeout,
            json=json,
            force=force,
            insecure_storage=insecure_storage,
        ),
    )


def sign_in(toolbox: Toolbox, wishes: Wishes | None = None) -> User:
    """Sign in, unless somebody is already, and return who is signed in now."""
    wishes = wishes or Wishes()
    with ExitStack() as approved:
        try:
            user = _sign_in(toolbox, wishes, approved)
        except (AwesomeError, KeyboardInterrupt, SystemExit) as error:
            if wishes.json:
                toolbox.console.event({"event": "failed", **_failure(error)})
            raise
        if wishes.json:
            toolbox.console.event({"event": "signed_in", **fields(toolbox, user)})
    return user


def _sign_in(toolbox: Toolbox, wishes: Wishes, approved: ExitStack) -> User:
    try:
        kept = _stored_user(toolbox, wishes)
    except KeyringError as error:
        toolbox.client_for(toolbox.profile(wishes.flags), None)  # settings that are missing are to be mended first
        if not isinstance(error, NoKeyringError):
            raise
        wishes, kept = _offer_plain_file(toolbox, wishes, error), None
    wishes = _complete(toolbox, wishes, kept)
    profile = toolbox.profile(wishes.flags)
    client = toolbox.client_for(profile, kept)
    if kept is not None and not wishes.force and (kept.issuer, kept.client_id) == (client.issuer, client.client_id):
        with suppress(LoginRequiredError):  # it ended for good: sign in anew
            return _already(toolbox, profile, wishes)
    session_store = toolbox.plaintext_session_store if wishes.insecure_storage else toolbox.keyring_session_store
    toolbox.check_writable(session_store, client)

    def show(device: DeviceAuthorization) -> None:
        _show(toolbox, device, wishes)

    async def talk(provider: OidcClient) -> Session:
        flow = await provider.request_device_code(timeout=wishes.timeout)
        show(flow.device)
        return await provider.poll_for_token(flow)

    session = toolbox.converse(client, talk)
    approved.enter_context(toolbox.deferred("the sign-in"))  # what was approved is finished, and told as it is
    replaced = _keep(toolbox, session, session_store, client)
    _end(toolbox, replaced, session)
    _remember(toolbox, profile, wishes)
    toolbox.console.note(f"Signed in as {session.user.name}.")
    if not session.user.refreshable:
        ends = rfc3339(session.user.expires_at)
        toolbox.console.warning(
            f"The provider gave no refresh token: this session ends at {ends} and cannot be renewed. Allow refresh"
            ' tokens for this application at the provider, and ask for them: awesome login --force --scope "openid'
            ' profile email offline_access"'
        )
    if wishes.insecure_storage:
        toolbox.console.warning(
            f"Your tokens lie as plain text in {session_store.kind}. Whoever reads that file is signed in as you."
        )
    return session.user


def _offer_plain_file(toolbox: Toolbox, wishes: Wishes, error: NoKeyringError) -> Wishes:
    """Let a person without a keyring choose the plain file; raise the error, if they do not or nobody is there."""
    console = toolbox.console
    question = f"{error.message} Keep the session in a plain file instead, readable by whoever reads your files?"
    if wishes.json or not (console.is_interactive and console.confirm(question, default=False)):
        raise error
    return replace(wishes, insecure_storage=True)


def _stored_user(toolbox: Toolbox, wishes: Wishes) -> User | None:
    try:
        return toolbox.session_store.user()
    except LoginRequiredError as error:
        toolbox.console.detail(error.message)
    except KeyringError as error:
        if not wishes.insecure_storage:
            raise
        toolbox.console.detail(error.message)
    return None


def _complete(toolbox: Toolbox, wishes: Wishes, kept: User | None) -> Wishes:
    """Ask a person for what no setting says. Answers count as flags, so they are saved once the login has worked."""
    console, profile = toolbox.console, toolbox.profile(wishes.flags)
    if kept is not None or not console.is_interactive or (profile.issuer and profile.client_id):
        return wishes
    console.say("In the Auth0 dashboard, Applications > Applications > YOUR APP > Settings shows Domain and Client ID.")
    answers: dict[str, str | None] = {}
    while not profile.issuer and (answer := console.ask("Domain (or the issuer URL of another provider)")):
        answers = {"issuer" if "://" in answer else "domain": answer}
        try:
            profile = toolbox.profile({**wishes.flags, **answers})
        except ConfigError as error:
            console.error(error)
    if profile.issuer and not profile.client_id:
        answers["client_id"] = console.ask("Client ID")
    return replace(wishes, flags={**wishes.flags, **answers})


def _already(toolbox: Toolbox, profile: Profile, wishes: Wishes) -> User:
    """Leave a session that is alive, or can be renewed, as it is; but move it to the keyring if it belongs there."""
    try:
        user = toolbox.renew_if_needed(toolbox.load(), 0.0).user
    except (ProviderError, InvalidTokenError) as error:
        hint = hint_for(error, toolbox.brand, profile=toolbox.console.profile)
        error.hint = f"{hint} To sign in anew all the same: {{login}} --force".strip()
        raise
    if toolbox.plaintext_file.exists() and not wishes.insecure_storage:
        try:
            _move_to_keyring(toolbox)
        except KeyringError as error:
            toolbox.console.warning(f"{error.message} The session stays in the plain file.")
    toolbox.add_to_session_index(toolbox.session_store)
    _remember(toolbox, profile, wishes)
    toolbox.console.note(f"You are already signed in as {user.name} at {user.issuer}.")
    wanted = {name: wishes.flags.get(name) for name in ("scope", "audience")}
    if any(value is not None and value != getattr(user, name) for name, value in wanted.items()):
        toolbox.console.note("To sign in anew with another scope or audience, add --force.")
    return user


def _move_to_keyring(toolbox: Toolbox) -> None:
    toolbox.check_writable(toolbox.keyring_session_store)
    with toolbox.lock("the move to the keyring"):
        moved = toolbox.load()
        replaced = [session for session in _sessions(toolbox) if session != moved]
        toolbox.keyring_session_store.save(moved)
        toolbox.plaintext_file.destroy()
    _end(toolbox, replaced, moved)
    toolbox.console.note("Moved the session from the plain file to the keyring.")


def _show(toolbox: Toolbox, device: DeviceAuthorization, wishes: Wishes) -> None:
    """Show the person what to do; RFC 8628 §3.3 and, against codes that somebody else started, §5.4."""
    console = toolbox.console
    if wishes.json:
        console.event(
            {
                "event": "device_code",
                "verification_uri": device.verification_uri,
                "verification_uri_complete": device.verification_uri_complete,
                "user_code": device.user_code,
                "expires_at": rfc3339(toolbox.environment.now() + device.expires_in),
                "interval": device.interval,
            }
        )
    url = device.verification_uri_complete or device.verification_uri
    console.say("Open this address in any browser:  ", bold=url)
    console.say("and check that it shows this code: ", bold=device.user_code)
    console.say(f"The code is valid for {duration(device.expires_in)}.")
    console.say("Go on only if you started this sign-in yourself and the page shows the same code.")
    may_open = wishes.browser and console.is_interactive and not toolbox.environment.environ.get("SSH_CONNECTION")
    opened = may_open and toolbox.environment.open_browser(url)
    if wishes.qr or (wishes.qr is None and console.is_interactive and not opened):
        console.draw(toolbox.qr_code(url))
    console.note("Waiting for your approval ... (Ctrl-C to give up)")


def _keep(toolbox: Toolbox, session: Session, session_store: SessionStore, client: ClientConfig) -> list[Session]:
    """Keep the session and return those that it replaces; tokens that cannot be kept are revoked."""
    kept, replaced = False, []
    try:
        with toolbox.lock("the sign-in", client):
            replaced = _sessions(toolbox)
            toolbox.add_to_session_index(
                session_store
            )  # first: a kill leaves a name too many rather than a session that nobody knows of
            session_store.save(session)
            kept = True
            if session_store is not toolbox.keyring_session_store:
                with suppress(KeyringError):
                    toolbox.keyring_session_store.delete()
            elif toolbox.plaintext_file.exists():
                toolbox.plaintext_file.destroy()
    except BaseException as error:
        if not kept:  # else it is a signal that was held back until now, or a file that cannot be removed
            _give_up(toolbox, session, replaced, session_store, is_sure=not isinstance(error, SaveUnconfirmedError))
        raise
    return replaced


def _give_up(
    toolbox: Toolbox, session: Session, replaced: list[Session], session_store: SessionStore, *, is_sure: bool
) -> None:
    """Revoke what could not be kept. If the store may still come to hold it, nothing that it holds counts any more."""
    toolbox.console.note("The session could not be kept; its tokens are revoked.")
    if not is_sure:
        toolbox.mark_revoked(session_store)
        for before in replaced:
            toolbox.revoke(before)
    toolbox.revoke(session)
    if not replaced:
        toolbox.forget()


def _sessions(toolbox: Toolbox) -> list[Session]:
    """Return what is kept."""
    found = []
    for session_store in toolbox.session_stores:
        with suppress(LoginRequiredError, KeyringError):
            found.append(session_store.load())
    return [session for session in found if session is not None]


def _end(toolbox: Toolbox, replaced: list[Session], by: Session) -> None:
    """End the sessions that another one replaces.

    If both are the same grant's to the provider, it may take the new tokens along with the old refresh token (Auth0:
    "Refresh Token Revocation Deletes Grant"), so that one is left to expire.
    """
    for session in replaced:
        if _grant(session) == _grant(by):
            toolbox.revoke(session, refresh_token=False)
            toolbox.console.note(
                "Only the old access token is revoked: to revoke the old refresh token could end the new session too."
            )
        elif not toolbox.revoke(session):
            toolbox.console.warning("The session that this one replaces could not be revoked at the provider.")


def _grant(session: Session) -> tuple[str | None, ...]:
    user = session.user
    return user.issuer, user.client_id, user.sub, user.audience


def _remember(toolbox: Toolbox, profile: Profile, wishes: Wishes) -> None:
    try:
        toolbox.config.save(profile.name, wishes.flags)
    except OSError as error:
        toolbox.console.warning(f"{toolbox.config.path} cannot be written ({error.strerror}); settings are not saved.")
    except AwesomeError as error:
        toolbox.console.warning(f"{error.message} Settings are not saved.")


def _failure(error: BaseException) -> dict[str, str]:
    if isinstance(error, AwesomeError):
        return {"error": error.code, "message": error.message}
    return {"error": "interrupted", "message": "The sign-in was interrupted."}
