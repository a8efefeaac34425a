"""The other sides: real providers, keyrings and browsers for the tests to talk to, each started and ended here."""
