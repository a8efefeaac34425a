"""The names of ``awesome``, which most tests run."""

from awesome_cli import awesome

AWESOME = awesome.brand
