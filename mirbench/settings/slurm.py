"""What a cluster is asked for, as settings."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mirbench.engine.slurm.profile import Profile
from mirbench.settings.values import Whole

MINUTES = {"s": 1 / 60, "m": 1, "min": 1, "h": 60, "d": 24 * 60}


def minutes(value: Any) -> Any:
    """`4h`, `90m`, `1-12:00:00` or `04:00:00`, as Slurm writes it, or minutes; what cannot be read stays as it is.

    >>> minutes("4h"), minutes("1d12h"), minutes("1-12:00:00"), minutes("0:30:00"), minutes("soon")
    (240, 2160, 2160, 30, 'soon')
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if re.fullmatch(r"(\d+(\.\d+)?\s*(d|h|min|m|s)\s*)+", text):
        return round(sum(float(number) * MINUTES[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)", text)))
    if found := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?", text):
        days, first, second, third = found.groups()
        hours, rest = (int(first), int(second)) if third is not None or days is not None else (0, int(first))
        return int(days or 0) * 24 * 60 + hours * 60 + rest
    return int(text) if text.isdecimal() else value


Some = Annotated[str, Field(min_length=1, pattern=r"^[^\s\x00]+$")]
Minutes = Annotated[int, BeforeValidator(minutes)]


class SlurmConfig(BaseModel):
    """What jobs on a cluster ask for, at most; `Profile` says what each is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    partition: Some | None = Field(default=None, description="the name of a partition, such as gpu; sinfo shows them")
    account: Some | None = Field(default=None, description="the name of an account")
    qos: Some | None = Field(default=None, description="the name of a quality of service")
    constraint: Some | None = Field(default=None, description="a feature of nodes, as of sbatch --constraint")
    time: Minutes = Field(default=240, ge=5, description="a time of at least 5 minutes, such as 4h, 90m or 1-12:00:00")
    cores: Whole = Field(default=4, ge=1, description="a whole number of at least 1")
    gpus: Whole = Field(default=0, ge=0, description="a whole number of at least 0")
    memory_gb: float | None = Field(default=None, ge=1, description="gigabytes of at least 1, or null")
    nodes: Whole = Field(default=1, ge=1, description="a whole number of at least 1")
    margin: float = Field(default=3.0, ge=1, description="a number of at least 1")
    pack: Annotated[float, BeforeValidator(minutes)] = Field(default=10, ge=0, description="minutes of at least 0, such as 10m")
    shard: Annotated[float, BeforeValidator(minutes)] = Field(default=30, ge=0, description="minutes of at least 0, such as 30m")
    array: Whole | None = Field(default=None, ge=1, description="a whole number of at least 1, or null")
    at_a_time: Whole = Field(default=64, ge=1, description="a whole number of at least 1")
    requeues: Whole = Field(default=10, ge=0, description="a whole number of at least 0")
    bfloat16: bool | None = Field(default=None, description="true, false or null")
    setup: list[str] = Field(default=[], description="a list of lines of shell, such as [module load cuda]")
    extra: dict[str, str | int | float | bool] = Field(default={}, description="a mapping of options of sbatch, such as {mail-type: END}")
    detach: bool = Field(default=False, description="true or false")

    @property
    def profile(self) -> Profile:
        said = self.model_dump()
        minutes, pack, shard, setup = (said.pop(name) for name in ("time", "pack", "shard", "setup"))
        return Profile(minutes=minutes, pack_minutes=float(pack), shard_minutes=float(shard), setup=tuple(setup), **said)
