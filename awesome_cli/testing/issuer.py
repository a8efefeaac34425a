"""An OpenID provider for one public client and one person: request in, reply out, no socket, no clock."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import json
import math
import re
import secrets
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwk, jws
from jose.exceptions import JOSEError

from awesome_cli.oauth.response import Response
from awesome_cli.testing import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from jose.backends.base import Key

JUAN = {"sub": "demo|juan", "name": "Juan", "nickname": "juan", "email": "juan@example.com"}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 §3.4
SLOW_DOWN = 5.0  # seconds; RFC 8628 §3.5
TOLERANCE = 0.1  # seconds that a poll may come early: clocks are not exact
ID_TOKEN_LIFETIME = 36_000  # seconds; Auth0's default
RECORDED = 1_000  # requests remembered, and grants, and tokens of a kind: a demo may run for days
TOLD_EXPIRED = 300  # seconds that a code which is over is still known, so that its device is told so
WRONG_GUESSES = 5  # codes that nobody was given, in a second, before no code is looked at (RFC 8628 §5.1)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asked. Header names are lower case; values may be secret, so they are not shown."""

    method: str
    path: str
    at: float
    query: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    data: Mapping[str, Any] | None = field(repr=False)


@dataclass(kw_only=True, eq=False)
class ProviderSimulator:
    """An OpenID provider that answers as Auth0 does, with an API that trusts it. Safe to share among threads.

    ``url`` is the issuer, exactly. With ``rotate``, each refresh token is good once, and ``overlap`` seconds
    more; a later use ends its whole family. With ``revocation_deletes_grant``, revoking a refresh token ends all
    families of that person and those targets, as a tenant of Auth0 may be set up. ``script`` answers device polls
    before the real logic does, each item an OAuth error code or a whole reply. ``auto_approve`` says yes as soon as a
    code is asked for.
    Settings may be changed at any time: another ``alg`` means another key from then on.
    """

    now: Callable[[], float] = field(repr=False)
    url: str = "http://127.0.0.1:8765/"
    person: Mapping[str, Any] = field(default_factory=JUAN.copy, repr=False)
    client_id: str = "awesome-demo"
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
    script: list[str | Response] = field(default_factory=list, repr=False)

    requests: list[Request] = field(init=False, repr=False, default_factory=list)
    refreshes: int = field(init=False, default=0)
    reuses: int = field(init=False, default=0)  # how often a dead refresh token was presented

    _wrong_guesses: list[float] = field(init=False, repr=False, default_factory=list)
    _grants: dict[str, _Grant] = field(init=False, repr=False, default_factory=dict)
    _refresh_tokens: dict[str, _RefreshToken] = field(init=False, repr=False, default_factory=dict)
    _access_tokens: dict[str, _Family] = field(init=False, repr=False, default_factory=dict)  # by ``jti``
    _lock: threading.RLock = field(init=False, repr=False, default_factory=threading.RLock)

    def answer(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        data: Mapping[str, Any] | None = None,
    ) -> Response:
        """Answer one request. ``path`` may carry a query; ``data`` is JSON that came instead of a form."""
        path, _, query = path.partition("?")
        request = Request(
            method=method,
            path=path,
            at=self.now(),
            query=dict(parse_qsl(query)),
            form=dict(form or {}),
            headers={name.lower(): value for name, value in (headers or {}).items()},
            data=data,
        )
        with self._lock:
            self.requests.append(request)
            del self.requests[:-RECORDED]
            try:
                response = self._route(request)
            except _Refusal as refusal:
                response = refusal.response()
        date = formatdate(request.at, usegmt=True)
        return Response(response.status, response.body, {"date": date, "cache-control": "no-store", **response.headers})

    def approve(self, user_code: str) -> bool:
        """Let the device with this code in; False if no such code is waiting."""
        return self._decide(user_code, "approved")

    def deny(self, user_code: str) -> bool:
        """Refuse the device with this code; False if no such code is waiting."""
        return self._decide(user_code, "access_denied")

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Sign whatever is given, true or not, with the present key (RFC 7515 §7.1)."""
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{_base64url(_key(self.alg).private.sign(signed.encode()))}"

    @property
    def api_url(self) -> str:
        """The protected API: where it is, and the audience that its access tokens name."""
        return self._root + "/api"

    @property
    def gaps(self) -> list[float]:
        """Seconds from the last device response to the first poll, and from each poll to the next."""
        instants: list[float] = []
        for request in list(self.requests):
            if request.path.endswith("/device/code"):
                instants = [request.at]
            elif request.form.get("grant_type") == DEVICE_GRANT:
                instants.append(request.at)
        return [round(later - earlier, 3) for earlier, later in itertools.pairwise(instants)]

    @property
    def living_grants(self) -> int:
        """How many sign-ins there are whose refresh token has not been revoked."""
        families = {id(token.family): token.family for token in self._refresh_tokens.values()}
        return sum(family.alive for family in families.values())

    @property
    def _root(self) -> str:
        return self.url.removesuffix("/")  # OpenID Connect Discovery §4.1: before a path is appended

    def _route(self, request: Request) -> Response:
        routes: dict[str, dict[str, Callable[[Request], Response]]] = {
            "/.well-known/openid-configuration": {"GET": self._discovery},
            "/.well-known/jwks.json": {"GET": self._keys},
            "/device/code": {"POST": self._device_code},
            "/activate": {"GET": self._question, "POST": self._decision},
            "/token": {"POST": self._token},
            "/revoke": {"POST": self._revoke},
            "/userinfo": {"GET": self._userinfo, "POST": self._userinfo},
            "/api/hello": {"GET": self._hello},
            "/api/echo": {"POST": self._echo},
        }
        origin = "/".join(self.url.split("/", 3)[:3])
        methods = routes.get((origin + request.path).removeprefix(self._root))
        if methods is None:
            return _json({"error": "not_found"}, 404)
        if request.method not in methods:
            return _json({"error": "method_not_allowed"}, 405, {"allow": ", ".join(methods)})
        return methods[request.method](request)

    def _discovery(self, _: Request) -> Response:
        # OpenID Connect Discovery §3, RFC 8628 §4. No authorization endpoint, hence no response type.
        return _json(
            {
                "issuer": self.url,
                "device_authorization_endpoint": self._root + "/device/code",
                "token_endpoint": self._root + "/token",
                "revocation_endpoint": self._root + "/revoke",
                "userinfo_endpoint": self._root + "/userinfo",
                "jwks_uri": self._root + "/.well-known/jwks.json",
                "response_types_supported": ["none"],
                "grant_types_supported": [DEVICE_GRANT, "refresh_token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [self.alg],
                "token_endpoint_auth_methods_supported": ["none"],
                "revocation_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def _keys(self, _: Request) -> Response:
        return _json({"keys": [_key(self.alg).public]})

    def _device_code(self, request: Request) -> Response:
        self._require_client(request)
        challenge = request.form.get("code_challenge", "")
        if challenge or self.pkce_required:
            _require_challenge(challenge, request.form.get("code_challenge_method", "plain"))
        letters = [secrets.choice(_LETTERS) for _ in range(8)]
        grant = _Grant(
            user_code="".join([*letters[:4], "-", *letters[4:]]),
            family=_Family(
                sub=str(self.person["sub"]),
                scope=tuple(dict.fromkeys(request.form.get("scope", "openid").split())),
                targets=_targets(request.form) or (self.api_url,),
            ),
            challenge=challenge,
            interval=self.interval,
            expires_at=request.at + self.expires_in,
            decision="approved" if self.auto_approve else "",
        )
        device_code = secrets.token_urlsafe(32)
        self._grants = {code: kept for code, kept in self._grants.items() if kept.is_known(request.at)}
        _remember(self._grants, device_code, grant)
        page = self._root + "/activate"
        return _json(  # RFC 8628 §3.2
            {
                "device_code": device_code,
                "user_code": grant.user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={quote(grant.user_code)}",
                "expires_in": self.expires_in,
                "interval": self.interval,
            }
        )

    def _question(self, request: Request) -> Response:
        user_code = request.query.get("user_code", "")
        if not user_code:
            return _html(pages.enter_code())
        if self._are_guessing(request.at):
            return _html(pages.enter_code(problem=_TOO_MANY), 429, _IN_A_SECOND)
        grant = self._named(user_code, request.at)
        if grant is None:
            return _html(pages.enter_code(user_code, problem=_NO_SUCH_CODE), 404)
        # RFC 8628 §3.3.1, §5.4: show the code also when the address carried it, and ask.
        return _html(pages.confirm(grant.user_code, client=self.client_id, person=self._name, ticket=grant.ticket))

    def _decision(self, request: Request) -> Response:
        form = request.form
        if self._are_guessing(request.at):
            return _html(pages.error(_TOO_MANY), 429, _IN_A_SECOND)
        grant = self._named(form.get("user_code", ""), request.at)
        if grant is None:
            return _html(pages.error(_NO_SUCH_CODE), 404)
        # Another site can send this form, but cannot read the ticket that our own page carries.
        if not secrets.compare_digest(form.get("ticket", "").encode(), grant.ticket.encode()):
            return _html(pages.error("This answer did not come from our own page."), 403)
        if form.get("decision") == "approve":
            grant.decision = "approved"
            return _html(pages.approved())
        grant.decision = "access_denied"  # whatever is not a clear yes is a no
        return _html(pages.denied())

    def _are_guessing(self, at: float) -> bool:
        self._wrong_guesses = [before for before in self._wrong_guesses if 0 <= at - before < 1]
        return len(self._wrong_guesses) >= WRONG_GUESSES

    def _named(self, user_code: str, at: float) -> _Grant | None:
        """Return the grant whose code a person has, or note that somebody guessed."""
        grant = self._waiting(user_code)
        if grant is None:
            self._wrong_guesses.append(at)
        return grant

    def _decide(self, user_code: str, decision: str) -> bool:
        with self._lock:
            grant = self._waiting(user_code)
            if grant is not None:
                grant.decision = decision
            return grant is not None

    def _waiting(self, user_code: str) -> _Grant | None:
        # RFC 8628 §6.1: case, hyphens and blanks do not matter.
        typed = "".join(letter for letter in user_code.upper() if letter in _LETTERS)
        for grant in self._grants.values():
            undecided = not grant.decision and self.now() < grant.expires_at
            if undecided and grant.user_code.replace("-", "") == typed:
                return grant
        return None

    def _token(self, request: Request) -> Response:
        self._require_client(request)
        grant_type = request.form.get("grant_type")
        if grant_type == DEVICE_GRANT:
            return self._poll(request)
        if grant_type == "refresh_token":
            return self._refresh(request)
        raise _Refusal("unsupported_grant_type" if grant_type else "invalid_request", "Which grant type?")

    def _poll(self, request: Request) -> Response:
        device_code = request.form.get("device_code", "")
        grant = self._grants.get(device_code)
        outcome: str | Response = "invalid_grant"
        if grant is not None:
            grant.require_verifier(request.form.get("code_verifier", ""))
            outcome = grant.poll(request.at)
        if self.script:
            outcome = self.script.pop(0)
        if isinstance(outcome, Response):
            return outcome
        if outcome in {"approved", "access_denied", "expired_token"}:
            self._grants.pop(device_code, None)  # told once; from then on the code is unknown, as at Auth0
        if outcome == "slow_down" and grant is not None:
            grant.interval += SLOW_DOWN
        if outcome != "approved" or grant is None:
            raise _Refusal(outcome, "The device is not signed in.")
        family = grant.family
        targets = _narrowed_targets(request.form, family)
        return self._tokens(family, family.scope, targets, renewable="offline_access" in family.scope)

    def _refresh(self, request: Request) -> Response:
        token = self._refresh_tokens.get(request.form.get("refresh_token", ""))
        if token is None:
            raise _Refusal("invalid_grant", "Unknown or invalid refresh token.")
        family = token.family
        if not family.alive or request.at >= token.ends_at:
            family.alive = False  # RFC 9700 §4.14.2: somebody else may hold the token, and nobody knows who
            self.reuses += 1
            raise _Refusal("invalid_grant", "Unknown or invalid refresh token.")
        scope = tuple(request.form.get("scope", " ".join(family.scope)).split())
        if not set(scope) <= set(family.scope):  # RFC 6749 §6
            raise _Refusal("invalid_scope", "A renewal cannot ask for more than was granted.")
        targets = _narrowed_targets(request.form, family)
        self.refreshes += 1
        if self.rotate:
            token.ends_at = min(token.ends_at, request.at + self.overlap)
        return self._tokens(family, scope, targets, renewable=self.rotate)

    def _tokens(
        self, family: _Family, scope: tuple[str, ...], targets: tuple[str, ...], *, renewable: bool
    ) -> Response:
        access_token = self._access_token(family, scope, targets)
        tokens = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.token_lifetime,
            "scope": " ".join(scope),
        }
        if "openid" in scope:
            tokens["id_token"] = self._id_token(scope, access_token)
        if renewable:
            refresh_token = secrets.token_urlsafe(32)
            _remember(self._refresh_tokens, refresh_token, _RefreshToken(family))
            tokens["refresh_token"] = refresh_token
        return _json(tokens)

    def _access_token(self, family: _Family, scope: tuple[str, ...], targets: tuple[str, ...]) -> str:
        issued_at = int(self.now())
        token_id = secrets.token_urlsafe(16)
        _remember(self._access_tokens, token_id, family)
        userinfo = [self._root + "/userinfo"] if "openid" in scope else []
        claims = {  # RFC 9068 §2.2
            "iss": self.url,
            "sub": self.person["sub"],
            "aud": [*targets, *userinfo],
            "client_id": self.client_id,
            "iat": issued_at,
            "exp": issued_at + self.token_lifetime,
            "jti": token_id,
            "scope": " ".join(scope),
        }
        return self._sign("at+jwt", claims)

    def _id_token(self, scope: tuple[str, ...], access_token: str) -> str:
        issued_at = int(self.now())
        # OpenID Connect Core §3.1.3.6: the left half of the hash that belongs to the algorithm
        digest = hashlib.new(f"sha{self.alg[2:]}", access_token.encode()).digest()
        claims = {  # OpenID Connect Core §2
            "iss": self.url,
            "sub": self.person["sub"],
            "aud": self.client_id,
            "iat": issued_at,
            "exp": issued_at + ID_TOKEN_LIFETIME,
            "at_hash": _base64url(digest[: len(digest) // 2]),
        }
        return self._sign("JWT", claims if self.slim_id_token else {**self._claims(scope), **claims})

    def _sign(self, typ: str, claims: dict[str, Any]) -> str:
        return self.sign({"alg": self.alg, "typ": typ, "kid": _key(self.alg).public["kid"]}, claims)

    def _revoke(self, request: Request) -> Response:
        self._require_client(request)
        token = request.form.get("token")
        if not token:
            raise _Refusal("invalid_request", "Which token?")
        if token in self._refresh_tokens:  # RFC 7009 §2.1: and all access tokens of the same grant
            revoked = self._refresh_tokens[token].family
            revoked.alive = False
            for family in (other.family for other in self._refresh_tokens.values()):
                if self.revocation_deletes_grant and (family.sub, family.targets) == (revoked.sub, revoked.targets):
                    family.alive = False
        self._access_tokens.pop(self._verified(token).get("jti", ""), None)
        return Response(200)  # RFC 7009 §2.2: also for a token that nobody knows

    def _userinfo(self, request: Request) -> Response:
        scope = self._bearer(request, self._root + "/userinfo")["scope"]
        return _json(self._claims(scope.split()))

    def _hello(self, request: Request) -> Response:
        token = self._bearer(request, self.api_url)
        return _json({"message": f"Hello {self._name}!", "sub": token["sub"], "scope": token["scope"]})

    def _echo(self, request: Request) -> Response:
        self._bearer(request, self.api_url)
        return _json({"echo": dict(request.form if request.data is None else request.data)})

    def _bearer(self, request: Request, audience: str) -> dict[str, Any]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        realm = 'Bearer realm="demo"'
        if scheme.lower() != "bearer":  # RFC 6750 §3.1: who brought no token is told of no error
            raise _Refusal("invalid_token", "An access token is needed.", challenge=realm)
        claims = self._verified(token.strip())
        if audience not in claims.get("aud", ()):
            challenge = f'{realm}, error="invalid_token"'
            raise _Refusal("invalid_token", "Not a living token for this place.", challenge=challenge)
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        """Return the claims of an access token of ours that is alive (RFC 9068 §4); else none."""
        key = _key(self.alg)
        try:
            claims: dict[str, Any] = json.loads(jws.verify(token, key.public, algorithms=[self.alg]))
            typ = jws.get_unverified_header(token).get("typ")
        except _JOSE_ERRORS:
            return {}
        family = self._access_tokens.get(claims.get("jti", ""))
        alive = family is not None and family.alive and self.now() < claims["exp"]
        return claims if alive and typ == "at+jwt" and claims["iss"] == self.url else {}

    def _require_client(self, request: Request) -> None:
        if "client_secret" in request.form or "authorization" in request.headers:
            raise _Refusal("invalid_client", "A public client has no secret.", challenge='Basic realm="demo"')
        client_id = request.form.get("client_id")
        if not client_id:
            raise _Refusal("invalid_request", "Which client?")
        if client_id != self.client_id:
            raise _Refusal("invalid_client", "Unknown client.")

    def _claims(self, scope: Collection[str]) -> dict[str, Any]:
        wanted = {"sub", *itertools.chain.from_iterable(_CLAIMS[name] for name in scope if name in _CLAIMS)}
        return {name: value for name, value in self.person.items() if name in wanted}

    @property
    def _name(self) -> str:
        return str(self.person.get("name") or self.person["sub"])


_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 §6.1: no vowels, so no words; 20^8 codes
_NO_SUCH_CODE = "No such code is waiting. Compare it with your terminal: it may have ended, or been used."
_TOO_MANY = "Too many wrong codes were tried. Wait a second, then try yours again."
_IN_A_SECOND = {"retry-after": "1"}
_JOSE_ERRORS = (
    JOSEError,
    ValueError,
    TypeError,
    RecursionError,
)  # what hostile input makes python-jose raise
_CLAIMS = {  # OpenID Connect Core §5.4
    "profile": ("name", "nickname", "preferred_username"),
    "email": ("email", "email_verified"),
}


@dataclass(kw_only=True, repr=False)
class _Grant:
    """A device that waits for a person's answer."""

    user_code: str
    family: _Family
    challenge: str
    interval: float
    expires_at: float
    decision: str  # empty, "approved" or "access_denied"
    ticket: str = field(default_factory=secrets.token_urlsafe)
    polled_at: float | None = None

    def is_known(self, at: float) -> bool:
        """Whether its device may still want to know how it ended."""
        return at < self.expires_at + TOLD_EXPIRED

    def poll(self, at: float) -> str:
        """Say how things stand: an error code of RFC 8628 §3.5, or "approved"."""
        early = self.polled_at is not None and at - self.polled_at < self.interval - TOLERANCE
        self.polled_at = at
        if at >= self.expires_at:
            return "expired_token"
        if self.decision:
            return self.decision
        return "slow_down" if early else "authorization_pending"

    def require_verifier(self, verifier: str) -> None:
        """Refuse who did not ask for the code (RFC 7636 §4.6)."""
        digest = _base64url(hashlib.sha256(verifier.encode()).digest())
        if self.challenge and not secrets.compare_digest(digest, self.challenge):
            raise _Refusal("invalid_grant", "The code verifier does not fit the challenge.")


@dataclass(kw_only=True, repr=False)
class _Family:
    """All tokens that came from one approval: they live, and die, together."""

    sub: str
    scope: tuple[str, ...]
    targets: tuple[str, ...]
    alive: bool = True


@dataclass(repr=False)
class _RefreshToken:
    family: _Family
    ends_at: float = math.inf


class _Refusal(Exception):  # noqa: N818 - an answer, not a failure
    def __init__(self, code: str, description: str, *, challenge: str = "") -> None:
        super().__init__(code)
        self.description = description
        self.challenge = challenge

    def response(self) -> Response:
        code = str(self)
        headers = {"www-authenticate": self.challenge} if self.challenge else {}
        return _json({"error": code, "error_description": self.description}, _STATUS.get(code, 400), headers)


_STATUS = {  # as Auth0 answers; everything else is 400 (RFC 6749 §5.2)
    "authorization_pending": 403,
    "slow_down": 429,
    "expired_token": 403,
    "access_denied": 403,
    "invalid_grant": 403,
    "invalid_client": 401,
    "invalid_token": 401,
}


@dataclass(frozen=True)
class _SigningKey:
    private: Key = field(repr=False)
    public: dict[str, str]


@functools.cache
def _key(alg: str) -> _SigningKey:
    private = jwk.construct(_pem(alg), alg)
    public = {**private.public_key().to_dict(), "kid": secrets.token_hex(8), "use": "sig"}
    return _SigningKey(private, public)


def _pem(alg: str) -> bytes:
    """Make a private key that fits the algorithm (RFC 7518 §3.3, §3.4)."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if alg.startswith("RS"):
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    else:
        key = ec.generate_private_key(_CURVES[alg])
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def _require_challenge(challenge: str, method: str) -> None:
    if method != "S256" or not re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge):  # RFC 7636 §4.2
        raise _Refusal("invalid_request", "A code challenge is needed, and only S256 is known here.")


def _targets(form: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the access token shall open, by either name that providers have for it."""
    resource = form.get("resource", "")
    if resource and not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^#\s]+", resource):  # RFC 8707 §2
        raise _Refusal("invalid_target", "A resource is an absolute URI without a fragment.")
    return tuple(dict.fromkeys(target for target in (form.get("audience"), resource) if target))


def _narrowed_targets(form: Mapping[str, str], family: _Family) -> tuple[str, ...]:
    """Return what is asked for now, which cannot be more than was granted (RFC 8707 §2.2)."""
    targets = _targets(form) or family.targets
    if not set(targets) <= set(family.targets):
        raise _Refusal("invalid_target", "That was not asked for with the device code.")
    return targets


def _json(members: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(members).encode()
    return Response(status, body, {"content-type": "application/json", **(headers or {})})


def _remember(table: dict[str, Any], key: str, value: object) -> None:
    """Keep something, and forget the oldest where there is too much."""
    table[key] = value
    while len(table) > RECORDED:
        del table[next(iter(table))]


def _html(page: str, status: int = 200, more: Mapping[str, str] | None = None) -> Response:
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": pages.POLICY,
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        **(more or {}),
    }
    return Response(status, page.encode(), headers)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
