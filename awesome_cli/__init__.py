"""Sign in once, say hi all day: a CLI secured by the OAuth 2.0 device authorization grant."""

__version__ = "0.1.0"
