"""Importing sharpwave costs less than 30 ms beside NumPy; to be run where nothing else runs."""

import subprocess
import sys

FRESH = """
import time, numpy
start = time.perf_counter()
import sharpwave
print(time.perf_counter() - start)
"""

MOST = 0.030
quickest = float("inf")
for _ in range(25):  # a machine that is busy has quiet moments
    done = subprocess.run([sys.executable, "-c", FRESH], check=True, capture_output=True, text=True)
    quickest = min(quickest, float(done.stdout))
print(f"importing: {quickest * 1e3:.1f} ms beside NumPy")
if quickest > MOST:
    sys.exit(f"importing: expected at most {MOST * 1e3:.0f} ms")
