"""What the operating system knows about this process: memory, processor time, its own name.

Memory is read from /proc where there is one (15 µs) and otherwise given as the peak, all that
getrusage has. One process is asked about: this one, at the moment of the call.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import NamedTuple

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # unit of ru_maxrss


class CpuSeconds(NamedTuple):
    """Processor time used."""

    system: float
    user: float


def resident_bytes() -> int:
    """Memory that is in RAM."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return peak_bytes()


def peak_bytes() -> int:
    """The most memory that ever was in RAM."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES


def machine_bytes() -> int:
    """The RAM of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES


def cpu_seconds() -> CpuSeconds:
    """All threads of this process."""
    return _cpu(resource.RUSAGE_SELF)


def children_cpu_seconds() -> CpuSeconds:
    """Child processes that have ended."""
    return _cpu(resource.RUSAGE_CHILDREN)


def thread_cpu_seconds() -> CpuSeconds:
    """The calling thread; where the system does not say, the process."""
    return _cpu(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF))


def _cpu(who: int) -> CpuSeconds:
    usage = resource.getrusage(who)
    return CpuSeconds(usage.ru_stime, usage.ru_utime)


def system_name() -> str:
    """Name, release and machine of the operating system."""
    name = os.uname()
    return f"{name.sysname} {name.release} {name.machine}"
