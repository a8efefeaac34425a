"""Named secrets in the OS keyring, or in a plaintext file on request."""
