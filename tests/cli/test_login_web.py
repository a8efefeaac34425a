"""``login --web``: with a browser on this machine, in this process, over a real socket for the redirect."""

from __future__ import annotations

import json
import socket
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from keyring.errors import KeyringLocked

from awesome_cli.testing.hostile import ABSENT, DISCOVERY, NORMAL, ChangeMembers, Disconnect, ForgeIdToken, Respond
from awesome_cli.testing.keyring import MemoryKeyring
from support.visitor import Change, Visitor, set_parameters

if TYPE_CHECKING:
    from pathlib import Path

    from awesome_cli.testing.hostile import Act
    from awesome_cli.testing.issuer import ProviderSimulator
    from awesome_cli.testing.time import VirtualTime
    from support.terminal import Terminal

SSH = {"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}


@pytest.fixture
def visitor(terminal: Terminal) -> Visitor:
    """Return a person who approves, and whom the login reaches whether it opens a browser or not."""
    visitor = Visitor(terminal)
    terminal.set(visit=visitor)
    return visitor


def configure(terminal: Terminal, **settings: str) -> None:
    terminal.environment.config_dir.mkdir(exist_ok=True)
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    path = terminal.environment.config_dir / "config.toml"
    path.write_text("\n".join(["[profiles.default]", *lines, ""]), encoding="utf-8")


def who(terminal: Terminal) -> dict[str, Any]:
    assert terminal.run("whoami", "--json") == 0
    return {name: value for name, value in terminal.json.items() if not name.endswith("_at")}


def assert_nothing_is_stored(terminal: Terminal) -> None:
    assert terminal.keyring.entries() == {}
    assert terminal.run("say-hi") == 4


# Success


def test_a_person_signs_in_with_a_browser(terminal: Terminal, visitor: Visitor) -> None:
    assert terminal.run("login", "--web") == 0
    assert terminal.out == ""
    assert f"  Open in a browser on this machine:\n{visitor.urls[0]}\n\n" in terminal.err
    assert "Valid for 5 minutes. Approve only if you started this sign-in yourself." in terminal.err
    assert "Signed in as Juan" in terminal.err
    assert "You are signed in" in visitor.page
    assert "/device/code" not in terminal.paths
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"


def test_the_session_is_that_of_a_sign_in_with_a_code(terminal: Terminal, visitor: Visitor) -> None:
    terminal.login()
    by_code, names = who(terminal), set(terminal.keyring.entries())
    assert terminal.run("logout") == 0
    assert terminal.run("login", "--web") == 0
    assert (who(terminal), set(terminal.keyring.entries()), len(visitor.codes)) == (by_code, names, 1)


def test_the_request_has_what_the_settings_say(terminal: Terminal, visitor: Visitor) -> None:
    options = ["--scope", "profile", "--audience", "https://api.example/", "--param", "login_hint=juan@example.com"]
    assert terminal.run("login", "--web", *options) == 0
    (url,) = visitor.urls
    assert url.copy_with(query=None) == "https://provider.example/authorize"
    expected = {"scope": "openid profile", "audience": "https://api.example/", "login_hint": "juan@example.com"}
    assert expected.items() <= dict(url.params).items()
    redirect_uri = httpx.URL(url.params["redirect_uri"])
    assert redirect_uri.copy_with(port=None) == "http://127.0.0.1/callback"
    assert visitor.redirects[0].copy_with(query=None) == redirect_uri
    assert len({url.params[name] for name in ("state", "nonce", "code_challenge")}) == 3


def test_every_login_has_its_own_state_nonce_and_challenge(terminal: Terminal, visitor: Visitor) -> None:
    for _ in range(3):
        assert terminal.run("login", "--web", "--force") == 0
    values = [url.params[name] for url in visitor.urls for name in ("state", "nonce", "code_challenge")]
    assert len(set(values)) == 9
    assert min(map(len, values)) >= 22  # 128 bits in base64url


def test_json_has_the_url_and_then_the_session(terminal: Terminal, visitor: Visitor) -> None:
    assert terminal.run("login", "--web", "--json") == 0
    first, last = terminal.events
    assert first == {"event": "authorization", "url": str(visitor.urls[0]), "expires_at": "2027-01-15T08:05:00Z"}
    assert (last["event"], last["name"], last["sub"]) == ("signed_in", "Juan", "demo|juan")
    assert terminal.run("whoami", "--json") == 0
    assert {name: value for name, value in last.items() if name != "event"} == terminal.json


def test_a_second_login_sends_no_request_and_force_signs_in_anew(terminal: Terminal, visitor: Visitor) -> None:
    for argv, count in ((["--web"], 1), (["--web"], 1), (["--web", "--force"], 2)):
        assert terminal.run("login", *argv) == 0
        assert len(visitor.urls) == count


def test_the_replaced_session_of_another_user_is_revoked(
    terminal: Terminal, visitor: Visitor, issuer: ProviderSimulator
) -> None:
    assert terminal.run("login", "--web") == 0
    issuer.person = {**issuer.person, "sub": "demo|eve", "name": "Eve"}
    assert terminal.run("login", "--web", "--force") == 0
    assert terminal.paths.count("/revoke") == 2
    assert len(visitor.codes) == 2


@pytest.mark.usefixtures("visitor")
def test_max_age_and_acr_values_reach_the_tokens_and_satisfy_the_api(
    terminal: Terminal, issuer: ProviderSimulator, time: VirtualTime
) -> None:
    terminal.set_variables(AWESOME_API_URL=issuer.api_url)
    assert terminal.run("login", "--web") == 0
    assert terminal.run("api", "payments") == 4
    assert 'awesome login --param acr_values="mfa" --param max_age="300"' in terminal.err
    parameters = ["--param", "acr_values=mfa", "--param", "max_age=300"]
    assert terminal.run("login", "--web", *parameters) == 0
    assert terminal.run("api", "payments") == 0
    time.pass_by(301)
    assert terminal.run("api", "payments") == 4


@pytest.mark.usefixtures("visitor")
@pytest.mark.parametrize(("age", "code"), [(-301, 8), (ABSENT, 8), (-30, 0)])
def test_max_age_requires_a_recent_auth_time(terminal: Terminal, time: VirtualTime, age: Any, code: int) -> None:  # noqa: ANN401 - or a number
    auth_time = ABSENT if age is ABSENT else time.now() + age - 60
    terminal.provider.at("/token", ForgeIdToken({"auth_time": auth_time}))
    assert terminal.run("login", "--web", "--param", "max_age=300") == code
    assert ("auth_time" in terminal.err) == (code == 8)


# Which flow


@pytest.mark.parametrize(
    ("flow", "argv", "interactive", "opens", "environ", "is_web"),
    [
        ("web", [], False, False, {}, True),
        ("web", [], True, True, {}, True),
        ("web", ["--no-web"], True, True, {}, False),
        ("web", ["--no-wait"], True, True, {}, False),
        ("web", ["--no-browser"], True, True, {}, True),
        ("web", [], True, False, SSH, True),
        ("device", [], True, True, {}, False),
        ("device", ["--web"], True, True, {}, True),
        ("auto", [], True, True, {}, True),
        ("auto", [], True, False, {}, False),
        ("auto", [], False, True, {}, False),
        ("auto", ["--no-browser"], True, True, {}, False),
        ("auto", ["--no-wait"], True, True, {}, False),
        ("auto", [], True, True, SSH, False),
        ("auto", [], True, True, {**SSH, "BROWSER": "code --open"}, False),
        ("auto", ["--web"], True, False, {}, True),
        ("auto", ["--no-web"], True, True, {}, False),
    ],
)
def test_the_profile_and_the_machine_decide_which_flow_is_taken(
    terminal: Terminal,
    visitor: Visitor,
    flow: str,
    argv: list[str],
    environ: dict[str, str],
    *,
    interactive: bool,
    opens: bool,
    is_web: bool,
) -> None:
    configure(terminal, flow=flow)
    terminal.issuer.auto_approve = True
    terminal.interactive = interactive
    terminal.set(open_browser=lambda _: opens)
    assert terminal.run("login", *argv, **environ) == 0, terminal.err
    assert ("/device/code" in terminal.paths, len(visitor.codes)) == (not is_web, is_web)


def test_auto_says_nothing_of_the_browser_that_did_not_open(terminal: Terminal, visitor: Visitor) -> None:
    configure(terminal, flow="auto")
    terminal.interactive = terminal.issuer.auto_approve = True
    terminal.set(open_browser=lambda _: False)
    assert terminal.run("login", "--json") == 0
    assert [event["event"] for event in terminal.events] == ["device_code", "signed_in"]
    assert "/authorize" not in terminal.err + terminal.out
    assert visitor.urls == []


def test_an_open_browser_is_said(terminal: Terminal, visitor: Visitor) -> None:
    terminal.interactive = True
    assert terminal.run("login", "--web", AWESOME_PLAIN="1") == 0
    assert terminal.opened == [str(visitor.urls[0])]
    assert "Your browser opens this:" in terminal.err
    assert "Browser opened. Waiting for approval. Ctrl-C ends it.\n" in terminal.err


def test_no_wait_and_web_exclude_each_other(terminal: Terminal) -> None:
    assert terminal.run("login", "--web", "--no-wait") == 2
    assert terminal.requests == []


@pytest.mark.parametrize(
    ("environ", "advises", "opens"),
    [(SSH, True, False), ({**SSH, "BROWSER": "code --open"}, False, True), ({}, False, True)],
)
def test_over_ssh_the_device_flow_is_advised_unless_a_browser_is_named(
    terminal: Terminal, visitor: Visitor, environ: dict[str, str], *, advises: bool, opens: bool
) -> None:
    terminal.interactive = True
    assert terminal.run("login", "--web", **environ) == 0
    assert ("Sign in with a code instead: awesome login --no-web" in terminal.err) == advises
    assert terminal.opened == ([str(visitor.urls[0])] if opens else [])


# The redirect


def test_the_redirect_uri_of_the_profile_is_used_to_the_letter(terminal: Terminal, visitor: Visitor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        redirect_uri = f"http://localhost:{server.getsockname()[1]}/oauth/callback"
        configure(terminal, flow="web", redirect_uri=redirect_uri)
        assert terminal.run("login") == 7
        assert "cannot be listened on" in terminal.err
        assert visitor.urls == []
    assert terminal.run("login") == 0
    assert visitor.urls[0].params["redirect_uri"] == redirect_uri
    (exchange,) = [
        dict(httpx.QueryParams(request.content.decode())) for request in terminal.requests if request.content
    ]
    assert (exchange["redirect_uri"], exchange["code"]) == (redirect_uri, visitor.codes[0])


def test_an_override_of_the_endpoint_is_used(terminal: Terminal, visitor: Visitor) -> None:
    terminal.provider.at(DISCOVERY, ChangeMembers(authorization_endpoint=ABSENT))
    configure(terminal, authorization_endpoint="https://provider.example/authorize?tenant=one")
    assert terminal.run("login", "--web") == 0
    assert visitor.urls[0].params["tenant"] == "one"


@pytest.mark.usefixtures("visitor")
def test_a_provider_without_the_endpoint_is_refused_before_anything_is_opened(terminal: Terminal) -> None:
    terminal.provider.always(DISCOVERY, ChangeMembers(authorization_endpoint=ABSENT))
    terminal.interactive = True
    assert terminal.run("login", "--web") == 7
    assert "names no authorization_endpoint" in terminal.err
    assert "set authorization_endpoint in the profile" in terminal.err
    assert terminal.opened == []
    assert terminal.run("login", "--web", "--json") == 7
    assert [event["event"] for event in terminal.events] == ["failed"]


def test_doctor_checks_the_flow_of_the_profile(terminal: Terminal) -> None:
    terminal.login()
    configure(terminal, flow="web")
    terminal.run("doctor", "--json")
    checks = {finding["check"]: finding for finding in terminal.json["findings"]}
    assert ("device grant" in checks, checks["web flow"]["ok"], terminal.json["exit_code"]) == (False, True, 0)
    terminal.provider.always(DISCOVERY, ChangeMembers(authorization_endpoint=ABSENT))
    assert terminal.run("doctor", "--json") == 7
    checks = {finding["check"]: finding for finding in terminal.json["findings"]}
    assert (checks["web flow"]["ok"], checks["web flow"]["exit_code"]) == (False, 7)


# Failures


def unchanged(url: httpx.URL) -> httpx.URL:
    return url


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What goes wrong on the way back or at the token endpoint, and what is said then."""

    words: str
    change: Change = unchanged
    act: Act = NORMAL
    code: int = 7
    error: str = "network"


def refuses(error: str, status: int = 400) -> Failure:
    return Failure(act=Respond(status, {"error": error}), error=error, words=f"authorization code: {error}")


def forges(words: str, **claims: Any) -> Failure:  # noqa: ANN401 - JSON
    return Failure(act=ForgeIdToken(claims), code=8, error="invalid_token", words=words)


WRONG_NONCE = "nonce is not that of the request"
FAILURES = {
    "wrong state": Failure(change=set_parameters(state="other"), words="wrong state"),
    "no state": Failure(change=set_parameters(state=None), words="no state"),
    "two states": Failure(change=lambda url: url.copy_add_param("state", "x"), words="repeats a parameter"),
    "wrong iss": Failure(change=set_parameters(iss="https://evil.example/"), words="comes from another issuer"),
    "no iss": Failure(change=set_parameters(iss=None), words="no iss, although the provider promises one"),
    "no code": Failure(change=set_parameters(code=None), words="no usable code"),
    "no query": Failure(change=lambda url: url.copy_with(query=None), words="no state"),
    "another code": Failure(change=set_parameters(code="other"), error="invalid_grant", words="unknown or has expired"),
    "denied": Failure(change=set_parameters(error="access_denied"), code=5, error="access_denied", words="denied"),
    "refused": Failure(change=set_parameters(error="invalid_scope"), error="invalid_scope", words="invalid_scope"),
    "code refused": refuses("invalid_grant"),
    "code refused as better-auth does": refuses("invalid_request", 401),
    "client refused": refuses("unauthorized_client"),
    "a page": Failure(act=Respond(502, "<h1>Bad Gateway</h1>"), words="HTTP status 502"),
    "no answer": Failure(act=Disconnect(), words="provider.example"),
    "no tokens": Failure(act=Respond(200, {}), words="lacks access_token"),
    "wrong nonce": forges(WRONG_NONCE, nonce="forged"),
    "no nonce": forges(WRONG_NONCE, nonce=ABSENT),
    "another audience": forges("aud does not contain the client id", aud="other"),
    "no ID token": Failure(act=ChangeMembers(id_token=ABSENT), code=8, error="invalid_token", words="no ID token"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_failure_is_told_to_the_terminal_the_browser_and_programs_and_nothing_is_stored(
    terminal: Terminal, visitor: Visitor, failure: Failure
) -> None:
    visitor.change = failure.change
    terminal.provider.at("/token", failure.act)
    assert terminal.run("login", "--web", "--json") == failure.code, terminal.err
    assert failure.words in terminal.err
    assert "\nHint: " in terminal.err
    assert [event["event"] for event in terminal.events] == ["authorization", "failed"]
    assert terminal.events[-1]["error"] == failure.error
    assert "<h1>The sign-in failed</h1>" in visitor.page
    assert terminal.paths.count("/revoke") == (2 if failure.code == 8 else 0)
    assert terminal.issuer.active_grants == 0
    assert_nothing_is_stored(terminal)


def test_a_person_who_refuses_ends_the_login(terminal: Terminal, visitor: Visitor) -> None:
    terminal.set(visit=visitor)
    terminal.issuer.auto_approve = False
    visitor.decision = "deny"
    assert terminal.run("login", "--web") == 5
    assert "The sign-in was denied." in terminal.err
    assert "The sign-in was denied." in visitor.page
    assert_nothing_is_stored(terminal)


def test_a_person_who_approves_on_the_page_is_signed_in(terminal: Terminal, visitor: Visitor) -> None:
    terminal.issuer.auto_approve = False
    assert terminal.run("login", "--web") == 0
    assert len(visitor.codes) == 1


def test_a_failed_login_keeps_the_session_of_before(terminal: Terminal, visitor: Visitor) -> None:
    terminal.login()
    before = terminal.keyring.entries()
    visitor.change = set_parameters(state="other")
    assert terminal.run("login", "--web", "--force") == 7
    assert terminal.keyring.entries() == before
    assert terminal.run("token") == 0


@pytest.mark.parametrize(("options", "seconds"), [([], "300"), (["--timeout", "120"], "120")])
def test_nobody_who_returns_in_time_is_a_timeout(
    terminal: Terminal, time: VirtualTime, options: list[str], seconds: str
) -> None:
    terminal.set(visit=lambda _: time.pass_by(float(seconds)))
    assert terminal.run("login", "--web", "--json", *options) == 6
    assert terminal.events[-1]["error"] == "timeout"
    assert f"within {seconds} s" in terminal.err
    assert "may redirect to http://127.0.0.1:" in terminal.err
    assert_nothing_is_stored(terminal)


def test_the_time_is_short_in_real_time_too(terminal: Terminal) -> None:
    terminal.set(visit=lambda _: None)
    assert terminal.run("login", "--web", "--timeout", "0.1") == 6


@pytest.mark.usefixtures("visitor")
def test_a_keyring_that_fails_afterwards_ends_in_revoked_tokens(terminal: Terminal, issuer: ProviderSimulator) -> None:
    class Locked(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            if "/token" in terminal.paths:
                raise KeyringLocked
            super().set_password(service, username, password)

    terminal.set(keyring=Locked())
    assert terminal.run("login", "--web") == 9
    assert (terminal.paths.count("/revoke"), issuer.active_grants) == (2, 0)


# Secrets


def everything_on_disk(folder: Path) -> str:
    return "".join(path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("act", "code"),
    [(NORMAL, 0), (Respond(400, {"error": "invalid_grant"}), 7), (ForgeIdToken({"nonce": "forged"}), 8)],
)
def test_no_code_verifier_or_token_is_shown_or_kept(terminal: Terminal, visitor: Visitor, act: Act, code: int) -> None:
    terminal.provider.at("/token", act)
    assert terminal.run("--verbose", "login", "--web", "--json") == code
    shown = terminal.out + terminal.err + visitor.page + repr(terminal.environment)
    (exchange,) = [request.form for request in terminal.provider.requests if request.path == "/token"]
    secrets = {*visitor.codes, exchange["code_verifier"], *terminal.provider.secrets}
    assert len(secrets) == (2 if code == 7 else 5)
    on_disk, in_keyring = everything_on_disk(terminal.home), repr(terminal.keyring.entries())
    for secret in secrets:
        assert secret not in shown
        assert secret not in on_disk
    assert visitor.codes[0] not in in_keyring
    assert exchange["code_verifier"] not in in_keyring


def test_a_provider_that_repeats_the_code_does_not_get_it_shown(terminal: Terminal, visitor: Visitor) -> None:
    def echoing(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/token":
            return terminal.simulated(request)
        form = httpx.QueryParams(request.content.decode())
        description = f"Bad {form['code']} <b> {form['code_verifier']}"
        body = json.dumps({"error": "invalid_grant", "error_description": description}).encode()
        return httpx.Response(400, stream=httpx.ByteStream(body))

    terminal.answer = echoing
    assert terminal.run("--verbose", "login", "--web") == 7
    assert "invalid_grant (Bad *** <b> ***)" in terminal.err
    assert "(Bad *** &lt;b&gt; ***)" in visitor.page
    assert visitor.codes[0] not in terminal.err + visitor.page


def test_the_description_of_the_provider_is_harmless_on_terminal_and_page(terminal: Terminal, visitor: Visitor) -> None:
    hostile = "\x1b]0;owned\x07<script>alert(1)</script>\u202e"
    visitor.change = set_parameters(error="server_error", error_description=hostile)
    assert terminal.run("login", "--web") == 7
    assert "server_error (]0;owned<script>alert(1)</script>)" in terminal.err
    assert "(]0;owned&lt;script&gt;alert(1)&lt;/script&gt;)" in visitor.page
    assert not {"\x1b", "\x07", "\u202e"} & {*terminal.err, *visitor.page}


def test_settings_given_as_flags_are_saved_only_after_success(
    terminal: Terminal, visitor: Visitor, issuer: ProviderSimulator
) -> None:
    path = terminal.environment.config_dir / "config.toml"
    flags = ["--issuer", issuer.url, "--client-id", issuer.client_id]
    visitor.change = set_parameters(state="other")
    assert terminal.run("login", "--web", *flags) == 7
    assert not path.exists()
    visitor.change = unchanged
    assert terminal.run("login", "--web", *flags) == 0
    saved = tomllib.loads(path.read_text("utf-8"))["profiles"]["default"]
    assert saved == {"issuer": issuer.url, "client_id": issuer.client_id}
