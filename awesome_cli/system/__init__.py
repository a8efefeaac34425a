"""The operating system: environment, signals, event loop, files and locks."""
