"""README.md is a program: its Python runs, and its commands name things that exist."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
OPTIONAL = {"torch", "gymnasium", "stable_baselines3", "tensorboard"}

pytestmark = pytest.mark.skipif(not README.is_file(), reason="needs the source tree")


def blocks(language: str) -> list[str]:
    text = README.read_text() if README.is_file() else ""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> Iterator[str]:
    for block in [block for language in ("bash", "sh", "console") for block in blocks(language)]:
        for line in block.splitlines():
            # What stands behind a # is said to the reader, and $ is the prompt.
            yield from (c.strip() for c in line.split("#")[0].removeprefix("$ ").split("&&"))


def imported(code: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def an_agent() -> dict[str, object]:
    """What a reader who already has an agent has: an environment, a step just taken, a network."""
    import gymnasium
    import torch

    env = gymnasium.make("CartPole-v1")
    obs, _ = env.reset(seed=0)
    step = dict(
        zip(("next_obs", "reward", "terminated", "truncated", "info"), env.step(1), strict=True)
    )
    return {
        "env": env,
        "obs": obs,
        "action": 1,
        **step,
        "target_network": lambda batch_of_obs: torch.zeros(len(batch_of_obs), 2),
    }


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch) -> None:
    """The blocks in their order, in one namespace, as a reader would paste them."""
    code = blocks("python")
    assert code, "the README shows the library at work"
    for name in sorted(set().union(*map(imported, code)) & OPTIONAL):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "readme", **an_agent()}
    for number, block in enumerate(code):
        exec(compile(block, f"README.md, Python block {number}", "exec"), namespace)


def test_the_readme_names_its_test_command_for_ci() -> None:
    text = README.read_text()
    match = re.search(r"<!-- test -->\n```(?:bash|sh)\n(.*?)```", text, re.DOTALL)
    assert match, ".ci/run runs the block after <!-- test -->"
    assert "pip install" in match[1]
    assert "pytest" in match[1]


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_of_the_readme_names_what_exists(command) -> None:
    words = command.split()
    if words[:2] == ["python", "-m"] and words[2] not in ("pip", "venv", "pytest"):
        module = words[2].replace(".", "/")
        there = [ROOT / f"{module}.py", ROOT / module / "__main__.py"]
        assert any(p.is_file() for p in there) or importlib.util.find_spec(words[2])
    if words[0] == "nox" and "-s" in words:
        sessions = re.findall(r"^def (\w+)\(", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
        assert set(words[words.index("-s") + 1 :]) <= set(sessions)
    if words[:2] == ["cmake", "--workflow"]:
        presets = (ROOT / "CMakePresets.json").read_text()
        assert f'"name": "{words[-1]}"' in presets
    if words[0] == "bash":
        assert (ROOT / words[1]).is_file()
    if words[0] == "sharpwave":
        assert "sharpwave = " in (ROOT / "pyproject.toml").read_text()
    for extra in re.findall(r"\[([a-z0-9,]+)\]", command):
        declared = (ROOT / "pyproject.toml").read_text()
        assert all(re.search(rf"^{name} = \[", declared, re.MULTILINE) for name in extra.split(","))
