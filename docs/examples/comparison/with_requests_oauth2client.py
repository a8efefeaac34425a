"""acme, secured with requests-oauth2client."""

import os
import sys

import keyring
import requests
import typer
from requests_oauth2client import (
    DeviceAuthorizationPollingJob,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2Error,
    TokenSerializer,
)

ISSUER = os.environ["ACME_ISSUER"]
app = typer.Typer(no_args_is_help=True)


def make_client():
    metadata = requests.get(ISSUER.rstrip("/") + "/.well-known/openid-configuration", timeout=10).json()
    return OAuth2Client.from_discovery_document(
        metadata,
        issuer=ISSUER,
        client_id="acme-cli",
        device_authorization_endpoint=metadata["device_authorization_endpoint"],
        testing=ISSUER.startswith("http://127.0.0.1"),
    )


def save(token):
    keyring.set_password("acme", "session", TokenSerializer().dumps(token).decode())


def load():
    stored = keyring.get_password("acme", "session")
    if stored is None:
        sys.exit("You are not signed in. Run: acme login")
    token = TokenSerializer().loads(stored.encode())
    if token.is_expired(60):
        auth = OAuth2AccessTokenAuth(make_client(), token)
        try:
            auth.renew_token()
        except OAuth2Error as error:
            sys.exit(f"The session could not be renewed ({error}). Run: acme login")
        token = auth.token
        save(token)
    return token


@app.command()
def login():
    client = make_client()
    device = client.authorize_device(client_id="acme-cli", scope="openid profile email offline_access")
    print(f"Open {device.verification_uri_complete} and check the code {device.user_code}", file=sys.stderr)
    poll = DeviceAuthorizationPollingJob(client, device)
    token = None
    try:
        while token is None:
            token = poll()
    except OAuth2Error as error:
        sys.exit(f"Login failed: {error}")
    save(token)


@app.command()
def whoami():
    print(load().id_token.claims["email"])


@app.command()
def token():
    print(load().access_token)


@app.command()
def logout():
    make_client().revoke_refresh_token(load())
    keyring.delete_password("acme", "session")


@app.command()
def say_hi():
    print(f"Welcome {load().id_token.claims['name']}!")


if __name__ == "__main__":
    app()
