"""Whether any installed package may have entry points of a group, without importlib.metadata.

Its import, and parsing the metadata of all packages, take as long as Python takes to start, which is in vain where no
package adds commands.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder


def may_be_declared(group: str) -> bool:
    """Return False if no ``entry_points.txt`` names the group, and no archive or other finder may have packages."""
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
        if name.lower().endswith((".dist-info", "egg-info"))  # EGG-INFO in the folder of an egg
    )


def _is_named_in(file: str, group: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return group.encode() in opened.read()
    except OSError:
        return False
