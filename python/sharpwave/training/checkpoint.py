"""The folder of a run.

- config.json: the environment and every setting; with model.pt, enough to rebuild the agent
- model.pt: the network that is kept, ``{"policy": state_dict, "step": int}``
- checkpoint.json: names the folder that holds all of the run, of late: state.pt and the buffer
- result.json: what came of it, see `Result`
- episodes.csv, evaluations.csv: see `records`
- events.out.tfevents.*: TensorBoard's

Every file that is read again is replaced as a whole: a reader meets the old one or the new one.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

import sharpwave
from sharpwave import ReplayBuffer
from sharpwave.agents import Agent
from sharpwave.training.algorithms import ALGORITHMS, agent_for
from sharpwave.training.config import TrainConfig
from sharpwave.training.environments import EnvLike, make
from sharpwave.training.records import HEADS
from sharpwave.training.result import Result

CONFIG, MODEL, CHECKPOINT, RESULT = "config.json", "model.pt", "checkpoint.json", "result.json"
STATE = "state.pt"
BEFORE = ".before"
"""what an earlier checkpoint of the same step is called while another takes its place"""


class RunFolder:
    """Writes a run's files, or nothing where there is no folder.

    Parameters
    ----------
    path
        Where; None writes nothing.
    goes_on
        Whether this continues the run that is there. Otherwise what an earlier run left is taken
        away, so that no file speaks of another run.
    """

    def __init__(self, path: Path | None, goes_on: bool = False) -> None:
        self.path = path
        if path is None:
            return
        path.mkdir(parents=True, exist_ok=True)
        (path / RESULT).unlink(missing_ok=True)
        if not goes_on:
            self._clear(path)

    def config(self, env: str | None, agent: Any, training: TrainConfig) -> None:
        """Write all that was asked for."""
        settings = {"agent": dataclasses.asdict(agent), "training": dataclasses.asdict(training)}
        algo, _ = agent_for(agent)
        self._json(CONFIG, {"algo": algo, "env": env, **settings, "versions": _versions()})

    def model(self, weights: Mapping[str, Any], step: int) -> None:
        """Write the network that is kept."""
        if self.path is not None:
            replace(self.path / MODEL, _tensors({"policy": dict(weights), "step": step}))

    def checkpoint(
        self, step: int, state: Mapping[str, Any], buffers: Mapping[str, ReplayBuffer]
    ) -> None:
        """Write all that the run needs to go on from ``step``, then take the earlier one away."""
        if self.path is None:
            return
        name = f"checkpoint-{step:09d}"
        made, folder, before = (self.path / (name + end) for end in (".tmp", "", BEFORE))
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        replace(made / STATE, _tensors(dict(state)))
        for buffer in buffers:
            buffers[buffer].save(made / buffer)
        if folder.exists():
            shutil.rmtree(before, ignore_errors=True)
            folder.rename(before)
        made.rename(folder)
        self._json(CHECKPOINT, {"step": step, "folder": name})
        for other in self.path.glob("checkpoint-*"):
            if other != folder:
                shutil.rmtree(other)

    def result(self, result: Result) -> None:
        """Write what came of it."""
        self._json(RESULT, result.as_dict())

    def _json(self, name: str, value: dict[str, Any]) -> None:
        if self.path is not None:
            replace(self.path / name, (json.dumps(value, indent=2) + "\n").encode())

    def _clear(self, path: Path) -> None:
        earlier = [path / name for name in (CONFIG, MODEL, CHECKPOINT, *HEADS)]
        for file in [*earlier, *path.glob("events.out.tfevents.*")]:
            file.unlink(missing_ok=True)
        for folder in path.glob("checkpoint-*"):
            shutil.rmtree(folder)


class Checkpoint(NamedTuple):
    """All that a run needs to go on."""

    step: int
    state: dict[str, Any]
    buffers: dict[str, ReplayBuffer]


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read the checkpoint of a run's folder."""
    path = Path(folder) / CHECKPOINT
    if not path.is_file():
        raise ValueError(f"{folder}: expected a run that was saved to go on, but no {CHECKPOINT}")
    found = json.loads(path.read_text())
    at = Path(folder) / str(found["folder"])
    if not at.exists():
        at = at.with_name(at.name + BEFORE)
    state = load_tensors(at / STATE)
    buffers = {path.name: ReplayBuffer.load(path) for path in at.iterdir() if path.is_dir()}
    return Checkpoint(int(found["step"]), state, buffers)


def load_config(folder: str | Path) -> dict[str, Any]:
    """Read config.json of a run's folder."""
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise ValueError(f"{folder}: expected the folder of a run, but it has no {CONFIG}")
    config = json.loads(path.read_text())
    if not isinstance(config, dict) or not {"env", "agent"} <= config.keys():
        raise ValueError(f"{path}: expected the settings of a run, with env and agent")
    return config


def load_agent(folder: str | Path, env: EnvLike | None = None) -> Agent:
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
    settings = agent_config(folder, config)
    if hasattr(settings, "device"):
        settings = dataclasses.replace(settings, device="cpu")
    agent: Agent = agent_for(settings)[1](made.observation_space, made.action_space, settings)
    made.close()
    model = load_tensors(Path(folder) / MODEL)
    try:
        agent.load_weights(model["policy"])
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


def agent_config(folder: str | Path, config: Mapping[str, Any]) -> Any:
    """Return the agent's settings that a run's config.json has."""
    algo = config.get("algo")
    if algo not in ALGORITHMS:
        raise ValueError(f"{folder}: expected an algo of {', '.join(ALGORITHMS)}, got {algo!r}")
    try:
        return ALGORITHMS[algo].config(**config["agent"])
    except TypeError as error:
        raise ValueError(
            f"{folder}: {CONFIG} has settings that this version does not know: {error}"
        ) from error


def _tensors(value: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("numpy", "torch", "gymnasium")}
    return {"sharpwave": sharpwave.__version__, "python": platform.python_version(), **packages}
