"""Generates the reference from the program: pages, the man page and the tables of JSON members."""

SITE = "https://awesome-cli.github.io/awesome-cli/"
