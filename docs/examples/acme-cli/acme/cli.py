"""``acme``: login and its like by awesome-cli, and three commands of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    with api_errors():
        found = api.get("orders", params={"limit": limit}).raise_for_status().json()
    for order in found:
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
        with api_errors():
            response = await api.post(f"deployments/{service}", json={"by": user.email})
            deployed = response.raise_for_status().json()["version"]
        typer.echo(f"{service}: {deployed}")

    async with anyio.create_task_group() as tasks:
        for service in services:
            tasks.start_soon(deploy_one, service)


@contextmanager
def api_errors() -> Iterator[None]:
    """Turn what may go wrong with the API into an error that ends the program with a sentence and an exit code."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise ProviderError(f"The API answered with status {error.response.status_code}.") from error
    except httpx.HTTPError as error:
        raise ProviderError(f"The API cannot be reached ({type(error).__name__}).") from error
    except (ValueError, KeyError) as error:
        raise ProviderError("The API answered with something else than was asked for.") from error
