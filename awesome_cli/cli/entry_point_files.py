"""Whether any installed package may have entry points of a group, without importlib.metadata.

Its import, and parsing the metadata of all packages, take as long as Python takes to start, for nothing where no
package adds commands.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder


def may_be_declared(group: str) -> bool:
    """Whether a file of entry points names the group, or packages may be where only importlib.metadata finds them."""
    if any(hasattr(finder, "find_distributions") for finder in sys.meta_path if finder is not PathFinder):
        return True
    return any(os.path.isfile(folder) or _is_named_below(folder or os.curdir, group) for folder in sys.path)


def _is_named_below(folder: str, group: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(
        _is_named_in(os.path.join(folder, name, "entry_points.txt"), group)
        for name in names
        if name.lower().endswith((".dist-info", ".egg-info", "egg-info"))
    )


def _is_named_in(file: str, group: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return group.encode() in opened.read()
    except OSError:
        return False
