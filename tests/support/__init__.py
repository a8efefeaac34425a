"""Runs the program for tests, and real providers, keyrings and browsers that it is tested with."""
