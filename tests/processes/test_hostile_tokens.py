"""Validation of tokens and documents of a hostile provider, with the real program; and valid variants."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from awesome_cli.oauth.jwks import ALGORITHMS
from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import (
    ABSENT,
    DISCOVERY,
    KEYS,
    NORMAL,
    Act,
    ChangeMembers,
    Disconnect,
    ForgeIdToken,
    HostileProvider,
    Respond,
    redirect,
    serve_hostile,
)
from awesome_cli.testing.issuer import ID_TOKEN_LIFETIME as LIFE
from support.process import Program
from support.terminal import InProcess


def plus(seconds: float) -> Callable[[float], float]:
    """Return a function that adds seconds to a claim."""
    return lambda instant: instant + seconds


@pytest.mark.parametrize(
    ("act", "rule"),
    [
        pytest.param(ChangeMembers(id_token="a.b.c.d.e"), "compact form", id="an encrypted one"),
        pytest.param(ChangeMembers(id_token="x" * 20_000), "16 KiB", id="too long"),
        pytest.param(ForgeIdToken(header={"alg": "PS256"}), "alg", id="alg PS256"),
        pytest.param(ForgeIdToken(header={"jku": "https://evil.example/"}), "jku", id="jku"),
        pytest.param(ForgeIdToken(header={"x5u": "https://evil.example/"}), "x5u", id="x5u"),
        pytest.param(ForgeIdToken(header={"jwk": {"kty": "RSA"}}), "jwk", id="jwk"),
        pytest.param(ForgeIdToken(header={"kid": 7}), "kid", id="kid of another type"),
        pytest.param(ForgeIdToken(claims={"aud": {"test-client": 1}}), "aud", id="aud of another type"),
    ],
)
def test_an_id_token_that_breaks_a_rule_of_this_program_ends_the_login(
    act: Act, rule: str, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at("/token", act)
    end = in_process_program.at(hostile_provider.url).execute("login")
    assert end.code == 8, end.err
    assert rule in end.err
    assert in_process_program.keyring.entries() == {}
    assert hostile_provider.paths.count("/revoke") == 2


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(ForgeIdToken(claims={"aud": ["test-client", "b"], "azp": "test-client"}), id="two aud and azp"),
        pytest.param(ForgeIdToken(claims={"exp": plus(-LIFE - 30)}), id="exp within the leeway"),
        pytest.param(ForgeIdToken(claims={"iat": plus(40)}), id="iat within the leeway"),
    ],
)
def test_an_id_token_within_the_leeway_or_with_azp_is_accepted(
    act: Act, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at("/token", act)
    end = in_process_program.at(hostile_provider.url).execute("login")
    assert end.code == 0, end.err
    assert in_process_program.execute("say-hi").out == "Welcome Juan!\n"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_allowed_algorithm_is_accepted(
    alg: str, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.issuer.alg = alg
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0


@pytest.mark.parametrize(
    ("path", "act", "words"),
    [
        pytest.param(DISCOVERY, ChangeMembers(issuer="https://evil.example/"), "calls itself", id="another issuer"),
        pytest.param(DISCOVERY, Respond(404), "no discovery document", id="no discovery document"),
        pytest.param(DISCOVERY, Respond(200, ["no", "object"]), "not a JSON object", id="discovery is not an object"),
        pytest.param(DISCOVERY, redirect("/there"), "no discovery document", id="discovery redirects"),
        pytest.param(
            DISCOVERY,
            ChangeMembers(token_endpoint="http://provider.example/"),
            "not an https://",
            id="token in clear text",
        ),
        pytest.param(
            DISCOVERY, ChangeMembers(jwks_uri="http://provider.example/"), "not an https://", id="keys in clear text"
        ),
        pytest.param(
            DISCOVERY,
            ChangeMembers(revocation_endpoint="ftp://provider.example/"),
            "not an https://",
            id="revocation by FTP",
        ),
        pytest.param(
            DISCOVERY, ChangeMembers(token_endpoint=["https://x/"]), "not an https://", id="an endpoint of another type"
        ),
        pytest.param(DISCOVERY, ChangeMembers(token_endpoint=ABSENT), "token_endpoint", id="no token endpoint"),
        pytest.param(
            DISCOVERY, ChangeMembers(device_authorization_endpoint=ABSENT), "device_auth", id="no device endpoint"
        ),
        pytest.param(DISCOVERY, ChangeMembers(jwks_uri=ABSENT), "jwks_uri", id="no keys"),
        pytest.param(KEYS, Respond(200, {"keys": {}}), "keys", id="keys that are not a list"),
        pytest.param(KEYS, Respond(500), "jwks", id="keys that cannot be fetched"),
        pytest.param(KEYS, redirect("/there"), "jwks", id="keys redirect"),
        pytest.param("/device/code", redirect("/there", 307), "no device code", id="device code redirects"),
        pytest.param(
            "/device/code", ChangeMembers(user_code="\u200b"), "unusable user_code", id="an invisible user code"
        ),
        pytest.param(
            "/device/code", Respond(401, {"error": "invalid_client"}), "public client", id="an unknown client"
        ),
    ],
)
def test_a_provider_that_cannot_be_trusted_gets_no_token_request(
    path: str, act: Act, words: str, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at(path, act)
    end = in_process_program.at(hostile_provider.url).execute("login")
    assert end.code == 7, end.err
    assert words in end.err
    assert not {"/token", "/there"} & set(hostile_provider.paths)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(
            ChangeMembers(grant_types_supported=ABSENT, token_endpoint_auth_methods_supported=ABSENT), id="no lists"
        ),
        pytest.param(ChangeMembers(grant_types_supported=["authorization_code"]), id="a list without our grants"),
        pytest.param(ChangeMembers(id_token_signing_alg_values_supported=["HS256"]), id="a list of other algorithms"),
        pytest.param(
            ChangeMembers(token_endpoint_auth_methods_supported=["client_secret_basic"]), id="a list without none"
        ),
        pytest.param(
            ChangeMembers(userinfo_endpoint=ABSENT, revocation_endpoint=ABSENT),
            id="no optional endpoints",
        ),
    ],
)
def test_a_discovery_document_without_optional_members_is_accepted(
    act: Act, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at(DISCOVERY, act)
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0


def test_the_discovery_document_of_an_issuer_with_a_path_is_below_that_path(program: Program) -> None:
    with serve_hostile("/realms/main", interval=0.05, auto_approve=True) as provider:
        assert program.at(provider.url).run("login").code == 0
        assert provider.paths[0] == DISCOVERY
        assert program.run("logout").code == 0


@pytest.mark.parametrize("change", ["add a slash", "take it away"])
def test_the_issuer_must_match_exactly(change: str, program: Program) -> None:
    with serve_hostile("/realms/main" if change == "add a slash" else "/realms/main/") as provider:
        other = provider.url + "/" if change == "add a slash" else provider.url.removesuffix("/")
        end = program.at(other).run("login")
        assert (end.code, "trailing slash" in end.err) == (7, True)


OTHER_KEYS = Respond(200, {"keys": [{"kty": "RSA", "kid": "another", "n": "AQAB", "e": "AQAB"}]})


class TestChangedKeys:
    def test_an_unknown_key_id_refetches_the_jwks(self, program: Program, hostile_provider: HostileProvider) -> None:
        hostile_provider.at(KEYS, OTHER_KEYS)
        assert program.at(hostile_provider.url).run("login").code == 0
        assert hostile_provider.paths.count(KEYS) == 2

    def test_an_unknown_key_id_refetches_the_jwks_only_once(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.always(KEYS, OTHER_KEYS)
        assert program.at(hostile_provider.url).run("login").code == 8
        assert hostile_provider.paths.count(KEYS) == 2

    def test_a_wrong_signature_with_a_known_key_id_does_not_refetch_the_jwks(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at("/token", ForgeIdToken(signature=lambda _: bytes(256)))
        assert program.at(hostile_provider.url).run("login").code == 8
        assert hostile_provider.paths.count(KEYS) == 1

    def test_keys_of_unknown_types_are_ignored(self, program: Program, hostile_provider: HostileProvider) -> None:
        unknown = [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": "RSA", "kid": ["a"]}, "not a key", None, {}]
        own = json.loads(hostile_provider.issuer.respond(Request("GET", KEYS)).body)["keys"]
        hostile_provider.always(KEYS, Respond(200, {"keys": [*unknown, *own]}))
        assert program.at(hostile_provider.url).run("login").code == 0


class TestNames:
    @pytest.fixture(autouse=True)
    def slim(self, hostile_provider: HostileProvider) -> None:
        hostile_provider.issuer.slim_id_token = True

    def test_names_missing_from_the_id_token_come_from_userinfo(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        assert program.at(hostile_provider.url).run("login").code == 0
        assert program.run("say-hi").out == "Welcome Juan!\n"
        assert hostile_provider.paths.count("/userinfo") == 1

    def test_without_userinfo_the_subject_is_used_as_the_name(
        self, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at(DISCOVERY, ChangeMembers(userinfo_endpoint=ABSENT))
        assert in_process_program.at(hostile_provider.url).execute("login").code == 0
        assert in_process_program.execute("say-hi").out == "Welcome demo|juan!\n"

    @pytest.mark.parametrize(
        "act",
        [
            pytest.param(ChangeMembers(sub="somebody else"), id="another subject"),
            pytest.param(ChangeMembers(sub=ABSENT), id="no subject"),
            pytest.param(Respond(401), id="refused"),
            pytest.param(Respond(200, "<p>"), id="HTML"),
            pytest.param(redirect("/there"), id="redirect"),
            pytest.param(Disconnect(), id="cut off"),
        ],
    )
    def test_invalid_userinfo_is_ignored_and_the_login_succeeds(
        self, act: Act, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at("/userinfo", act)
        assert program.at(hostile_provider.url).run("login").code == 0
        assert program.run("say-hi").out == "Welcome demo|juan!\n"
        assert "/there" not in hostile_provider.paths


class TestRenewal:
    @pytest.fixture(autouse=True)
    def signed_in(self, program: Program, hostile_provider: HostileProvider) -> None:
        hostile_provider.issuer.token_lifetime = 0  # expired when it is issued
        assert program.at(hostile_provider.url).run("login").code == 0
        hostile_provider.requests.clear()
        hostile_provider.issuer.token_lifetime = 3600

    def test_a_refresh_is_one_request(self, program: Program, hostile_provider: HostileProvider) -> None:
        assert program.run("say-hi").out == "Welcome Juan!\n"
        assert hostile_provider.paths == ["/token"]

    def test_a_command_with_a_valid_access_token_makes_no_request(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        program.run("say-hi")
        hostile_provider.requests.clear()
        for command in ("say-hi", "whoami", "token"):
            assert program.run(command).code == 0
        assert hostile_provider.paths == []

    @pytest.mark.parametrize(
        "act", [ChangeMembers(id_token=ABSENT), ForgeIdToken(claims={"name": ABSENT, "email": ABSENT})]
    )
    def test_claims_missing_from_the_new_id_token_are_kept(
        self, act: Act, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at("/token", act)
        who = program.run("whoami", "--json")
        assert (who.json["name"], who.json["email"]) == ("Juan", "juan@example.com")

    @pytest.mark.parametrize(
        ("act", "rule"),
        [
            pytest.param(ForgeIdToken(claims={"sub": "somebody else"}), "sub changed", id="another sub"),
            pytest.param(
                ForgeIdToken(claims={"aud": ["test-client", "b"], "azp": "test-client"}), "aud changed", id="aud"
            ),
        ],
    )
    def test_refreshed_tokens_for_another_subject_or_audience_are_revoked_and_not_stored(
        self, act: Act, rule: str, program: Program, hostile_provider: HostileProvider
    ) -> None:
        before = program.entries
        hostile_provider.at("/token", act)
        end = program.run("token")
        assert (end.code, end.out) == (8, "")
        assert rule in end.err
        assert program.entries == before
        assert hostile_provider.paths[-2:] == ["/revoke", "/revoke"]

    @pytest.mark.parametrize(
        ("act", "rule"),
        [
            pytest.param(ForgeIdToken(claims={"exp": 1}), "exp", id="expired"),
            pytest.param(ChangeMembers(id_token="a.b.c"), "not valid", id="not a JWT"),
        ],
    )
    def test_after_an_invalid_new_id_token_only_the_refresh_token_of_the_session_changes(
        self, act: Act, rule: str, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at("/token", act)
        end = program.run("token")
        assert (end.code, end.out) == (8, "")
        assert rule in end.err
        assert "/revoke" not in hostile_provider.paths
        assert program.run("say-hi").out == "Welcome Juan!\n"
        assert (hostile_provider.issuer.refreshes, hostile_provider.issuer.reuses) == (2, 0)

    @pytest.mark.parametrize(
        "act",
        [Disconnect(), Respond(503), Respond(200, "<p>Please log in</p>"), redirect("/there"), Respond(429)],
        ids=["cut off", "503", "captive portal", "redirect", "429"],
    )
    def test_a_transient_failure_of_a_refresh_keeps_the_session(
        self, act: Act, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at("/token", act, act)
        assert program.run("token").code == 7
        offline = program.run("say-hi")
        assert (offline.code, offline.out, "Offline" in offline.err) == (0, "Welcome Juan!\n", True)
        assert program.run("token").code == 0

    def test_invalid_grant_removes_the_session(self, program: Program, hostile_provider: HostileProvider) -> None:
        hostile_provider.at("/token", Respond(403, {"error": "invalid_grant"}))
        assert program.run("say-hi").code == 4
        assert program.entries == {}

    def test_a_refresh_refetches_the_jwks_for_an_unknown_key_id(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.issuer.alg = "RS384"  # another key
        assert program.run("say-hi").out == "Welcome Juan!\n"
        assert hostile_provider.paths == ["/token", KEYS]

    def test_a_refresh_refetches_the_jwks_only_once(self, program: Program, hostile_provider: HostileProvider) -> None:
        hostile_provider.at("/token", ForgeIdToken(header={"kid": "unknown"}))
        assert program.run("token").code == 8
        assert hostile_provider.paths == ["/token", KEYS]

    def test_the_new_refresh_token_is_stored_although_the_jwks_cannot_be_fetched(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.issuer.alg = "RS384"
        hostile_provider.at(KEYS, Disconnect())
        assert program.run("whoami", "--json").json["name"] == "Juan"
        assert program.run("token", "--min-ttl", "99999").code == 0
        assert hostile_provider.issuer.reuses == 0


class TestLogout:
    @pytest.fixture(autouse=True)
    def signed_in(self, program: Program, hostile_provider: HostileProvider) -> None:
        assert program.at(hostile_provider.url).run("login").code == 0
        hostile_provider.requests.clear()

    def test_logout_revokes_the_refresh_token_and_then_the_access_token(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        assert program.run("logout").code == 0
        hints = [request.form["token_type_hint"] for request in hostile_provider.requests]
        assert hints == ["refresh_token", "access_token"]

    def test_a_logout_succeeds_if_only_the_access_token_cannot_be_revoked(
        self, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at("/revoke", NORMAL, Respond(400, {"error": "unsupported_token_type"}))
        assert program.run("logout").code == 0

    @pytest.mark.parametrize(
        "act",
        [Respond(503), Disconnect(), redirect("/there"), Respond(401), Respond(200, {"error": "invalid_request"})],
        ids=["503", "cut off", "redirect", "empty 401", "error with 200"],
    )
    def test_an_unconfirmed_revocation_is_reported_and_the_keyring_is_emptied(
        self, act: Act, program: Program, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at("/revoke", act)
        assert program.run("logout").code == 10
        assert program.entries == {}
        assert "/there" not in hostile_provider.paths


@pytest.mark.parametrize(
    ("path", "act", "code"),
    [
        pytest.param("/token", ChangeMembers(refresh_token=ABSENT), 0, id="no refresh token"),
        pytest.param(DISCOVERY, ChangeMembers(revocation_endpoint=ABSENT), 10, id="no revocation endpoint"),
    ],
)
def test_a_logout_is_confirmed_only_if_no_refresh_token_can_remain_valid(
    path: str, act: Act, code: int, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at(path, act)
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0
    assert in_process_program.execute("logout").code == code
    assert in_process_program.keyring.entries() == {}
