"""Test kit: a terminal for programs, a simulated OpenID provider, a hostile one, a keyring in memory, virtual time.

``pytest_plugins = ["awesome_cli.testing"]`` loads the fixtures; pytest is not imported otherwise.
"""

pytest_plugins = ["awesome_cli.testing.hostile", "awesome_cli.testing.terminal"]
