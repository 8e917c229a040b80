"""sharpwave doctor: what a bug report needs, and a saved buffer under the glass."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from helpers import numbered, numbered_buffer

import sharpwave as sw
from sharpwave import build_info
from sharpwave.cli import main


def report(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, str], str]:
    """The table of names and values, and what is written below it."""
    assert main(["doctor", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    table, _, rest = out.partition("\n\n")
    return {line[:12].strip(): line[12:].strip() for line in table.splitlines()}, rest


def test_it_describes_the_build_and_the_machine(capsys) -> None:
    table, rest = report(capsys)
    assert {name: table[name] for name in sw.build_config()} == sw.build_config()
    assert table["numpy"] == np.__version__
    assert {"huge pages", "torch", "gymnasium"} <= set(table)
    assert rest == ""


def test_the_state_of_huge_pages_is_the_word_in_brackets(monkeypatch, tmp_path) -> None:
    setting = tmp_path / "enabled"
    monkeypatch.setattr(build_info, "_HUGE_PAGES", setting)
    assert build_info.machine()["huge pages"] == "unknown"
    setting.write_text("always madvise [never]\n")
    assert build_info.machine()["huge pages"] == "never"


def test_what_is_not_installed_is_said_to_be_so(monkeypatch) -> None:
    monkeypatch.setattr(build_info, "_COMPANIONS", ("numpy", "no-such-package-at-all"))
    machine = build_info.machine()
    assert machine["numpy"] == np.__version__
    assert machine["no-such-package-at-all"] == "not installed"


def test_a_saved_buffer_is_counted_and_diagnosed(capsys, tmp_path) -> None:
    buffer = numbered_buffer(500, sampler=sw.Prioritized(), seed=0)
    buffer.extend(**numbered(np.arange(200)))
    buffer.extend(**numbered(np.arange(50)))
    buffer.save(tmp_path)
    _, rest = report(capsys, str(tmp_path))
    assert rest.startswith("ReplayBuffer(250 of 500 transitions")
    assert str(buffer.stats()).splitlines()[1] in rest
    assert "[broken_episode: 1; index 199]" in " ".join(rest.split())


def test_a_saved_buffer_with_hindsight_needs_no_reward_function(capsys, tmp_path) -> None:
    goal = sw.Field((1,))
    hindsight = sw.Hindsight(reward=lambda a, d, info: (a == d).all(-1))
    buffer = sw.ReplayBuffer(
        10,
        observation_space={"achieved_goal": goal, "desired_goal": goal},
        action_space=sw.Field(),
        hindsight=hindsight,
    )
    obs = {"achieved_goal": [0.0], "desired_goal": [1.0]}
    buffer.add(obs, 0.0, 0.0, obs, True, False)
    buffer.save(tmp_path)
    _, rest = report(capsys, str(tmp_path))
    assert rest.endswith("1 transitions were looked at, and nothing was found.\n")


def test_a_folder_without_a_buffer_is_one_line_and_status_2(capsys, tmp_path) -> None:
    assert main(["doctor", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sharpwave: error: {tmp_path}: expected a folder with a manifest")
    assert err.count("\n") == 1


def test_it_needs_numpy_only() -> None:
    code = "import sys\nfor name in ('torch', 'gymnasium'): sys.modules[name] = None\n"
    code += "import sharpwave.cli as cli; sys.exit(cli.main(['doctor']))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "kernels" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe that is closed says so on POSIX")
def test_a_reader_who_has_seen_enough_ends_it_quietly() -> None:
    """`sharpwave doctor | head -1`: here the reader is gone before the first line."""
    code = (
        "import sys\nfrom sharpwave.cli import main\nsys.stdin.read()\nsys.exit(main(['doctor']))"
    )
    doctor = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert doctor.stdout is not None
    doctor.stdout.close()
    doctor.stdout = None
    _, err = doctor.communicate(timeout=60)
    assert (doctor.returncode, err) == (141, "")
