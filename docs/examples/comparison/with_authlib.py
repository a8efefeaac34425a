"""acme, secured with Authlib."""

import json
import os
import sys
import time

import keyring
import typer
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ISSUER = os.environ["ACME_ISSUER"]
CLIENT_ID = "acme-cli"
app = typer.Typer(no_args_is_help=True)


def save(token):
    keyring.set_password("acme", "session", json.dumps(token))


def make_session(token=None):
    session = OAuth2Session(
        CLIENT_ID, token=token, update_token=lambda new, **_: save({**token, **new}), default_timeout=10
    )
    url = ISSUER.rstrip("/") + "/.well-known/openid-configuration"
    session.metadata.update(session.get(url, withhold_token=True).json())
    return session


def load():
    stored = keyring.get_password("acme", "session")
    if stored is None:
        sys.exit("You are not signed in. Run: acme login")
    token = json.loads(stored)
    if token["expires_at"] - 60 > time.time():
        return token
    session = make_session(token)
    try:
        session.ensure_active_token()
    except OAuthError as error:
        sys.exit(f"The session could not be renewed ({error}). Run: acme login")
    return {**token, **session.token}


def fetch_keys(session):
    return session.get(session.metadata["jwks_uri"], withhold_token=True).json()


def poll(session, device):
    interval = device.get("interval", 5)
    deadline = time.time() + device["expires_in"]
    while time.time() < deadline:
        time.sleep(interval)
        try:
            return session.fetch_token(
                grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=device["device_code"]
            )
        except OAuthError as error:
            if error.error == "slow_down":
                interval += 5
            elif error.error != "authorization_pending":
                sys.exit(f"Login failed: {error}")
    sys.exit("Login failed: the code has expired.")


@app.command()
def login():
    session = make_session()
    data = {"client_id": CLIENT_ID, "scope": "openid profile email offline_access"}
    device = session.post(session.metadata["device_authorization_endpoint"], data=data, withhold_token=True).json()
    print(f"Open {device['verification_uri_complete']} and check the code {device['user_code']}", file=sys.stderr)
    token = poll(session, device)
    try:
        id_token = jwt.decode(token["id_token"], KeySet.import_key_set(fetch_keys(session)))
        options = {"iss": {"values": [ISSUER]}, "aud": {"values": [CLIENT_ID]}}
        params = {"client_id": CLIENT_ID, "access_token": token["access_token"]}
        CodeIDToken(id_token.claims, id_token.header, options, params).validate()
    except JoseError as error:
        sys.exit(f"Login failed: the ID token is not valid ({error})")
    save({**token, "user": dict(id_token.claims)})


@app.command()
def whoami():
    print(load()["user"]["email"])


@app.command()
def token():
    print(load()["access_token"])


@app.command()
def logout():
    session = make_session(load())
    session.revoke_token(
        session.metadata["revocation_endpoint"], session.token["refresh_token"], token_type_hint="refresh_token"
    )
    keyring.delete_password("acme", "session")


@app.command()
def say_hi():
    print(f"Welcome {load()['user']['name']}!")


if __name__ == "__main__":
    app()
