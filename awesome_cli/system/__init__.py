"""The operating system: environment, signals, event loop, private files and locks."""
