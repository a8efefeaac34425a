"""Test kit: a simulated OpenID provider, a hostile one, and a keyring in memory. The demo uses it too.

``pytest_plugins = ["awesome_cli.testing"]`` loads the fixtures; pytest is not imported otherwise.
"""

pytest_plugins = ["awesome_cli.testing.hostile"]
