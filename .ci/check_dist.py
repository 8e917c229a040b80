"""What is about to be released: `python .ci/check_dist.py dist` reads the sdist and the wheel in it."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

WHEEL_BYTES = 2_000_000
BUILT = re.compile(r"(^|/)(build|dist|__pycache__|\.git|\.venv)/|\.(pyc|o|a|so|pyd|whl|gch)$")
SDIST = [
    *("CMakeLists.txt", "pyproject.toml", "constraints.txt", "README.md", "LICENSE", "PKG-INFO"),
    *("cpp/sharpwave/replay_buffer.cpp", "cpp/bindings/module.cpp", "tests/cpp/main.cpp"),
    *("python/sharpwave/__init__.py", "tests/python/conftest.py", "tests/golden", "docs", "bench"),
]
WHEEL = ["sharpwave/__init__.py", "sharpwave/py.typed", "sharpwave/_core.pyi", "sharpwave/_core."]


def one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{folder}: expected one {pattern}, found {[path.name for path in found]}")
    return found[0]


def missing(wanted: list[str], names: list[str]) -> list[str]:
    return [
        f"{start} is missing" for start in wanted if not any(n.startswith(start) for n in names)
    ]


def sdist_faults(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    strange = [name for name in names if BUILT.search(name) or name.startswith("bench/results/")]
    return missing(SDIST, names) + [f"{name} is no source" for name in strange]


def wheel_faults(path: Path) -> list[str]:
    names = zipfile.ZipFile(path).namelist()
    ours = re.compile(r"sharpwave/.*\.(py|pyi|toml)$|sharpwave/(py\.typed|_core\.[^/]*\.(so|pyd))$")
    strange = [n for n in names if not ours.search(n) and ".dist-info/" not in n]
    faults = missing(WHEEL, names) + [f"{name} does not belong there" for name in strange]
    size = path.stat().st_size
    return faults + [f"{size} bytes are more than {WHEEL_BYTES}"] * (size > WHEEL_BYTES)


def main() -> None:
    folder = Path(sys.argv[1])
    sdist, wheel = one(folder, "*.tar.gz"), one(folder, "*.whl")
    faults = [f"{sdist.name}: {fault}" for fault in sdist_faults(sdist)]
    faults += [f"{wheel.name}: {fault}" for fault in wheel_faults(wheel)]
    if faults:
        raise SystemExit("\n".join(faults))
    print(*(f"{path.name}: {path.stat().st_size:,} bytes" for path in (sdist, wheel)), sep="\n")


if __name__ == "__main__":
    main()
