"""The command-line program of a company."""
