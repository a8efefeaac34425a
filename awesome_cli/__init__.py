"""Sign in once, say hi all day: a CLI secured by the OAuth 2.0 device authorization grant.

For other programs: ``awesome_cli.auth()`` adds the token to the requests of an httpx client,
``awesome_cli.session()`` returns the stored session, ``awesome_cli.device_flow()`` is the device flow itself. See
docs/reference/library.md.
"""

from __future__ import annotations

TYPE_CHECKING = False  # without an import: see __main__
if TYPE_CHECKING:
    from awesome_cli.program import auth, device_flow, session

__version__ = "0.1.0"
__all__ = ["__version__", "auth", "device_flow", "session"]


def __getattr__(name: str) -> object:
    """Import public names on first use (PEP 562): the program itself needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from awesome_cli import program as library

    return getattr(library, name)
