"""Cases of discovery, the device grant, the authorization code grant, and revocation."""

from __future__ import annotations

from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import (
    ABSENT,
    DISCOVERY,
    NORMAL,
    ChangeMembers,
    ChangeRedirect,
    Delay,
    Disconnect,
    ForgeIdToken,
    Respond,
)
from awesome_cli.testing.misbehaviours.case import (
    ADVICE,
    EVIL,
    MUST,
    SHOULD,
    TOKEN,
    MakeAct,
    accept,
    cases,
    either,
    redirect_elsewhere,
    refuse,
)

PENDING = Respond(400, {"error": "authorization_pending"})
HTML = {"content-type": "text/html"}
UNSUPPORTED_METHOD = {"error": "invalid_request", "error_description": "Transform algorithm not supported"}


def _without_tls(endpoint: str) -> MakeAct:
    return lambda provider: ChangeMembers(**{endpoint: f"{provider.elsewhere.url}{endpoint}"})


def _lacks_s256(request: Request) -> bool:
    return "response_type" in request.query and request.query.get("code_challenge_method") != "S256"


METADATA = cases(
    DISCOVERY,
    {
        refuse(MUST, "OpenID Connect Discovery §4.3, RFC 8414 §3.3", "`issuer` is exactly the configured issuer."): {
            "metadata of another issuer": ChangeMembers(issuer=EVIL),
            "metadata without an issuer": ChangeMembers(issuer=ABSENT),
            "an issuer without the slash at its end": ChangeMembers(issuer=lambda url: url.removesuffix("/")),
        },
        accept(MUST, "RFC 8414 §2", "Optional members may be missing, and unknown ones are ignored."): {
            "metadata without its optional lists": ChangeMembers(grant_types_supported=ABSENT, scopes_supported=ABSENT),
            "metadata with an unknown member": ChangeMembers(future={"a": [1]}),
        },
    },
)

WITHOUT_TLS = cases(
    DISCOVERY,
    {
        refuse(MUST, "RFC 8628 §3.1, RFC 6749 §3.2", "Device authorization and token requests use TLS."): {
            "a device authorization endpoint without TLS": _without_tls("device_authorization_endpoint"),
            "a token endpoint without TLS": _without_tls("token_endpoint"),
        },
        refuse(MUST, "OpenID Connect Discovery §3", "`jwks_uri` is an https URL."): {
            "a jwks_uri without TLS": _without_tls("jwks_uri"),
        },
    },
)

_DEVICE_CODES = cases(
    "/device/code",
    {
        refuse(MUST, "RFC 8628 §3.2", "The response has a device code, a user code and a verification URI."): {
            "no device code": ChangeMembers(device_code=ABSENT),
            "no user code": ChangeMembers(user_code=ABSENT),
            "no verification URI": ChangeMembers(verification_uri=ABSENT),
        },
        refuse(ADVICE, "RFC 8628 §3.3", "A person is sent to https addresses only."): {
            "a verification URI without TLS": ChangeMembers(verification_uri="http://provider.example/"),
            "a verification URI that is a script": ChangeMembers(verification_uri="javascript:alert(1)"),
        },
    },
)

_POLLING = cases(
    TOKEN,
    {
        accept(SHOULD, "RFC 8628 §3.5", "`authorization_pending` continues the polling."): {
            "a pending sign-in": (PENDING, NORMAL),
        },
        accept(ADVICE, "RFC 6749 §5.2", "The error code decides, not the status."): {
            "a pending sign-in with status 403": (Respond(403, {"error": "authorization_pending"}), NORMAL),
            "a pending sign-in with status 200": (Respond(200, {"error": "authorization_pending"}), NORMAL),
        },
        accept(MUST, "RFC 8628 §3.5", "`slow_down` adds 5 s to the interval, which is 1 s, from then on.", pause=6): {
            "a request to slow down": {
                "/device/code": ChangeMembers(interval=1),
                TOKEN: (Respond(400, {"error": "slow_down"}), PENDING, NORMAL),
            },
        },
        accept(MUST, "RFC 8628 §3.2", "Without an interval the client waits 5 s between polls.", pause=5): {
            "no interval": {"/device/code": ChangeMembers(interval=ABSENT), TOKEN: (PENDING, NORMAL)},
        },
        refuse(MUST, "RFC 8628 §3.5", "Every other error code ends the polling."): {
            f"{code} while polling": (Respond(400, {"error": code}), NORMAL)
            for code in ("access_denied", "expired_token", "invalid_grant", "unauthorized_client", "not_registered")
        },
        refuse(ADVICE, "RFC 8628 §3.2", "The polling ends when the device code has expired."): {
            "a device code that expires during a poll": {
                "/device/code": ChangeMembers(expires_in=1),
                TOKEN: (Delay(1.5, PENDING), NORMAL),
            },
        },
        accept(ADVICE, "RFC 9110 §15.6, RFC 6585 §4", "A failure that may be transient does not end the polling."): {
            "a closed connection": (Disconnect(), NORMAL),
            "an incomplete response": (Disconnect(after=100, act=PENDING), NORMAL),
            "status 500": (Respond(500), NORMAL),
            "status 502 in HTML": (Respond(502, "<h1>Bad Gateway</h1>", HTML), NORMAL),
            "status 429 without an error code": (Respond(429, headers={"retry-after": "0"}), NORMAL),
            "a captive portal": (Respond(200, "<h1>Please sign in to the network</h1>", HTML), NORMAL),
        },
        either(ADVICE, "RFC 9110 §15.4", "A poll, which contains the device code, is sent to no other origin."): {
            "a poll that is redirected to another origin": redirect_elsewhere("token"),
        },
    },
)

DEVICE_GRANT = _DEVICE_CODES + _POLLING

AUTHORIZATION_CODE = cases(
    "/authorize",
    {
        refuse(MUST, "RFC 6749 §10.12, RFC 9700 §2.1", "`state` is that of the request, unless PKCE replaces it."): {
            "another state": ChangeRedirect(state="another"),
            "no state": ChangeRedirect(state=ABSENT),
        },
        refuse(MUST, "RFC 9207 §2.4", "`iss` is the issuer, and is there if the metadata promises it."): {
            "a response of another issuer": ChangeRedirect(iss=EVIL),
            "a response without the promised iss": ChangeRedirect(iss=ABSENT),
        },
        refuse(MUST, "OpenID Connect Core §3.1.3.7 (11)", "`nonce` in the ID token is that of the request."): {
            "another nonce": {TOKEN: ForgeIdToken(claims={"nonce": "another"})},
            "no nonce": {TOKEN: ForgeIdToken(claims={"nonce": ABSENT})},
        },
        refuse(
            MUST,
            "RFC 7636 §7.2",
            "A client that has tried S256 does not fall back to plain, nor to no code challenge.",
            forbidden=_lacks_s256,
        ): {
            "a provider that denies S256": ChangeRedirect(code=ABSENT, **UNSUPPORTED_METHOD),
        },
    },
)

REVOCATION = cases(
    "/revoke",
    {
        refuse(MUST, "RFC 7009 §2.2.1", "After a 503 the client assumes that the token still exists."): {
            "a revocation that ends with status 503": Respond(503),
        },
        refuse(ADVICE, "RFC 7009 §2.2.1", "After an error the client does not take the token for revoked."): {
            "a revocation that ends with an error": Respond(400, {"error": "invalid_request"}),
        },
        either(MUST, "RFC 6749 §10.4", "A refresh token is sent to nobody but the provider."): {
            "a revocation that is redirected to another origin": redirect_elsewhere("revoke"),
        },
    },
)
