"""Named secrets: the OS keyring, or a plaintext file on request."""
