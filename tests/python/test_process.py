"""What happens at the edges of a process: fork, exit, signals.

Each test is a script in a process of its own, because a fork copies everything that the tests
before it have left behind.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
unless_sanitized = pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""),
    reason="AddressSanitizer's allocator stays locked in a child if another thread was in it",
)

SETUP = """
import os, sys, threading, time, warnings
import numpy as np
import sharpwave as sw
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of fork beside threads

f = sw.Field((), "int64")
def make(seed=7):
    buffer = sw.ReplayBuffer(1000, observation_space=f, action_space=f, seed=seed)
    t = np.arange(1000)
    buffer.extend(t, t, t, t + 1, t < 0, t < 0)
    return buffer

def forked(function):
    \"\"\"What `function` prints in a child; a child that takes ten seconds hangs.\"\"\"
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, str(function()).encode())
        finally:
            os._exit(0)
    os.close(write)
    end = time.monotonic() + 10
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(read)
            return "hangs"
        time.sleep(0.001)
    with os.fdopen(read, "rb") as pipe:
        return pipe.read(60000).decode()

def draw():
    return buffer.sample(64).index.tolist()
"""


def run(script: str, timeout: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SETUP + script],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@needs_fork
def test_children_of_a_fork_draw_other_rows_than_the_parent_and_each_other() -> None:
    script = """
buffer = make()
buffer.sample(10)
streams = [forked(draw) for _ in range(4)] + [str(draw())]
print(len(set(streams)), all(s.startswith("[") for s in streams))
"""
    assert run(script) == "5 True"


@needs_fork
def test_a_fork_does_not_change_what_the_parent_draws() -> None:
    script = """
buffer = make()
forked(draw)
twin = make()
print(draw() == twin.sample(64).index.tolist())
"""
    assert run(script) == "True"


@needs_fork
def test_a_child_samples_although_threads_were_busy_at_the_fork() -> None:
    script = """
buffer = make()
stop = threading.Event()
def sample():
    while not stop.is_set(): buffer.sample(20_000)  # long enough to let go of the GIL
def add():
    t = np.arange(20_000)
    while not stop.is_set(): buffer.extend(t, t, t, t + 1, t < 0, t < 0)
threads = [threading.Thread(target=body, daemon=True) for body in (sample, sample, add)]
for thread in threads: thread.start()
def work():
    buffer.add(1, 1, 1.0, 1, False, False)
    return len(buffer.sample(64))
results = []
while len(results) < 40 and "hangs" not in results: results.append(forked(work))
stop.set()
for thread in threads: thread.join()
print(set(results))
"""
    assert run(script, timeout=500) == "{'64'}"


@needs_fork
def test_forks_of_many_buffers_do_not_lock_out_the_threads_that_add() -> None:
    """With threads that switch all the time, so that one gets in between any two steps of a fork."""
    script = """
buffers = [make() for _ in range(40)]
sys.setswitchinterval(1e-6)
stop = threading.Event()
def add(start):
    while not stop.is_set():
        for buffer in buffers[start:] + buffers[:start]:
            buffer.add(1, 1, 1.0, 1, False, False)
            buffer.sample(4)
threads = [threading.Thread(target=add, args=(10 * i,), daemon=True) for i in range(3)]
for thread in threads: thread.start()
def work():
    return sum(len(buffer.sample(8)) for buffer in buffers)
results = [forked(work) for _ in range(30)]
stop.set()
for thread in threads: thread.join()
print(set(results))
"""
    assert run(script, timeout=100) == "{'320'}"


@needs_fork
def test_parent_and_child_do_not_see_each_others_rows() -> None:
    script = """
buffer = make()
def overwrite():
    t = np.full(1000, -1)
    buffer.extend(t, t, t, t, t > 0, t > 0)
    return buffer.sample(100).obs.max()
print(forked(overwrite), buffer.sample(100).obs.min() >= 0)
"""
    assert run(script) == "-1 True"


def test_the_interpreter_ends_quietly_with_everything_still_alive() -> None:
    script = """
import gc
buffer = make()
batches = [buffer.sample(32) for _ in range(10)]
view = buffer["obs"]
cycle = [batches, buffer]; cycle.append(cycle)
sys.kept = (view, memoryview(batches[0].obs), cycle)
del buffer, batches, view, cycle
print("end")
"""
    assert run(script) == "end"


def test_the_interpreter_ends_quietly_while_a_daemon_thread_samples() -> None:
    script = """
buffer = make()
def sample():
    while True: buffer.sample(1000)
threading.Thread(target=sample, daemon=True).start()
time.sleep(0.2)
print("end")
"""
    assert run(script) == "end"


def test_the_interpreter_ends_quietly_while_daemon_threads_wait_for_it() -> None:
    """In calls so long that other threads have the interpreter meanwhile, and in next()."""
    script = """
f = sw.Field((1000,), "float32")
buffer = sw.ReplayBuffer(200, observation_space=f, action_space=f)
t = np.zeros((200, 1000), "float32")
buffer.extend(t, t, t[:, 0], t, t[:, 0] > 0, t[:, 0] > 0)
batches = buffer.prefetch(200)
def sample():
    while True: buffer.sample(200)
def take():
    for batch in batches: pass
def add():
    while True: buffer.extend(t, t, t[:, 0], t, t[:, 0] > 0, t[:, 0] > 0)
for body in (sample, sample, take, take, add):
    threading.Thread(target=body, daemon=True).start()
time.sleep(0.2)
print("end")
"""
    for _ in range(3):
        assert run(script) == "end"


def test_the_interpreter_ends_quietly_with_iterators_that_nobody_closed() -> None:
    script = """
sys.kept = [make().prefetch(32), make().prefetch(20_000)]
sys.kept.append(sys.kept)
batches = make().prefetch(20_000)
next(batches)
waiting = sw.ReplayBuffer(10, observation_space=f, action_space=f).prefetch(4)
print("end")
"""
    assert run(script) == "end"


def test_arrays_may_leave_their_dict_while_they_are_copied() -> None:
    """Their memory is unmapped when they are let go, so that to read it then is a crash."""
    script = """
import mmap
def fresh():
    return np.frombuffer(mmap.mmap(-1, 1_000_000), "uint8")
wide = sw.Field((1_000_000,), "uint8")
buffer = sw.ReplayBuffer(4, observation_space={"wide": wide}, action_space=f)
obs = {"wide": fresh()}
stop = threading.Event()
def renew():
    while not stop.is_set(): obs["wide"] = fresh()
threads = [threading.Thread(target=renew) for _ in range(2)]
for thread in threads: thread.start()
end = time.monotonic() + 2
while time.monotonic() < end: buffer.add(obs, 0, 0.0, obs, False, False)
stop.set()
for thread in threads: thread.join()
print(len(buffer))
"""
    assert run(script) == "4"


def test_a_batch_may_lose_its_columns_while_it_is_filled_again() -> None:
    script = """
wide = sw.Field((100_000,), "uint8")
buffer = sw.ReplayBuffer(4, observation_space=wide, action_space=f)
row = np.zeros(100_000, "uint8")
buffer.add(row, 0, 0.0, row, False, False)
for _ in range(30):
    batches = [buffer.sample(1000)]
    def clear():
        batches[0].__dict__.clear()
    timer = threading.Timer(0.005, clear)
    timer.start()
    try:
        while True: buffer.sample(out=batches[0])
    except ValueError:
        pass
    timer.join()
print("end")
"""
    assert run(script) == "end"


@needs_fork
def test_a_child_draws_ahead_with_a_thread_and_a_stream_of_its_own() -> None:
    script = """
buffer = make()
batches = buffer.prefetch(64)
def take():
    return next(batches).index.tolist()
first = take()
streams = [forked(take) for _ in range(4)] + [str(take())]
print(len(set(streams)), all(s.startswith("[") for s in streams))
twin = make().prefetch(64)
twin_first = next(twin).index.tolist()
print(first == twin_first, streams[-1] == str(next(twin).index.tolist()))
def closed():
    batches.close()
    return list(batches)
print(forked(closed), len(take()))
"""
    assert run(script) == "5 True\nTrue True\n[] 64"


@needs_fork
@unless_sanitized
def test_a_child_draws_ahead_although_threads_were_busy_at_the_fork() -> None:
    script = """
buffer = make()
batches = [buffer.prefetch(20_000), buffer.prefetch(16, 5), buffer.prefetch(3000, length=4)]
stop = threading.Event()
def take(mine):
    while not stop.is_set(): next(mine)
def add():
    while not stop.is_set(): buffer.add(1, 1, 1.0, 1, False, False)
threads = [threading.Thread(target=take, args=(mine,), daemon=True) for mine in batches]
threads.append(threading.Thread(target=add, daemon=True))
for thread in threads: thread.start()
def work():
    lengths = [len(next(mine)) for mine in batches]
    del batches[:]
    return lengths
results = []
while len(results) < 30 and "hangs" not in results: results.append(forked(work))
stop.set()
for thread in threads: thread.join()
print(set(results))
"""
    assert run(script, timeout=300) == "{'[20000, 16, 3000]'}"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently")
def test_an_interrupt_ends_the_wait_for_a_batch() -> None:
    script = """
import signal
buffer = make()
batches = buffer.prefetch(4, 1)
for _ in range(3): next(batches)
locked, done = threading.Event(), threading.Event()
def hold():  # the buffer's lock, so that no batch comes
    buffer._before_fork()
    locked.set()
    done.wait()
    buffer._after_fork_in_parent()
holder = threading.Thread(target=hold)
holder.start()
locked.wait()
threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    while True: next(batches)
except KeyboardInterrupt:
    print(0.1 < time.monotonic() - start < 5)
done.set()
holder.join()
print(len(next(batches)))
"""
    assert run(script) == "True\n4"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently")
def test_an_interrupt_arrives_between_two_calls() -> None:
    script = """
import signal
buffer = make()
threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    while time.monotonic() < start + 20: buffer.sample(4096)
    print("never")
except KeyboardInterrupt:
    print(time.monotonic() - start < 2, len(buffer.sample(3)))
"""
    assert run(script) == "True 3"
