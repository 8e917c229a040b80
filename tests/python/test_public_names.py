"""The public names: these, and they say where they live."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import sharpwave as sw

PACKAGE = Path(sw.__file__).parent


LAZY = {"agents"}  # loaded when it is first used, and needs more than NumPy


def test_all_lists_every_public_name() -> None:
    assert list(sw.__all__) == sorted(set(sw.__all__))
    # Files of the package become attributes when they are imported; only some are public.
    found = {
        name
        for name, value in vars(sw).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("sharpwave")
    }
    assert found <= set(sw.__all__)
    assert set(sw.__all__) - LAZY <= set(vars(sw))


def test_what_the_design_promises_is_there() -> None:
    assert {"ReplayBuffer", "Batch", "Field", "Uniform", "td", "build_config"} <= set(sw.__all__)
    assert {"target", "double_target"} <= set(vars(sw.td))
    assert set(dir(sw)) >= set(sw.__all__)


def test_public_things_print_under_their_public_path() -> None:
    for name in set(sw.__all__) - LAZY:
        value = getattr(sw, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert f"{value.__module__}.{value.__qualname__}" == f"sharpwave.{name}"
    for name in ("target", "double_target"):
        function = getattr(sw.td, name)
        assert f"{function.__module__}.{function.__qualname__}" == f"sharpwave.td.{name}"


def test_the_compiled_names_do_not_shine_through() -> None:
    field = sw.Field((), "float32")
    buffer = sw.ReplayBuffer(4, observation_space=field, action_space=field)
    buffer.add(0.0, 0.0, 0.0, 0.0, False, False)
    for value in (buffer, buffer.sample(2), buffer.sample, field, sw.Uniform()):
        assert "_core" not in repr(value)


def test_importing_sharpwave_imports_numpy_and_no_extra() -> None:
    script = (
        "import sys, sharpwave\n"
        "ours = [m for m in sys.modules if m.startswith('sharpwave.agents')]\n"
        "extras = {'torch', 'gymnasium', 'tensorboard', 'matplotlib', 'tqdm', 'scipy', 'pandas'}\n"
        "print(sorted(extras & set(sys.modules)) + ours)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_build_config_says_what_was_built() -> None:
    config = sw.build_config()
    assert all(isinstance(key, str) for key in config)
    for word in ("compiler", "kernel"):
        assert any(word in key for key in config), f"no {word} in {list(config)}"
    assert config == sw.build_config()


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "_core.pyi").is_file()
