"""A buffer in a folder: what its manifest says, and how one replaces another.

docs/format.md is the grammar. The segments of one save lie in a folder of their own beside the
manifest, which is written last and replaced in one step: until then it names the segments before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpwave import _core
from sharpwave.errors import CheckpointError
from sharpwave.field import Field
from sharpwave.samplers import (
    Prioritized,
    RankPrioritized,
    Recency,
    Reservoir,
    Sampler,
    Uniform,
    WithoutReplacement,
)
from sharpwave.spaces import FieldTree

if TYPE_CHECKING:
    from sharpwave.replay_buffer import ReplayBuffer

MANIFEST = "manifest.json"
VERSION = 1

Segments = list[tuple[str, int, int]]

_SAMPLERS = {
    kind.kind: kind for kind in (Uniform, Prioritized, RankPrioritized, WithoutReplacement, Recency)
}
_DAMAGED = "; it is damaged or was not written by ReplayBuffer.save(): take an older copy"


def write(path: Path, settings: Mapping[str, Any], buffer: _core.ReplayBuffer) -> None:
    """Save a buffer into a folder, over what was saved there before."""
    path.mkdir(parents=True, exist_ok=True)
    strangers = [p.name for p in path.iterdir() if not _is_ours(p)]
    if strangers:
        raise FileExistsError(
            f"{path}: expected a new or empty folder, or one that holds a saved buffer, but "
            f"{strangers[0]!r} is in it; save to a folder of its own"
        )
    generation = f"segments-{os.urandom(8).hex()}"
    folder = path / generation
    folder.mkdir()
    try:
        segments = buffer._save(str(folder))
        _sync(folder)
        _replace(path / MANIFEST, _manifest(settings, segments, generation))
    except BaseException:
        _remove(folder)
        raise
    for old in path.iterdir():
        if old.name not in (MANIFEST, generation):
            _remove(old)


def _remove(folder: Path) -> None:
    import shutil  # and with it every archive format: only who saves pays for that

    shutil.rmtree(folder, ignore_errors=True)


def read(path: Path) -> tuple[dict[str, Any], Segments, Path]:
    """Return the settings, the segments and their folder, as far as the manifest can be trusted."""
    try:
        text = (path / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(
            f"{path}: expected a folder with a {MANIFEST}, as ReplayBuffer.save() writes it"
        ) from error
    manifest = _parsed(path, text)
    if manifest.get("format") != "sharpwave" or manifest.get("version") != VERSION:
        raise CheckpointError(
            f"{path}: expected format sharpwave, version {VERSION}, got "
            f"{manifest.get('format')!r}, version {manifest.get('version')!r}; load it with the "
            "release that wrote it"
        )
    segments = [(name, size, crc) for name, size, crc in manifest["segments"]]
    if Path(manifest["folder"]).name != manifest["folder"]:
        raise CheckpointError(f"{path}: expected a folder in it, got {manifest['folder']!r}")
    return manifest["settings"], segments, path / manifest["folder"]


def _manifest(settings: Mapping[str, Any], segments: Segments, folder: str) -> bytes:
    manifest = {
        "format": "sharpwave",
        "version": VERSION,
        "folder": folder,
        "segments": segments,
        "settings": dict(settings),
    }
    return _text(manifest | {"crc32c": _core.crc32c(_text(manifest))})


def _text(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        claimed = manifest.pop("crc32c")
        is_whole = claimed == _core.crc32c(_text(manifest))
        # One text for one manifest: a flipped bit that means nothing is a flipped bit.
        is_whole = is_whole and _text(manifest | {"crc32c": claimed}) == text
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise CheckpointError(f"{path / MANIFEST}: expected the text that was written{_DAMAGED}")
    return dict(manifest)


def _is_ours(path: Path) -> bool:
    return path.name.startswith((MANIFEST, "segments-"))


def _replace(path: Path, text: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there, and needs no sync
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def described_fields(tree: FieldTree) -> dict[str, Any]:
    """Describe a tree of fields in JSON's own terms."""
    if isinstance(tree, dict):
        bad = [key for key in tree if not isinstance(key, (str, int)) or isinstance(key, bool)]
        if bad:
            raise ValueError(f"save: expected str or int as keys of Dict observations, got {bad!r}")
        return {"dict": [[key, described_fields(child)] for key, child in tree.items()]}
    if isinstance(tree, tuple):
        return {"tuple": [described_fields(child) for child in tree]}
    return {
        "shape": list(tree.shape),
        "dtype": tree.dtype.str,
        "store_as": tree.store_as,
        "sample_as": None if tree.sample_as is None else tree.sample_as.str,
        "divisor": tree.divisor,
    }


def fields_from(described: Mapping[str, Any]) -> FieldTree:
    """Undo described_fields()."""
    if "dict" in described:
        return {key: fields_from(child) for key, child in described["dict"]}
    if "tuple" in described:
        return tuple(fields_from(child) for child in described["tuple"])
    return Field(
        tuple(described["shape"]),
        described["dtype"],
        store_as=described["store_as"],
        sample_as=described["sample_as"],
        divisor=described["divisor"],
    )


def described_sampler(sampler: Sampler) -> dict[str, Any]:
    """Describe a sampler in JSON's own terms."""
    return {"kind": sampler.kind, **vars(sampler)}


def sampler_from(described: Mapping[str, Any]) -> Sampler:
    """Undo described_sampler()."""
    options = dict(described)
    sampler: Sampler = _SAMPLERS[options.pop("kind")](**options)
    return sampler


def settings_of(buffer: ReplayBuffer) -> dict[str, Any]:
    """Describe the arguments that a buffer was made with in JSON's own terms."""
    obs, action, extras = buffer.fields
    return {
        "capacity": buffer.capacity,
        "obs": described_fields(obs),
        "action": described_fields(action),
        "extra_fields": described_fields({**extras}),
        "num_envs": buffer.num_envs,
        "sampler": described_sampler(buffer.sampler),
        "frame_stack": buffer.frame_stack,
        "autoreset": buffer.autoreset,
        "reservoir": buffer.insertion is not None,
        "hindsight": buffer.hindsight is not None,
        "seed": buffer.seed,
    }


def arguments_from(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Undo settings_of(), but for hindsight, whose function is not saved."""
    return {
        "capacity": settings["capacity"],
        "observation_space": fields_from(settings["obs"]),
        "action_space": fields_from(settings["action"]),
        "extra_fields": fields_from(settings["extra_fields"]),
        "num_envs": settings["num_envs"],
        "sampler": sampler_from(settings["sampler"]),
        "frame_stack": settings["frame_stack"],
        "autoreset": settings["autoreset"],
        "insertion": Reservoir() if settings["reservoir"] else None,
        "seed": settings["seed"],
    }
