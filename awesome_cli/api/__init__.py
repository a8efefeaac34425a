"""Calls to a protected API with the access token (RFC 6750)."""
