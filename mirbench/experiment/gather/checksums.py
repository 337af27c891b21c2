"""Checksums of the samples that encoders were given, of a few test clips. They are computed from the audio once more when a run is
gathered, since they stand in no job: no key and no number knows of them, and a run whose embeddings were all there has them too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mirbench.evaluation.embedding.samples import CorruptedAudio, sample_checksums
from mirbench.experiment.planning.graph import RunGraph
from mirbench.records import Condition

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault


def checksums_section(
    run: RunGraph, faults: Mapping[str, Mapping[str, Fault]], unreadable: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, dict[str, str]]]:
    """Data set -> `condition_name` -> clip id -> checksum, as `sample_checksums` has them: of clean audio, and at the highest severity of
    each corruption that something was scored under on that data set.

    faults: by data set and corruption, what failed; unreadable: by data set, the clips that could not be read.
    """
    resolved = run.resolved
    embedded = {(dataset, condition) for (_, dataset, _, _, condition) in (*run.corrupted.scores, *run.corrupted.shifted)}
    section = {}
    for data in resolved.scored_data:
        highest = [
            max(scored, key=lambda condition: condition.severity)
            for name, conditions in resolved.conditions.items()
            if name not in faults.get(data.name, {}) and (scored := [c for c in conditions if (data.name, c) in embedded])
        ]
        corruptions = {condition.corruption: resolved.corruptions[condition.corruption] for condition in highest}
        replicate = resolved.config.robustness.replicate
        audio = CorruptedAudio.mixing(corruptions, resolved.sample_rate, replicate, data.of("train"))
        clips = [clip for clip in data.of("test") if clip.id not in unreadable[data.name]]
        section[data.name] = sample_checksums(audio, clips, [Condition(), *highest])
    return section
