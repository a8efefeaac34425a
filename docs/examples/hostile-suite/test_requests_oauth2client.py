"""The catalogue of misbehaviours against requests-oauth2client, used as its documentation shows."""

import ssl
import time

import findings
import pytest
import requests
import trustme
from requests_oauth2client import DeviceAuthorizationPollingJob, OAuth2Client

from awesome_cli.testing import misbehaviours
from awesome_cli.testing.hostile import DISCOVERY, serve_hostile

SCOPE = "openid profile offline_access"
AUTHORITY = trustme.CA()
WITH_JWKS = [case for case in misbehaviours.WITHOUT_TLS if "jwks" in case.name]
WITHOUT_JWKS = [case for case in misbehaviours.WITHOUT_TLS if "jwks" not in case.name]


def cases(*lists):
    """Parametrize a test; what the library is known to fail has to fail."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, marks=pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError))
            if (reason := findings.REASONS.get(case.name))
            else case
            for listed in lists
            for case in listed
        ],
        ids=str,
    )


class Clock:
    """The clock of the provider, which the pauses of the client set ahead: they take no time."""

    def __init__(self):
        self.slept = 0.0

    def now(self):
        return time.time() + self.slept  # noqa: TID251 - the library lives in real time

    def sleep(self, seconds):
        self.slept += seconds


@pytest.fixture
def provider(monkeypatch, tmp_path):
    """Serve a provider with TLS, because the library refuses endpoints without it."""
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    clock = Clock()
    monkeypatch.setattr(time, "sleep", clock.sleep)
    with serve_hostile(tls=context, now=clock.now, interval=1, auto_approve=True) as provider:
        yield provider


def sign_in_with_device(provider):
    document = requests.get(provider.url.removesuffix("/") + DISCOVERY, timeout=10).json()
    endpoint = document["device_authorization_endpoint"]  # which the library does not read
    client = OAuth2Client.from_discovery_document(
        document, provider.url, client_id=provider.issuer.client_id, device_authorization_endpoint=endpoint
    )
    job = DeviceAuthorizationPollingJob(client, client.authorize_device(scope=SCOPE))
    while (token := job()) is None:
        pass
    return client, token


def sign_in_with_code(provider):
    client = OAuth2Client.from_discovery_endpoint(
        issuer=provider.url, client_id=provider.issuer.client_id, redirect_uri="http://127.0.0.1:9/callback"
    )
    request = client.authorization_request(scope=SCOPE)
    response = requests.get(str(request), allow_redirects=False, timeout=10)  # a browser, whose user approves
    return client, client.authorization_code(request.validate_callback(response.headers["location"]))


def is_accepted(step, *arguments):
    try:
        return step(*arguments) is not False  # a revocation that is not confirmed returns False
    except Exception:  # noqa: BLE001 - the library raises many kinds, some of Python's own
        return False


@cases(WITHOUT_JWKS, misbehaviours.DEVICE_GRANT, misbehaviours.TOKEN_RESPONSE)
def test_device_grant(case, provider):
    case.set_up(provider)
    case.check(provider, accepted=is_accepted(sign_in_with_device, provider))


@cases(misbehaviours.METADATA, WITH_JWKS, misbehaviours.AUTHORIZATION_CODE, misbehaviours.ID_TOKEN, misbehaviours.JWKS)
def test_authorization_code(case, provider):
    case.set_up(provider)
    case.check(provider, accepted=is_accepted(sign_in_with_code, provider))


@pytest.mark.parametrize("sign_in", [sign_in_with_device, sign_in_with_code])
def test_without_a_misbehaviour_every_step_succeeds(sign_in, provider):
    client, token = sign_in(provider)
    assert client.userinfo(token)["name"] == "Juan"
    renewed = client.refresh_token(token)
    assert client.revoke_refresh_token(renewed) is True
    assert provider.issuer.active_grants == 0


@cases(misbehaviours.REFRESH)
def test_refresh(case, provider):
    client, token = sign_in_with_code(provider)
    case.set_up(provider)
    case.check(provider, accepted=is_accepted(client.refresh_token, token))


@cases(misbehaviours.USERINFO)
def test_userinfo(case, provider):
    client, token = sign_in_with_code(provider)
    case.set_up(provider)
    case.check(provider, accepted=is_accepted(client.userinfo, token))


@cases(misbehaviours.REVOCATION)
def test_revocation(case, provider):
    client, token = sign_in_with_code(provider)
    case.set_up(provider)
    case.check(provider, accepted=is_accepted(client.revoke_refresh_token, token))


def test_every_finding_is_in_the_section_of_its_level():
    assert set(findings.REASONS) <= set(findings.CASES)
    names = {name for listed in findings.ADVICE.values() for name in listed}
    advice = {name for name in findings.REASONS if findings.CASES[name].rule.level == misbehaviours.Level.ADVICE}
    assert names == advice


def test_the_page_has_these_findings():
    assert findings.PAGE.read_text("utf-8") == findings.page(), "run python findings.py"
