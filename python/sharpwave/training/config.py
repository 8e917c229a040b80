"""What a run does besides learning, and settings given as words."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sharpwave.agents import checks


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run. Steps are transitions, however many environments they come from."""

    steps: int = 50_000
    """length of the run; several environments may overshoot it by less than their number"""
    seed: int = 0
    """of everything: weights, exploration, buffer, environments, evaluation"""
    num_envs: int = 1
    """environments stepped side by side"""
    data: str | None = None
    """offline data: the id of a Minari dataset, or a folder that ReplayBuffer.save() wrote"""
    data_share: float = 0.5
    """share of every batch that is from the data, as RLPD has it; 1 learns from the data alone"""
    eval_interval: int = 1_000
    """steps between greedy evaluations, whose best network is kept; 0: none, the last is kept"""
    eval_episodes: int = 10
    """episodes of such an evaluation"""
    final_episodes: int = 100
    """episodes of the evaluation that is reported, on seeds of its own; 0 for none"""
    stop_when_solved: bool = True
    """end when the return to reach is reached, three standard errors clear"""
    stop_at_return: float | None = None
    """the return to reach; None takes the environment's reward_threshold"""
    checkpoint_interval: int = 50_000
    """steps between checkpoints, which hold the buffer too; 0: none, also not at the end"""
    log_interval: int = 1_000
    """steps between lines in the log"""
    wandb: str | None = None
    """project of Weights & Biases to which the numbers for TensorBoard go too"""
    threads: int = 1
    """torch's threads during the run; small networks are fastest with one"""

    def __post_init__(self) -> None:
        may_be_zero = ("seed", "eval_interval", "final_episodes", "checkpoint_interval")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "stop_when_solved":
                checks.flag(field.name, value)
            elif field.name in ("data", "wandb"):
                value = None if value is None else str(value)
            elif field.name == "data_share":
                value = checks.number(field.name, value, above=0, at_most=1)
            elif field.name == "stop_at_return":
                value = None if value is None else checks.number(field.name, value)
            else:
                least = 0 if field.name in may_be_zero else 1
                value = checks.integer(field.name, value, at_least=least)
            object.__setattr__(self, field.name, value)

    @property
    def offline(self) -> bool:
        """Whether nothing is collected."""
        return self.data is not None and self.data_share == 1

    @property
    def evaluates(self) -> bool:
        """Whether an environment to evaluate in is needed."""
        return self.eval_interval > 0 or self.final_episodes > 0


def parse_settings(words: Iterable[str], *configs: type[Any]) -> dict[str, Any]:
    """Read settings of the form name=value, each by the type of its field in a dataclass.

    Examples
    --------
    >>> from sharpwave.training.config import TrainConfig, parse_settings
    >>> parse_settings(["steps=2e4", "stop_when_solved=no"], TrainConfig)
    {'steps': 20000, 'stop_when_solved': False}
    """
    types: dict[str, Any] = {}
    for config in configs:
        hints = typing.get_type_hints(config)
        types |= {field.name: hints[field.name] for field in dataclasses.fields(config)}
    return dict(_parse(word, types) for word in words)


def pick(settings: Mapping[str, Any], config: type[Any]) -> dict[str, Any]:
    """Return those of the settings that are fields of ``config``."""
    names = {field.name for field in dataclasses.fields(config)}
    return {name: value for name, value in settings.items() if name in names}


def _parse(word: str, types: Mapping[str, Any]) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise ValueError(f"expected name=value, got {word!r}")
    if name not in types:
        raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(types))}")
    try:
        return name, _value(text.strip(), types[name])
    except ValueError:
        raise ValueError(f"{name}: expected {_describe(types[name])}, got {text!r}") from None


def _value(text: str, kind: Any) -> Any:
    if kind is bool:
        return _BOOLEANS[text.lower()] if text.lower() in _BOOLEANS else _fail()
    if kind is int:
        return _integer(text)
    if kind == tuple[int, ...]:
        return tuple(
            _integer(part) for part in text.strip("()[]").replace(" ", "").split(",") if part
        )
    options = typing.get_args(kind)
    if type(None) in options:
        return None if text.lower() == "none" else _value(text, options[0])
    return kind(text)


def _integer(text: str) -> int:
    if text.lstrip("+-").replace("_", "").isdigit():
        return int(text)
    number = float(text)
    return int(number) if number.is_integer() else _fail()


def _fail() -> Any:
    raise ValueError


def _describe(kind: Any) -> str:
    options = typing.get_args(kind)
    if type(None) in options:
        return f"{_describe(options[0])} or none"
    return _WORDS.get(kind, "a word")


_WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    tuple[int, ...]: "integers such as 256,128",
}
_BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
