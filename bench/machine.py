"""What a measurement was made on, without the machine's name or anyone's paths."""

from __future__ import annotations

import os
import platform
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Processor, caches, memory, kernel, Python, and how busy the machine was."""
    return {
        "cpu": first_match(r"model name\s*: (.*)", "/proc/cpuinfo")
        or platform.processor()
        or "unknown",
        "cpus": os.cpu_count(),
        "caches": caches(),
        "memory_gib": round(
            int(first_match(r"MemTotal:\s*(\d+)", "/proc/meminfo") or 0) / 2**20, 1
        ),
        "huge_pages": first_match(r"\[(\w+)\]", "/sys/kernel/mm/transparent_hugepage/enabled")
        or "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def slug(machine: dict[str, Any]) -> str:
    """A file name's part: ``amd-epyc-2-cpus``."""
    return re.sub(r"[^a-z0-9]+", "-", f"{machine['cpu']} {machine['cpus']} cpus".lower()).strip("-")


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def caches() -> dict[str, str]:
    """Size by level, of the first processor: ``{"L1 Data": "32K", ...}``."""
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (read(folder / name) for name in ("level", "type", "size"))
        found[f"L{level} {kind}"] = size
    return found


def first_match(pattern: str, path: str) -> str | None:
    match = re.search(pattern, read(Path(path)))
    return match.group(1).strip() if match else None


def read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
