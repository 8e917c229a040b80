"""What the user got wrong, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(Exception):
    """Its text is all that the user sees."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn what may go wrong in the making of things into a `UsageError`.

    An error in a run is a defect, and shows its traceback.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name in _EXTRAS:
            raise UsageError(f'{error.name} is missing: pip install "sharpwave[train]"') from error
        raise UsageError(_one_line(error)) from error
    except (ValueError, MemoryError, OSError) as error:
        raise UsageError(_one_line(error)) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "gymnasium":
            raise
        raise UsageError(_one_line(error)) from error


_EXTRAS = ("torch", "gymnasium", "tensorboard", "tqdm")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
