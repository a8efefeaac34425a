"""The real program with better-auth, a second OpenID provider, and a real keyring."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator

import httpx
import pytest

from support.better_auth import BetterAuth, better_auth
from support.requirements import require

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from awesome_cli.testing.terminal import Result
from support.desktop import Desktop
from support.process import Program, wait

SCOPE = "openid profile email offline_access"


@pytest.fixture(scope="module")
def provider() -> Iterator[BetterAuth]:
    require("node", "better-auth")
    with better_auth(interval=1) as running:
        yield running


@pytest.fixture
def settings(provider: BetterAuth) -> dict[str, str]:
    return {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": provider.client_id}


def fingerprint(result: Result) -> str:
    """Return a digest of what a command printed, so that no failing assertion shows a token."""
    assert result.code == 0
    assert bool(result.out.strip())
    return hashlib.sha256(result.out.encode()).hexdigest()


@pytest.mark.provider("better-auth", "login, say-hi, whoami, whoami --check, token, renewal, logout; ES256")
def test_login_refresh_and_logout(desktop: Desktop, provider: BetterAuth, settings: dict[str, str]) -> None:
    code, event = desktop.sign_in(lambda code: provider.approve(code["user_code"]), **settings)
    assert (code, event["event"], event["name"], event["email"]) == (0, "signed_in", "Juan", provider.email)
    assert desktop.entry_names[0] == "awesome-cli:default"
    assert desktop.run("say-hi") == Result(0, "Welcome Juan!\n", "")
    who = desktop.run("whoami", "--json").json
    assert (who["issuer"], who["client_id"], who["sub"]) == (provider.issuer, provider.client_id, event["sub"])
    assert (who["refreshable"], who["scope"]) == (True, SCOPE)
    refreshes = provider.refreshes()
    first = fingerprint(desktop.run("token"))
    assert fingerprint(desktop.run("token")) == first
    assert desktop.run("whoami", "--check").code == 0
    second = fingerprint(desktop.run("token", "--min-ttl", "10000"))
    assert provider.refreshes() - refreshes == {200: 1}
    third = fingerprint(desktop.run("token", "--min-ttl", "10000"))  # with the refresh token that replaced the first
    assert provider.refreshes() - refreshes == {200: 2}
    assert len({first, second, third}) == 3
    assert desktop.run("say-hi").out == "Welcome Juan!\n"
    revocations = len(provider.revocations())
    end = desktop.run("logout")
    assert (end.code, end.out) == (0, "")
    # revoking the refresh token ends the access token too, and an unknown token is an error (not so in RFC 7009 §2.2)
    assert provider.revocations()[revocations:] == [200, 400]
    assert desktop.entry_names == []
    assert desktop.run("say-hi").code == 4
    assert not any("client_secret" in request["parameters"] for request in provider.requests())


@pytest.mark.provider("better-auth", "four commands at once that need a new token: one renewal")
def test_concurrent_commands_refresh_once(desktop: Desktop, provider: BetterAuth, settings: dict[str, str]) -> None:
    assert desktop.sign_in(lambda code: provider.approve(code["user_code"]), **settings)[0] == 0
    refreshes = provider.refreshes()
    processes = [desktop.start("token", "--min-ttl", "10000") for _ in range(4)]
    assert len({fingerprint(wait(process)) for process in processes}) == 1
    assert provider.refreshes() - refreshes == {200: 1}  # a second one would end the session, see the test of reuse
    assert desktop.run("whoami", "--check").code == 0


@pytest.mark.provider("better-auth", "logout with a revoked refresh token: revocation unconfirmed")
def test_logout_with_a_revoked_refresh_token_is_unconfirmed(
    program: Program, provider: BetterAuth, settings: dict[str, str]
) -> None:
    code, _ = program.sign_in(lambda code: provider.approve(code["user_code"]), **settings)
    session = program.session()
    assert code == 0
    assert session is not None
    form = {"client_id": provider.client_id, "token": session.refresh_token, "token_type_hint": "refresh_token"}
    httpx.post(f"{provider.issuer}/oauth2/revoke", data=form, trust_env=False).raise_for_status()
    end = program.run("logout")
    assert end.code == 10  # 200 in RFC 7009 §2.2, where better-auth has an error that may have other causes
    assert program.entries == {}


@pytest.mark.provider("better-auth", "login, denied by the person")
def test_a_denial_ends_the_login(desktop: Desktop, provider: BetterAuth, settings: dict[str, str]) -> None:
    code, event = desktop.sign_in(lambda code: provider.approve(code["user_code"], deny=True), **settings)
    assert (code, event["event"], event["error"]) == (5, "failed", "access_denied")
    assert desktop.entry_names == []


@pytest.mark.provider("better-auth", "login with an unknown client id")
def test_an_unknown_client_gets_a_hint(desktop: Desktop, settings: dict[str, str]) -> None:
    end = desktop.run("login", **settings | {"AWESOME_CLIENT_ID": "nobody"})
    assert end.code == 7
    assert "invalid_client" in end.err
    assert "Hint: Check the client id:" in end.err


@pytest.mark.provider("better-auth", "login refused, because ID tokens are signed with its default, EdDSA")
def test_the_default_algorithm_is_refused_and_nothing_is_stored(desktop: Desktop) -> None:
    require("node", "better-auth")
    with better_auth(interval=1, algorithm=None) as provider:
        settings = {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": provider.client_id}
        code, event = desktop.sign_in(lambda code: provider.approve(code["user_code"]), **settings)
        assert (code, event["event"], event["error"]) == (8, "failed", "invalid_token")
        assert "alg must be one of RS256" in event["message"]
        assert provider.revocations() == [200, 400]
        metadata = httpx.get(f"{provider.issuer}/.well-known/openid-configuration", trust_env=False).json()
        assert metadata["id_token_signing_alg_values_supported"] == ["EdDSA"]
    assert desktop.entry_names == []
