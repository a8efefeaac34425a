"""acme, secured with awesome-cli."""

import os

import typer

from awesome_cli import Program, User

app = typer.Typer(no_args_is_help=True)
acme = Program(
    "acme",
    app=app,
    issuer=os.environ["ACME_ISSUER"],
    client_id="acme-cli",
    api_url=os.environ["ACME_ISSUER"],
)
acme.add_to(app)


@app.command()
@acme.signed_in
def say_hi(user: User) -> None:
    print(f"Welcome {user.name}!")


if __name__ == "__main__":
    acme()
