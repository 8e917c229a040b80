"""Which versions of another library an adapter was tested with."""

from __future__ import annotations

import warnings
from importlib.metadata import PackageNotFoundError, version


def require(package: str, supported: str, extra: str) -> None:
    """Check that a package is there, and warn where it is not of a tested version.

    Parameters
    ----------
    package : str
        Its name on PyPI.
    supported : str
        The start of the versions that were tested: ``"2.9"``.
    extra : str
        The extra of sharpwave that installs it.

    Raises
    ------
    ImportError
        The package is not installed.
    """
    try:
        installed = version(package)
    except PackageNotFoundError:
        raise ImportError(
            f"this adapter needs {package} {supported}, which is not installed; "
            f'pip install "sharpwave[{extra}]"'
        ) from None
    if not (installed + ".").startswith(supported + "."):
        warnings.warn(
            f"this adapter was tested with {package} {supported}, but {installed} is installed; "
            "run your own tests before you trust it",
            stacklevel=3,
        )
