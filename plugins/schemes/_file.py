"""Encoders that are a file."""

from __future__ import annotations

import mirbench


class FileEncoder(mirbench.ModelEncoder):
    """A model whose file may say what it was trained on, among its facts."""

    @property
    def trained_on(self) -> tuple[str, ...]:  # type: ignore[override]
        """As the model says; nothing of one that cannot be read, which `check` refuses."""
        try:
            return tuple(self.facts(self.options).trained_on)
        except (mirbench.MirbenchError, LookupError):
            return ()
