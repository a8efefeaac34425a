"""``acme``: login and its like by awesome-cli, and three commands of its own."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import anyio
import httpx
import typer

from awesome_cli import Program, User
from awesome_cli.errors import ProviderError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
orders = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(orders, name="orders", help="What customers ordered.")

acme = Program(
    "acme",
    app=app,
    version=version("acme-cli"),
    issuer="https://login.acme.example/",
    client_id="acme-cli",
    audience="https://api.acme.example/",
    api_url="https://api.acme.example/",
)
acme.add_to(app)


@app.command()
@acme.signed_in
def say_hi(user: User) -> None:
    """Greet whoever is signed in."""
    typer.echo(f"Welcome {user.name}!")


@orders.command("list")
@acme.signed_in
def list_orders(
    api: httpx.Client,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 10,
) -> None:
    """List the latest orders."""
    for order in _json(api.get("orders", params={"limit": limit})):
        typer.echo(f"{order['id']}  {order['item']}")


@app.command()
@acme.signed_in
async def deploy(
    api: httpx.AsyncClient,
    user: User,
    services: Annotated[list[str], typer.Argument(help="The services to deploy.")],
) -> None:
    """Deploy services, all at the same time."""

    async def deploy_one(service: str) -> None:
        version = _json(await api.post(f"deployments/{service}", json={"by": user.email}))["version"]
        typer.echo(f"{service}: {version}")

    async with anyio.create_task_group() as tasks:
        for service in services:
            tasks.start_soon(deploy_one, service)


def _json(response: httpx.Response) -> list[dict[str, str]] | dict[str, str]:
    """Return what the API answers. Raises ProviderError, which ends the program with a sentence and an exit code."""
    try:
        return response.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise ProviderError(f"The API answered with status {response.status_code}.") from error
