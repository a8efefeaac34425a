"""The ``awesome`` program: ``python -m awesome_cli``."""

from awesome_cli.cli.main import run

if __name__ == "__main__":
    run()
