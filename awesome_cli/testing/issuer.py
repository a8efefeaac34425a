"""A simulated OpenID provider for one public client and one person: takes requests, returns responses, no sockets."""

from __future__ import annotations

import hashlib
import itertools
import math
import secrets
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, urlsplit

from awesome_cli.oauth.response import Response
from awesome_cli.testing import pages
from awesome_cli.testing.authorization import Authorization, AuthorizationEndpoint
from awesome_cli.testing.grants import (
    RECORDED,
    DeviceGrant,
    HttpError,
    OAuthError,
    RefreshToken,
    Request,
    TokenFamily,
    json_response,
    remember,
    requested_targets,
    require_challenge,
    require_verifier,
)
from awesome_cli.testing.keys import base64url, signing_key

JUAN = {"sub": "demo|juan", "name": "Juan", "nickname": "juan", "email": "juan@example.com"}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 §3.4
SLOW_DOWN = 5.0  # seconds; RFC 8628 §3.5
ID_TOKEN_LIFETIME = 36_000  # seconds; Auth0's default
STEP_UP_LEVEL, STEP_UP_AGE = "mfa", 300  # what /api/payments requires; the age is in seconds
WRONG_GUESSES = 5  # unknown user codes in a second after which no code is looked up (RFC 8628 §5.1)

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 §6.1: no vowels, so no words; 20^8 codes
_CLAIMS = {  # OpenID Connect Core §5.4
    "profile": ("name", "nickname", "preferred_username"),
    "email": ("email", "email_verified"),
}


@dataclass(kw_only=True, eq=False)
class ProviderSimulator:
    """An OpenID provider that answers as Auth0 does, and a protected API. Thread-safe.

    ``url`` is the issuer, exactly. With ``rotate`` a refresh token can be used once, and again for ``overlap`` seconds;
    a later use revokes its family. With ``revocation_deletes_grant``, which is a setting of Auth0's tenants, revoking a
    refresh token revokes all families of the same person and resources. ``auto_approve`` approves each device code when
    it is issued, and each authorization request. ``program`` is the name of the client that the pages show, instead of
    its id. ``session_lifetime``: seconds after which refresh tokens expire, if they do. Settings may be changed at any
    time; another ``alg`` uses another key.
    """

    now: Callable[[], float] = field(repr=False)
    url: str = "http://127.0.0.1:8765/"
    person: Mapping[str, Any] = field(default_factory=JUAN.copy, repr=False)
    client_id: str = "test-client"
    program: str = ""
    interval: float = 5
    expires_in: int = 900
    token_lifetime: int = 3600
    alg: str = "RS256"
    rotate: bool = True
    overlap: float = 0
    revocation_deletes_grant: bool = False
    slim_id_token: bool = False
    pkce_required: bool = False
    auto_approve: bool = False
    session_lifetime: int | None = None

    requests: list[Request] = field(init=False, repr=False, default_factory=list)
    refreshes: int = field(init=False, default=0)
    reuses: int = field(init=False, default=0)  # how often an expired or revoked refresh token was used

    _wrong_guesses: list[float] = field(init=False, repr=False, default_factory=list)
    _grants: dict[str, DeviceGrant] = field(init=False, repr=False, default_factory=dict)  # by device code
    _used_grants: dict[str, DeviceGrant] = field(init=False, repr=False, default_factory=dict)  # the same
    _authorizations: AuthorizationEndpoint = field(init=False, repr=False)
    _refresh_tokens: dict[str, RefreshToken] = field(init=False, repr=False, default_factory=dict)
    _access_tokens: dict[str, TokenFamily] = field(init=False, repr=False, default_factory=dict)  # by ``jti``
    _lock: threading.RLock = field(init=False, repr=False, default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._authorizations = AuthorizationEndpoint(self)

    def respond(self, request: Request) -> Response:
        request = replace(request, at=self.now())
        with self._lock:
            self.requests.append(request)
            del self.requests[:-RECORDED]
            try:
                response = self._route(request)
            except HttpError as error:
                response = error.response
        headers = {"date": formatdate(request.at, usegmt=True), "cache-control": "no-store", **response.headers}
        return Response(response.status, response.body, headers)

    def approve(self, user_code: str) -> bool:
        """Approve the device with this code; return False if no such code is waiting."""
        return self._decide(user_code, "approved")

    def deny(self, user_code: str) -> bool:
        """Deny the device with this code; return False if no such code is waiting."""
        return self._decide(user_code, "access_denied")

    def _decide(self, user_code: str, decision: str) -> bool:
        with self._lock:
            grant = self._grant_of(user_code)
            if grant is None or grant.decision:
                return False
            grant.decision = decision
            return True

    def refusal(self, request: Request, audience: str | None) -> Response | None:
        """Return what an API answers to a request whose access token is missing or not valid; None for a valid one.

        ``audience`` names the API; None accepts a token for any.
        """
        with self._lock:
            try:
                self._require_access_token(request, audience)
            except HttpError as error:
                return error.response
        return None

    @property
    def api_url(self) -> str:
        """The protected API, which is also the audience of its access tokens."""
        return self._root + "/api"

    @property
    def active_grants(self) -> int:
        """The number of sign-ins whose tokens have not been revoked."""
        families = {id(token.family): token.family for token in self._refresh_tokens.values()}
        return sum(family.active for family in families.values())

    @property
    def _root(self) -> str:
        return self.url.removesuffix("/")  # OpenID Connect Discovery §4.1: before a path is appended

    def has_path(self, path: str) -> bool:
        """Whether the provider or its API answers requests for this path."""
        return self._relative(path) in self._routes()

    def _relative(self, path: str) -> str:
        """Return a path below the issuer's, which itself is ``/``; or an empty one."""
        base = urlsplit(self._root).path
        return path.removeprefix(base) or "/" if path.startswith(base) else ""

    def _routes(self) -> dict[str, dict[str, Callable[[Request], Response]]]:
        return {
            "/": {"GET": lambda _: self._see_activation_page()},
            "/.well-known/openid-configuration": {"GET": self._discovery},
            "/.well-known/jwks.json": {"GET": self._jwks},
            "/authorize": {"GET": self._authorize, "POST": self._authorizations.decide},
            "/device/code": {"POST": self._device_code},
            "/activate": {"GET": self._activation_page, "POST": self._activation},
            "/token": {"POST": self._token},
            "/revoke": {"POST": self._revoke},
            "/userinfo": {"GET": self._userinfo, "POST": self._userinfo},
            "/api/hello": {"GET": self._hello},
            "/api/payments": {"GET": self._payments},
            "/api/echo": {"POST": self._echo},
        }

    def _route(self, request: Request) -> Response:
        methods = self._routes().get(self._relative(request.path))
        if methods is None:
            raise OAuthError("not_found", "There is no such path.")
        if request.method not in methods:
            raise OAuthError("method_not_allowed", "Another method is needed.", {"allow": ", ".join(methods)})
        return methods[request.method](request)

    def _discovery(self, _: Request) -> Response:
        # OpenID Connect Discovery §3, RFC 8628 §4, RFC 9207 §3.
        return json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": self._root + "/authorize",
                "device_authorization_endpoint": self._root + "/device/code",
                "token_endpoint": self._root + "/token",
                "revocation_endpoint": self._root + "/revoke",
                "userinfo_endpoint": self._root + "/userinfo",
                "jwks_uri": self._root + "/.well-known/jwks.json",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", DEVICE_GRANT, "refresh_token"],
                "authorization_response_iss_parameter_supported": True,
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [self.alg],
                "token_endpoint_auth_methods_supported": ["none"],
                "revocation_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def _jwks(self, _: Request) -> Response:
        return json_response({"keys": [signing_key(self.alg).public]})

    def _device_code(self, request: Request) -> Response:
        form = request.form
        self._require_client(request)
        if self.pkce_required or "code_challenge" in form:
            require_challenge(form)
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        grant = DeviceGrant(
            user_code=f"{letters[:4]}-{letters[4:]}",
            family=self.new_family(form),
            challenge=form.get("code_challenge", ""),
            interval=self.interval,
            expires_at=request.at + self.expires_in,
            decision="approved" if self.auto_approve else "",
        )
        device_code = secrets.token_urlsafe(32)
        remember(self._grants, device_code, grant)
        return json_response(  # RFC 8628 §3.2
            {
                "device_code": device_code,
                "user_code": grant.user_code,
                "verification_uri": self._root + "/activate",
                "verification_uri_complete": f"{self._root}/activate?user_code={quote(grant.user_code)}",
                "expires_in": self.expires_in,
                "interval": self.interval,
            }
        )

    def new_family(self, form: Mapping[str, str]) -> TokenFamily:
        """Return the tokens that a request with these parameters leads to."""
        now = self.now()
        return TokenFamily(
            sub=str(self.person["sub"]),
            scope=tuple(dict.fromkeys(form.get("scope", "openid").split())),
            targets=requested_targets(form) or (self.api_url,),
            requested=form,
            auth_time=now,
            ends_at=math.inf if self.session_lifetime is None else now + self.session_lifetime,
        )

    def _authorize(self, request: Request) -> Response:
        return self._authorizations.ask(request, auto_approve=self.auto_approve, page=self._authorization_page)

    def _authorization_page(self, authorization: Authorization) -> Response:
        return self._confirm(authorization.family, authorization.csrf_token, returns_to=authorization.redirect_uri)

    def _activation_page(self, request: Request) -> Response:
        user_code = request.query.get("user_code", "")
        if not user_code:
            return pages.enter_code()
        grant = self._find_grant(user_code, request.at)
        if user_code != grant.user_code:  # one address a code: going back to it, browsers then ask for the page again
            return self._see_activation_page(grant.user_code)
        if grant.decision:  # whoever knows a code sees the outcome, but neither the person nor the program
            return pages.outcome(is_approved=grant.decision == "approved")
        # RFC 8628 §3.3.1, §5.4: show the code and ask, even if the code was in the address.
        return self._confirm(grant.family, grant.csrf_token, user_code=grant.user_code)

    def _confirm(self, family: TokenFamily, csrf_token: str, **details: str) -> Response:
        return pages.confirm(
            program=self.program or self.client_id,
            person=self._name,
            scope=family.scope,
            apis=[target for target in family.targets if target != self.api_url],
            csrf_token=csrf_token,
            **details,
        )

    def _activation(self, request: Request) -> Response:
        form = request.form
        grant = self._find_grant(form.get("user_code", ""), request.at)
        # Another site can send this form, but cannot read the token in our page.
        if not secrets.compare_digest(form.get("ticket", "").encode(), grant.csrf_token.encode()):
            return pages.enter_code(problem="This answer was not sent from the page of this provider.", status=403)
        if not grant.decision:  # the first answer counts, however often the form is sent
            grant.decision = "approved" if form.get("decision") == "approve" else "access_denied"
            grant.family.auth_time = request.at
        return self._see_activation_page(grant.user_code)

    def _see_activation_page(self, user_code: str = "") -> Response:
        # RFC 9110 §15.4.4: the browser gets that page, and sends no form again when it is reloaded.
        query = f"?user_code={quote(user_code)}" if user_code else ""
        return Response(303, headers={"location": f"{urlsplit(self._root).path}/activate{query}"})

    def _find_grant(self, user_code: str, at: float) -> DeviceGrant:
        """Return the grant of this code, or raise HttpError; wrong codes are counted."""
        self._wrong_guesses = [guess for guess in self._wrong_guesses if 0 <= at - guess < 1]
        if len(self._wrong_guesses) >= WRONG_GUESSES:
            raise HttpError(pages.enter_code(problem=pages.TOO_MANY_CODES, status=429))
        grant = self._grant_of(user_code)
        if grant is None:
            self._wrong_guesses.append(at)
            raise HttpError(pages.enter_code(user_code, problem=pages.UNKNOWN_CODE, status=404))
        return grant

    def _grant_of(self, user_code: str) -> DeviceGrant | None:
        """Return the grant of this code until it expires, also if the device has already got its answer."""
        # RFC 8628 §6.1: case, hyphens and blanks do not matter.
        typed = "".join(letter for letter in user_code.upper() if letter in _LETTERS)
        for grant in (*self._grants.values(), *self._used_grants.values()):
            if self.now() < grant.expires_at and grant.user_code.replace("-", "") == typed:
                return grant
        return None

    def _token(self, request: Request) -> Response:
        self._require_client(request)
        grant_type = request.form.get("grant_type")
        if grant_type == DEVICE_GRANT:
            return self._poll(request)
        if grant_type == "authorization_code":
            authorization = self._authorizations.exchange(request)
            return self._issue_tokens(authorization.family, request.form, nonce=authorization.query.get("nonce"))
        if grant_type == "refresh_token":
            return self._refresh(request)
        raise OAuthError(
            "unsupported_grant_type" if grant_type else "invalid_request", "The grant type is missing or unknown."
        )

    def _poll(self, request: Request) -> Response:
        device_code = request.form.get("device_code", "")
        grant = self._grants.get(device_code)
        if grant is None:
            raise OAuthError("invalid_grant", "The device code is unknown.")
        require_verifier(grant.challenge, request.form.get("code_verifier", ""))
        outcome = grant.poll(request.at)
        if outcome == "slow_down":
            grant.interval += SLOW_DOWN
        elif outcome != "authorization_pending":
            remember(self._used_grants, device_code, self._grants.pop(device_code))  # answered once, as at Auth0
        if outcome != "approved":
            raise OAuthError(outcome, "The device is not signed in.")
        return self._issue_tokens(grant.family, request.form)

    def _refresh(self, request: Request) -> Response:
        token = self._refresh_tokens.get(request.form.get("refresh_token", ""))
        if token is None:
            raise OAuthError("invalid_grant", "Unknown or invalid refresh token.")
        family = token.family
        if not family.active or request.at >= min(token.expires_at, family.ends_at):
            family.active = False  # RFC 9700 §4.14.2: it may have been stolen, and by whom cannot be known
            self.reuses += 1
            raise OAuthError("invalid_grant", "Unknown or invalid refresh token.")
        response = self._issue_tokens(family, request.form, renewable=self.rotate)
        self.refreshes += 1
        if self.rotate:
            token.expires_at = min(token.expires_at, request.at + self.overlap)
        return response

    def _issue_tokens(
        self, family: TokenFamily, form: Mapping[str, str], *, renewable: bool = True, nonce: str | None = None
    ) -> Response:
        scope = family.narrowed_scope(form)
        access_token = self._access_token(family, scope, family.narrowed_targets(form))
        tokens = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.token_lifetime,
            "scope": " ".join(scope),
        }
        if "openid" in scope:
            tokens["id_token"] = self._id_token(scope, access_token, family.authentication, nonce)
        if renewable and "offline_access" in family.scope:
            refresh_token = secrets.token_urlsafe(32)
            remember(self._refresh_tokens, refresh_token, RefreshToken(family))
            tokens["refresh_token"] = refresh_token
            if family.ends_at < math.inf:  # as Keycloak says it
                tokens["refresh_expires_in"] = int(family.ends_at - self.now())
        return json_response(tokens)

    def _access_token(self, family: TokenFamily, scope: tuple[str, ...], targets: tuple[str, ...]) -> str:
        token_id = secrets.token_urlsafe(16)
        remember(self._access_tokens, token_id, family)
        userinfo = [self._root + "/userinfo"] if "openid" in scope else []
        claims = {  # RFC 9068 §2.2
            "aud": [*targets, *userinfo],
            "client_id": self.client_id,
            "jti": token_id,
            "scope": " ".join(scope),
            **family.authentication,  # RFC 9470 §6
            "auth_time": int(family.auth_time),
        }
        return self._sign("at+jwt", self.token_lifetime, claims)

    def _id_token(
        self, scope: Collection[str], access_token: str, authentication: Mapping[str, Any], nonce: str | None
    ) -> str:
        # OpenID Connect Core §3.1.3.6: the left half of the hash of the algorithm
        digest = hashlib.new(f"sha{self.alg[2:]}", access_token.encode()).digest()
        claims = {"aud": self.client_id, "at_hash": base64url(digest[: len(digest) // 2])}  # OpenID Connect Core §2
        claims |= {**authentication, **({"nonce": nonce} if nonce else {})}
        user_claims = {} if self.slim_id_token else self._user_claims(scope)
        return self._sign("JWT", ID_TOKEN_LIFETIME, {**user_claims, **claims})

    def _sign(self, typ: str, lifetime: int, claims: Mapping[str, Any]) -> str:
        key, issued_at = signing_key(self.alg), int(self.now())
        common = {"iss": self.url, "sub": self.person["sub"], "iat": issued_at, "exp": issued_at + lifetime}
        return key.sign({"alg": self.alg, "typ": typ, "kid": key.public["kid"]}, {**claims, **common})

    def _revoke(self, request: Request) -> Response:
        self._require_client(request)
        token = request.form.get("token")
        if not token:
            raise OAuthError("invalid_request", "The token is missing.")
        if token in self._refresh_tokens:  # RFC 7009 §2.1: and all access tokens of the same grant
            revoked = self._refresh_tokens[token].family
            revoked.active = False
            for family in (other.family for other in self._refresh_tokens.values()):
                if self.revocation_deletes_grant and (family.sub, family.targets) == (revoked.sub, revoked.targets):
                    family.active = False
        self._access_tokens.pop(self._access_token_claims(token).get("jti", ""), None)
        return Response(200)  # RFC 7009 §2.2: also for an unknown token

    def _userinfo(self, request: Request) -> Response:
        scope = self._require_access_token(request, self._root + "/userinfo")["scope"]
        return json_response(self._user_claims(scope.split()))

    def _hello(self, request: Request) -> Response:
        claims = self._require_access_token(request, self.api_url)
        return json_response({"message": f"Hello {self._name}!", "sub": claims["sub"], "scope": claims["scope"]})

    def _payments(self, request: Request) -> Response:
        """Require a second factor in the last five minutes, as RFC 9470 §3 asks for it."""
        claims = self._require_access_token(request, self.api_url)
        if claims.get("acr") != STEP_UP_LEVEL or self.now() - claims["auth_time"] > STEP_UP_AGE:
            challenge = (
                'Bearer realm="demo", error="insufficient_user_authentication",'
                f' acr_values="{STEP_UP_LEVEL}", max_age="{STEP_UP_AGE}"'
            )
            headers = {"www-authenticate": challenge}
            raise OAuthError("insufficient_user_authentication", "A second factor is required.", headers)
        return json_response({"payments": [{"to": "Eva", "amount": "12.50 EUR"}]})

    def _echo(self, request: Request) -> Response:
        self._require_access_token(request, self.api_url)
        return json_response({"echo": dict(request.form if request.json is None else request.json)})

    def _require_access_token(self, request: Request, audience: str | None) -> dict[str, Any]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        challenge = 'Bearer realm="demo"'
        if scheme.lower() != "bearer":  # RFC 6750 §3.1: no error code where no token was sent
            raise OAuthError("invalid_token", "An access token is required.", {"www-authenticate": challenge})
        claims = self._access_token_claims(token.strip())
        if not claims or (audience is not None and audience not in claims["aud"]):
            challenge += ', error="invalid_token"'
            raise OAuthError("invalid_token", "The access token is not valid here.", {"www-authenticate": challenge})
        return claims

    def _access_token_claims(self, token: str) -> dict[str, Any]:
        """Return the claims of an access token of this provider that is valid (RFC 9068 §4), or an empty dict."""
        claims = signing_key(self.alg).verify(token, "at+jwt") or {}
        family = self._access_tokens.get(claims.get("jti", ""))
        is_valid = family is not None and family.active and self.now() < claims["exp"] and claims["iss"] == self.url
        return claims if is_valid else {}

    def _require_client(self, request: Request) -> None:
        if "client_secret" in request.form or "authorization" in request.headers:
            challenge = {"www-authenticate": 'Basic realm="demo"'}
            raise OAuthError("invalid_client", "A public client has no secret.", challenge)
        client_id = request.form.get("client_id")
        if not client_id:
            raise OAuthError("invalid_request", "The client id is missing.")
        if client_id != self.client_id:
            raise OAuthError("invalid_client", "The client id is unknown.")

    def _user_claims(self, scope: Collection[str]) -> dict[str, Any]:
        wanted = {"sub", *itertools.chain.from_iterable(_CLAIMS.get(name, ()) for name in scope)}
        return {name: value for name, value in self.person.items() if name in wanted}

    @property
    def _name(self) -> str:
        return str(self.person.get("name") or self.person["sub"])
