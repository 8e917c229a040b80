"""Which runs belong together: those that differ in their seed alone, or that were given one name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sharpwave.training.runs import Run

# How a run is carried out and written down; what it learns is the same but for rounding.
WITHOUT_EFFECT = ("device", "threads", "log_interval", "checkpoint_interval")


class Group(NamedTuple):
    """Runs of one environment that are seeds of the same thing."""

    env: str
    label: str
    runs: list[Run]


def by_label(found: Sequence[Sequence[Run]], labels: Sequence[str]) -> list[Group]:
    """Put runs of one label and environment together, whatever their settings.

    Parameters
    ----------
    found
        What `find_runs` returned.
    labels
        One for each folder.

    Raises
    ------
    ValueError
        Not as many labels as folders; two runs of one seed in a group.
    """
    if len(labels) != len(found):
        raise ValueError(f"labels: expected {len(found)}, one for each folder, got {len(labels)}")
    groups: dict[tuple[str, str], list[Run]] = {}
    for runs, label in zip(found, labels, strict=True):
        for run in runs:
            groups.setdefault((run.env, label), []).append(run)
    return [_checked(Group(*key, runs)) for key, runs in groups.items()]


def by_settings(found: Sequence[Sequence[Run]]) -> list[Group]:
    """Put runs together that differ in their seed alone.

    A group is named by its algorithm, and by the settings in which it differs from the others of
    that algorithm in that environment.

    Raises
    ------
    ValueError
        Two runs of one seed in a group.
    """
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for runs in found:
        for run in runs:
            key = json.dumps(dict(_effective(run)), sort_keys=True)
            groups.setdefault((run.env, run.algo, key), []).append(run)
    return [
        _checked(Group(env, _label(runs[0], _heads(groups, env, algo)), runs))
        for (env, algo, _), runs in groups.items()
    ]


def _heads(groups: dict[tuple[str, str, str], list[Run]], env: str, algo: str) -> list[Run]:
    return [runs[0] for key, runs in groups.items() if key[:2] == (env, algo)]


def _label(run: Run, others: list[Run]) -> str:
    names = dict.fromkeys(name for other in others for name, _ in _effective(other))
    settings = run.settings
    differing = [n for n in names if any(o.settings.get(n) != settings.get(n) for o in others)]
    return ", ".join([run.algo, *(f"{n}={_word(settings.get(n))}" for n in differing)])


def _effective(run: Run) -> Iterator[tuple[str, Any]]:
    # A setting that is None is as good as one that an earlier version did not have.
    for name, value in run.settings.items():
        if name not in WITHOUT_EFFECT and value is not None:
            yield name, value


def _word(value: Any) -> str:
    return ",".join(map(_word, value)) if isinstance(value, list) else str(value)


def _checked(group: Group) -> Group:
    # The same run twice would make the interval narrower than the evidence.
    first: dict[int, Run] = {}
    for run in group.runs:
        if run.seed in first:
            raise ValueError(
                f"{group.label}: expected different seeds, but {first[run.seed].folder} and "
                f"{run.folder} both have {run.seed}; leave one out or give them different labels"
            )
        first[run.seed] = run
    return group
