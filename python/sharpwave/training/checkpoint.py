"""The folder of a run.

- config.json: the environment and every setting; with model.pt, enough to rebuild the agent
- model.pt: the network that is kept, ``{"online": state_dict, "step": int}``
- checkpoint.pt: all of the agent, of late, ``{"agent": DQN.state_dict(), "step": int}``
- result.json: what came of it, see `Result`
- events.out.tfevents.*: TensorBoard's

Every file but TensorBoard's is replaced as a whole: a reader meets the old one or the new one.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

import sharpwave
from sharpwave.agents import DQN, DQNConfig
from sharpwave.training.config import TrainConfig
from sharpwave.training.environments import EnvLike, make
from sharpwave.training.result import Result

CONFIG, MODEL, CHECKPOINT, RESULT = "config.json", "model.pt", "checkpoint.pt", "result.json"


class RunFolder:
    """Writes a run's files, or nothing where there is no folder.

    Opening it takes away what an earlier run left there, so that no file speaks of another run.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is None:
            return
        path.mkdir(parents=True, exist_ok=True)
        earlier = [path / name for name in (CONFIG, MODEL, CHECKPOINT, RESULT)]
        for file in [*earlier, *path.glob("events.out.tfevents.*")]:
            file.unlink(missing_ok=True)

    def config(self, env: str | None, agent: DQNConfig, training: TrainConfig) -> None:
        settings = {"agent": dataclasses.asdict(agent), "training": dataclasses.asdict(training)}
        self._json(CONFIG, {"algo": "dqn", "env": env, **settings, "versions": _versions()})

    def model(self, weights: dict[str, Any], step: int) -> None:
        self._tensors(MODEL, {"online": weights, "step": step})

    def checkpoint(self, agent: DQN, step: int) -> None:
        self._tensors(CHECKPOINT, {"agent": agent.state_dict(), "step": step})

    def result(self, result: Result) -> None:
        self._json(RESULT, result.as_dict())

    def _json(self, name: str, value: dict[str, Any]) -> None:
        if self.path is not None:
            replace(self.path / name, (json.dumps(value, indent=2) + "\n").encode())

    def _tensors(self, name: str, value: dict[str, Any]) -> None:
        if self.path is not None:
            stream = io.BytesIO()
            torch.save(value, stream)
            replace(self.path / name, stream.getvalue())


def load_config(folder: str | Path) -> dict[str, Any]:
    """Read config.json of a run's folder."""
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise ValueError(f"{folder}: expected the folder of a run, but it has no {CONFIG}")
    config = json.loads(path.read_text())
    if not isinstance(config, dict) or not {"env", "agent"} <= config.keys():
        raise ValueError(f"{path}: expected the settings of a run, with env and agent")
    return config


def load_agent(folder: str | Path, env: EnvLike | None = None) -> DQN:
    """Rebuild the agent of a run, on the CPU, with the network that was kept.

    Parameters
    ----------
    folder
        What was given as `out`.
    env
        For its spaces; needed where the run's environment was no registered one.
    """
    config = load_config(folder)
    source = config["env"] if env is None else env
    if source is None:
        raise ValueError(f"{folder}: the run's environment has no id to make it from; pass env")
    made = make(source)
    agent = DQN(made.observation_space, made.action_space, _agent_config(folder, config["agent"]))
    model = load_tensors(Path(folder) / MODEL)
    try:
        agent.online.load_state_dict(model["online"])
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{folder}: {MODEL} does not fit {CONFIG} and the environment") from error
    return agent


def load_tensors(path: Path) -> dict[str, Any]:
    """Read a .pt file of a run onto the CPU; nothing in it is executed."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise ValueError(f"{path}: expected the file of a run, but there is none") from None
    except (RuntimeError, UnpicklingError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the file of a run, got one that cannot be read; is it damaged?"
        ) from error


def replace(path: Path, content: bytes) -> None:
    """Write a file all or nothing, also when the power fails."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _agent_config(folder: str | Path, settings: Any) -> DQNConfig:
    try:
        return DQNConfig(**{**settings, "device": "cpu"})
    except TypeError as error:
        raise ValueError(
            f"{folder}: {CONFIG} has settings that this version does not know: {error}"
        ) from error


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("numpy", "torch", "gymnasium")}
    return {"sharpwave": sharpwave.__version__, "python": platform.python_version(), **packages}
