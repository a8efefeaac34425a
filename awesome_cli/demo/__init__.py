"""A small, real OpenID provider and a keyring in memory: for the demo, for tests, for trying things out."""
