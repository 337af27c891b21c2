"""Encoders by address, SCHEME:REST, among those that the settings name."""

from __future__ import annotations

from typing import Any

from mirbench.registry import Registry
from mirbench.settings.config import RunConfig


def register_addresses(config: RunConfig, registry: Registry) -> RunConfig:
    """Registers the encoders that the settings call by an address; returns the settings with the paths in addresses absolute, and with
    what is set of such an encoder under its name. Raises MirbenchError for a scheme that no plugin provides, and as schemes do."""

    def by_name(settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        named: dict[str, dict[str, Any]] = {}
        for given, values in settings.items():
            name = registry.get("encoder", registry.with_address(given)).name if ":" in given else given
            named[name] = {**named.get(name, {}), **values}
        return named

    encoders = {field: [registry.with_address(name) for name in getattr(config, field)] for field in ("encoders", "floors")}
    return config.model_copy(update={**encoders, "options": by_name(config.options), "sweep": by_name(config.sweep)})
