"""What a session is, when it is renewed, and how it is laid out in a store."""
