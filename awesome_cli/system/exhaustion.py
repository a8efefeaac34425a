"""Errors that mean that the system gives no more open files, memory or threads, told apart from mistakes of ours."""

from __future__ import annotations

import errno
import os

from awesome_cli.errors import ResourceExhaustedError

_NO_MEMORY_TO_MAP = "failed to map segment from shared object"  # glibc's dynamic linker
_EXHAUSTED = {number: os.strerror(number) for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)}


def exhausted(error: BaseException) -> ResourceExhaustedError | None:
    """Return what to tell the user, or None if the error means anything else."""
    reason = _reason(error)
    if not reason:
        return None
    return ResourceExhaustedError(
        f"The system refuses what the program needs to run ({reason}).",
        hint="Close other programs, or raise the limit: ulimit -n (open files), -v (memory), -u (processes, threads).",
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return _EXHAUSTED[errno.ENOMEM]
    if isinstance(error, OSError):
        return _EXHAUSTED.get(error.errno or 0, "")
    words = str(error)
    if isinstance(error, ImportError):  # the dynamic linker's words; there is no error number
        if _NO_MEMORY_TO_MAP in words:
            return _EXHAUSTED[errno.ENOMEM]
        return next((reason for reason in _EXHAUSTED.values() if reason in words), "")
    if isinstance(error, RuntimeError) and words == "can't start new thread":
        return "no more threads"
    return ""
