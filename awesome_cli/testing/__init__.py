"""For tests and the demo: an OpenID provider, one that misbehaves, and a keyring in memory.

``pytest_plugins = ["awesome_cli.testing"]`` brings the fixtures; nothing here imports pytest otherwise.
"""

pytest_plugins = ["awesome_cli.testing.hostile"]
