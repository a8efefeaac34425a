"""acme, secured with msal."""

import os
import sys

import keyring
import msal
import typer

ISSUER = os.environ["ACME_ISSUER"]
SCOPES = ["email"]
app = typer.Typer(no_args_is_help=True)
cache = msal.SerializableTokenCache()


def make_client():
    cache.deserialize(keyring.get_password("acme", "session"))
    return msal.PublicClientApplication("acme-cli", oidc_authority=ISSUER, token_cache=cache)


def save():
    if cache.has_state_changed:
        keyring.set_password("acme", "session", cache.serialize())


def load():
    client = make_client()
    accounts = client.get_accounts()
    result = client.acquire_token_silent_with_error(SCOPES, accounts[0]) if accounts else None
    save()
    if not result:
        sys.exit("You are not signed in. Run: acme login")
    if "error" in result:
        sys.exit(f"The session could not be renewed ({result['error']}). Run: acme login")
    return result


@app.command()
def login():
    client = make_client()
    flow = client.initiate_device_flow(SCOPES)
    if "user_code" not in flow:
        sys.exit(f"Login failed: {flow}")
    print(f"Open {flow['verification_uri']} and enter the code {flow['user_code']}", file=sys.stderr)
    result = client.acquire_token_by_device_flow(flow)
    if "error" in result:
        sys.exit(f"Login failed: {result['error']}")
    save()


@app.command()
def whoami():
    print(claims()["email"])


@app.command()
def token():
    print(load()["access_token"])


@app.command()
def logout():
    client = make_client()
    for account in client.get_accounts():
        client.remove_account(account)
    save()


@app.command()
def say_hi():
    print(f"Welcome {claims()['name']}!")


def claims():
    load()
    secret = next(cache.search(cache.CredentialType.ID_TOKEN))["secret"]
    return msal.oauth2cli.oidc._decode_id_token_claims(secret)


if __name__ == "__main__":
    app()
