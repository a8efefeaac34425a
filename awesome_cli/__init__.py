"""Sign in once, say hi all day: command-line programs that sign users in with OpenID Connect.

:class:`Program` secures a program of your own (docs/tutorials/your-own-cli.md); ``awesome`` is the first one that is
built on it. ``session()`` and ``auth()`` are those of ``awesome``; ``device_flow()`` is the device flow alone. The
reference is docs/reference/program.md.
"""

from __future__ import annotations

TYPE_CHECKING = False  # without an import: this module is loaded at every start
if TYPE_CHECKING:
    from awesome_cli.__main__ import auth, awesome, session
    from awesome_cli.library import device_flow
    from awesome_cli.program import Program
    from awesome_cli.sessions.model import Session
    from awesome_cli.sessions.user import User

__version__ = "0.1.0"
__all__ = ["Program", "Session", "User", "__version__", "auth", "awesome", "device_flow", "session"]

_MODULES = {
    "Program": "program",
    "Session": "sessions.model",
    "User": "sessions.user",
    "auth": "__main__",
    "awesome": "__main__",
    "device_flow": "library",
    "session": "__main__",
}


def __getattr__(name: str) -> object:
    """Import public names on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = __import__(f"{__name__}.{_MODULES[name]}", fromlist=[name])  # importlib would double the cost of Program
    return getattr(module, name)
