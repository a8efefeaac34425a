"""acme, secured by requests and keyring alone."""

import json
import os
import sys
import time

import keyring
import requests
import typer

ISSUER = os.environ["ACME_ISSUER"]
CLIENT_ID = "acme-cli"
app = typer.Typer(no_args_is_help=True)


def discover():
    return requests.get(ISSUER.rstrip("/") + "/.well-known/openid-configuration", timeout=10).json()


def post(url, **data):
    return requests.post(url, data={"client_id": CLIENT_ID, **data}, timeout=10)


def save(session):
    session["expires_at"] = time.time() + session["expires_in"]
    keyring.set_password("acme", "session", json.dumps(session))
    return session


def load():
    stored = keyring.get_password("acme", "session")
    if stored is None:
        sys.exit("You are not signed in. Run: acme login")
    session = json.loads(stored)
    if session["expires_at"] - 60 > time.time():
        return session
    url = discover()["token_endpoint"]
    response = post(url, grant_type="refresh_token", refresh_token=session["refresh_token"])
    if not response.ok:
        sys.exit(f"The session could not be renewed ({response.text}). Run: acme login")
    return save({**session, **response.json()})


def poll(url, device):
    interval = device.get("interval", 5)
    deadline = time.time() + device["expires_in"]
    while time.time() < deadline:
        time.sleep(interval)
        grant_type = "urn:ietf:params:oauth:grant-type:device_code"
        response = post(url, grant_type=grant_type, device_code=device["device_code"])
        if response.ok:
            return response.json()
        error = response.json()["error"]
        if error == "slow_down":
            interval += 5
        elif error != "authorization_pending":
            sys.exit(f"Login failed: {error}")
    sys.exit("Login failed: the code has expired.")


@app.command()
def login():
    metadata = discover()
    device = post(metadata["device_authorization_endpoint"], scope="openid profile email offline_access").json()
    print(f"Open {device['verification_uri_complete']} and check the code {device['user_code']}", file=sys.stderr)
    session = poll(metadata["token_endpoint"], device)
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    session["user"] = requests.get(metadata["userinfo_endpoint"], headers=headers, timeout=10).json()
    save(session)


@app.command()
def whoami():
    print(load()["user"]["email"])


@app.command()
def token():
    print(load()["access_token"])


@app.command()
def logout():
    post(discover()["revocation_endpoint"], token=load()["refresh_token"], token_type_hint="refresh_token")
    keyring.delete_password("acme", "session")


@app.command()
def say_hi():
    print(f"Welcome {load()['user']['name']}!")


if __name__ == "__main__":
    app()
