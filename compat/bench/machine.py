"""What the kernel tells about a process and about this machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from compat.servers import reference_binary, version_of
from respq import __version__

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2
KIB = 1024


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, all threads, and of the children it has waited for.

    The kernel's CPU clock of the process (the id is what clock_getcpuclockid(3) computes) has a
    resolution of nanoseconds where /proc has 10 ms; the children are only in /proc.
    """
    own = time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    children = int(fields[13]) + int(fields[14])
    return own + children / TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    if (match := re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)) is None:
        raise RuntimeError(f"process {pid} has no memory any more")
    return int(match[1]) * KIB


def description() -> list[str]:
    """One line each: the machine, and the version of whatever took part."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.+)", cpuinfo, re.MULTILINE)
    benchmark = subprocess.run(["redis-benchmark", "--version"], capture_output=True, check=True)
    return [
        f"{os.cpu_count()} cores, {model[1] if model else platform.machine()}",
        f"{platform.system()} {platform.release()}",
        f"respq {__version__} on {platform.python_implementation()} {platform.python_version()}",
        f"redis-server {version_of(reference_binary())}",
        benchmark.stdout.decode().strip(),
    ]
