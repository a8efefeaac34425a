"""The HTTP conversation with one OpenID provider."""
