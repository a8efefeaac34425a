"""Generates parts of the reference from the program."""

SITE = "https://awesome-cli.github.io/awesome-cli/"
