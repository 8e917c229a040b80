"""Drop-in replacements for the buffers of other libraries, a module each.

``from sharpwave.compat.sb3 import ReplayBuffer`` in place of the peer's import is the whole change.
A module imports its framework when it is itself imported, and says so when the installed version
is not one that it was tested with.
"""
