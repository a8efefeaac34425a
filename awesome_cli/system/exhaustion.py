"""Recognizes errors that mean that the system is out of file descriptors, memory or threads."""

from __future__ import annotations

import errno
import os

from awesome_cli.errors import ResourceExhaustedError

_NO_MEMORY_TO_MAP = "failed to map segment from shared object"  # glibc's dynamic linker
_REASONS = {number: os.strerror(number) for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)}


def exhausted(error: BaseException) -> ResourceExhaustedError | None:
    """Return the error to raise instead, or None if ``error`` means anything else."""
    reason = _reason(error)
    if not reason:
        return None
    return ResourceExhaustedError(
        f"The system refuses what the program needs to run ({reason}).",
        hint="Close other programs, or raise the limit: ulimit -n (open files), -v (memory), -u (processes, threads).",
    )


def _reason(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and _NO_MEMORY_TO_MAP in text):
        return _REASONS[errno.ENOMEM]
    if isinstance(error, OSError):
        return _REASONS.get(error.errno or 0, "")
    if isinstance(error, ImportError):  # the dynamic linker's message, which comes without an error number
        return next((reason for reason in _REASONS.values() if reason in text), "")
    return "no more threads" if isinstance(error, RuntimeError) and text == "can't start new thread" else ""
