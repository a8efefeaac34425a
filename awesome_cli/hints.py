"""What to do about an error: the default hint by its class or OAuth error code, with the program's names filled in.

Any hint may contain ``{login}``, the command that signs in, ``{program}`` and ``{prefix}``, that of the variables.
"""

from __future__ import annotations

from awesome_cli.brand import Brand
from awesome_cli.errors import (
    AccessDeniedError,
    ApprovalPendingError,
    AwesomeError,
    DamagedSessionError,
    DeviceCodeExpiredError,
    DeviceFlowUnavailableError,
    InvalidTokenError,
    KeyringError,
    KeyringTimeoutError,
    LockedKeyringError,
    LoginRequiredError,
    MissingSettingError,
    OtherOriginError,
    PlaintextFileError,
    PolicyDenialError,
    ProviderError,
    RefreshFailedError,
    SessionEndedError,
    SubjectMismatchError,
    UnsupportedAlgorithmError,
)

_USE_A_KEYRING = (
    "Unlock or install a keyring (GNOME Keyring, KWallet or KeePassXC; macOS and Windows bring their own), name one in"
    " PYTHON_KEYRING_BACKEND, or, where plain text on disk is acceptable, use: {login} --insecure-storage"
)

_BY_CLASS = {
    OtherOriginError: "Give a path, or set {prefix}API_URL to that API.",
    MissingSettingError: "Give --domain (Auth0) or --issuer, and --client-id: the provider shows them on the page of"
    " the application.",
    LoginRequiredError: "Sign in with: {login}",
    SessionEndedError: "Sign in with: {login} (a scope with offline_access makes sessions that renew themselves)",
    DamagedSessionError: "Sign in with: {login} (it replaces the damaged entry)",
    AccessDeniedError: "If that was a mistake, start again with: {login}",
    PolicyDenialError: "A sign-in with a browser on this machine may be allowed: {login} --web",
    DeviceFlowUnavailableError: "Sign in with a browser on this machine instead: {login} --web",
    DeviceCodeExpiredError: "Get a new one with: {login}",
    ApprovalPendingError: "Once it is approved: {login} --resume",
    RefreshFailedError: "Try again; if it keeps failing, sign in again with: {login} --force",
    InvalidTokenError: "Who is signed in stays as before. If the settings are right, tell the provider's operators.",
    UnsupportedAlgorithmError: "Let the provider sign this client's ID tokens with RS256 or ES256.",
    SubjectMismatchError: "Sign in again with: {login} --force",
    KeyringError: _USE_A_KEYRING,
    LockedKeyringError: "Unlock it, when it asks or in its own application, and try again. Where plain text on disk is"
    " acceptable: {login} --insecure-storage",
    KeyringTimeoutError: "Look for a prompt to unlock it; {prefix}KEYRING_TIMEOUT sets how long to wait, in seconds. "
    + _USE_A_KEYRING,
    PlaintextFileError: "Check who owns it and its folder.",
}

# What is often not enabled at the provider, by the error code that it sends (RFC 6749 §5.2, RFC 8707 §2).
_BY_CODE = {
    "access_denied": "Check that the provider lets this client use the device authorization grant, and that the"
    " audience names an API that exists.",
    "invalid_client": "Check the client id: it must be that of a public client, which has no secret.",
    "invalid_request": "Check the client id and the audience.",
    "invalid_scope": "Check --scope. A refresh token needs offline_access, which the provider must allow.",
    "invalid_target": "Check --audience: it must name an API (resource) that the provider knows.",
    "unauthorized_client": "At the provider, switch on the device authorization grant and refresh tokens for this"
    " client, which must be a public one.",
    "unsupported_grant_type": "The provider must support the device authorization grant (RFC 8628), and allow it to"
    " this client.",
    "timeout": "Get a new one with: {login} (--timeout sets how long it waits)",
}
_AT_AUTH0 = {
    "access_denied": "In the Auth0 dashboard check that the application may use Device Code and that the audience"
    " names an API that exists.",
    "invalid_client": "Check the client id. In the Auth0 dashboard the application's type must be Native and its"
    " token endpoint authentication method None.",
    "invalid_request": "Check the client id and the audience; in the Auth0 dashboard OIDC Conformant must be on.",
    "invalid_scope": "Check --scope. A refresh token needs offline_access, and in the Auth0 dashboard the API's"
    " setting Allow Offline Access.",
    "unauthorized_client": "In the Auth0 dashboard open the application's Advanced Settings > Grant Types and switch"
    " on Device Code and Refresh Token; its type must be Native.",
    "unsupported_grant_type": "In the Auth0 dashboard open the application's Advanced Settings > Grant Types and"
    " switch on Device Code and Refresh Token; OIDC Conformant must be on.",
}


def is_auth0(issuer: str) -> bool:
    """Whether the host is one of Auth0's own; its customers may also use theirs."""
    from urllib.parse import urlsplit

    return f".{urlsplit(issuer).hostname}".endswith(".auth0.com")


def hint_for(error: AwesomeError, brand: Brand | None, *, profile: str = "") -> str:
    """Return the error's own hint or the default one; ``profile`` is named in commands, unless it is empty.

    Without a brand there is no program to name, and hints that do so are left out.
    """
    by_code = ""
    is_plain = isinstance(error, ProviderError | DeviceCodeExpiredError)
    if is_plain and not isinstance(error, DeviceFlowUnavailableError):  # whose class says more than its code
        by_code = (error.is_auth0 and _AT_AUTH0.get(error.code)) or _BY_CODE.get(error.code, "")
    by_class = next((_BY_CLASS[kind] for kind in type(error).__mro__ if kind in _BY_CLASS), "")
    hint = error.hint or by_code or by_class
    if brand is None:
        return "" if "{" in hint else hint
    return fill_placeholders(hint, brand, profile=profile)


def fill_placeholders(text: str, brand: Brand, *, profile: str = "") -> str:
    """Fill in the program's names."""
    login = f"{brand.name} login" + (f" --profile {profile}" if profile else "")
    return text.replace("{login}", login).replace("{program}", brand.name).replace("{prefix}", brand.env_prefix)
