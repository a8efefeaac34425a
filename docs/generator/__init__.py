"""Generates parts of the reference from the program."""
