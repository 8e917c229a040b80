"""``python -m sharpwave.cli`` is ``sharpwave``."""

from __future__ import annotations

from sharpwave.cli import main

raise SystemExit(main())
