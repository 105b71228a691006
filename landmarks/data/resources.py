"""What this process may use of the machine: memory and cores, a container's limits before the host's figures."""

import contextlib
import ctypes
import os
from pathlib import Path

_UNKNOWN_MEMORY = 4 << 30


def available_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may still use: the tightest of the control groups above it and the host's free memory."""
    free = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = (proc / "meminfo").read_text(encoding="utf-8").splitlines()
        free.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")))
    names = {"": ("memory.max", "memory.current"), "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes")}
    for controller, (limit, used) in names.items():
        for folder in _groups(proc, cgroup, controller):
            # a limit of "max" is no number, and version 1 writes a huge one: neither binds
            with contextlib.suppress(OSError, ValueError):
                taken = int((folder / used).read_text(encoding="utf-8")) - _reclaimable(folder / "memory.stat")
                free.append(int((folder / limit).read_text(encoding="utf-8")) - taken)
    return max(0, min(free)) if free else _UNKNOWN_MEMORY


def usable_cores(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores of this process: those it may be scheduled on, within the tightest quota of the control groups above it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for folder in _groups(proc, cgroup, ""):
        with contextlib.suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
            cores = min(cores, int(quota) // int(period))
    for folder in _groups(proc, cgroup, "cpu"):
        with contextlib.suppress(OSError, ValueError):
            quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="utf-8"))
            if quota > 0:
                cores = min(cores, quota // int((folder / "cpu.cfs_period_us").read_text(encoding="utf-8")))
    return max(1, cores)


def keep_freed_memory() -> None:
    """glibc gives a large block that is freed back to the system and fetches it again, page by page, a moment later.

    Keeping it makes a training step on the CPU 1.7 times faster and a loader worker 1.2 times
    (docs/results/memory_and_speed.md); other C libraries do not need or know this.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD


def _groups(proc: Path, cgroup: Path, controller: str) -> list[Path]:
    """Folders of this process's control group and of all above it, of a controller of version 1, or of version 2 ("")."""
    top = cgroup / controller
    found = [top]
    with contextlib.suppress(OSError):
        for line in (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                inner = top / path.lstrip("/")
                # inside a container the path may be the host's, of which only the top is mounted
                found += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(top) and folder != top]
    return found


def _reclaimable(stat: Path) -> int:
    """Bytes of file cache that the kernel gives back before it refuses memory."""
    with contextlib.suppress(OSError, ValueError):
        for line in stat.read_text(encoding="utf-8").splitlines():
            if line.startswith(("inactive_file ", "total_inactive_file ")):
                return int(line.split()[1])
    return 0
