"""Keyring backends for rough weather, to be named by ``PYTHON_KEYRING_BACKEND``."""
