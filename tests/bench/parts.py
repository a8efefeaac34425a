"""What the instructions and the memory of commands are for: each import after those before it, and the rest.

Run it with ``nox -s bench -- --parts``. The rest of a command are this package's own modules and what it does.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

from bench.cases import RENEWAL, SAY_HI, TOKEN, Case
from bench.instructions import RECORD, Counter, Record
from bench.resources import peak_memory
from bench.runner import Runner

START = "import gc; gc.set_threshold(50_000)"  # as cli/main.py sets it
OF_SAY_HI = {
    "`re`, typing": "import re, typing",
    "jeepney": "import jeepney, jeepney.bus, jeepney.io.blocking, jeepney.wrappers",
    "json": "import json",
}
OF_TOKEN = OF_SAY_HI | {
    "dataclasses": "import dataclasses",
    "secretstorage with cryptography": "import secretstorage, secretstorage.dhcrypto, secretstorage.util",
}
OF_A_RENEWAL = OF_TOKEN | {
    "asyncio and anyio": "import asyncio, anyio, anyio._backends._asyncio",
    "httpx, httpcore, h11": "import httpx, httpcore, h11",
    "python-jose": "import jose.jws",
    "filelock": "import filelock",
}
IMPORTS = {SAY_HI: OF_SAY_HI, TOKEN: OF_TOKEN, RENEWAL: OF_A_RENEWAL}  # of what is large, in this order
AVOIDED = {
    "`re`": "import re",
    "Typer": "import typer",
    "keyring with its search for a backend": "import keyring; keyring.get_keyring()",
    "`ssl`": "import ssl",
    "`ssl` with certifi's authorities": "import ssl, certifi; ssl.create_default_context(cafile=certifi.where())",
}  # each alone


class Part(NamedTuple):
    """What something takes: instructions in units of bare Python, and megabytes."""

    name: str
    instructions: float
    megabytes: float


def parts_of_commands(runner: Runner, cases: list[Case]) -> dict[str, list[Part]]:
    """Return what bare Python, each import, and the rest of a command add to what is before; the last is the sum.

    The instructions of whole commands are those on record: on a busy machine, valgrind makes a command wait too long
    for the keyring.
    """
    bare, *_ = cases
    counter, recorded = Counter(runner.stderr, bare.argv), Record.read(RECORD).ratios

    @cache
    def cost(*codes: str) -> Part:
        argv = [*runner.python, "\n".join([START, *codes])]
        return Part("", counter.ratio(argv, {}), peak_memory(runner, argv))

    def added(name: str, after: Part, before: Part) -> Part:
        return Part(name, after.instructions - before.instructions, after.megabytes - before.megabytes)

    found = {}
    for command, imports in IMPORTS.items():
        (argv,) = (case.argv for case in cases if case.name == command)
        steps = [cost(*[*imports.values()][:count]) for count in range(len(imports) + 1)]
        whole = Part("all", recorded[command], peak_memory(runner, argv))
        rows = [added(name, after, before) for name, (before, after) in zip(imports, pairwise(steps), strict=True)]
        found[command] = [steps[0]._replace(name=bare.name), *rows, added("the rest", whole, steps[-1]), whole]
    found["avoided"] = [added(name, cost(code), cost()) for name, code in AVOIDED.items()]
    return found


def table(found: dict[str, list[Part]]) -> str:
    lines = []
    for command, rows in found.items():
        lines.append(f"{command + ':':40} {'x bare Python':>14} {'MB':>6}")
        lines += [f"  {name:38} {instructions:14.2f} {megabytes:6.1f}" for name, instructions, megabytes in rows]
    return "\n".join(lines)
