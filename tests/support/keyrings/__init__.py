"""Keyring backends for tests, to be selected by ``PYTHON_KEYRING_BACKEND``."""
