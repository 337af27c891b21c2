"""One file as it sounds under a corruption, to be listened to. Nothing heavy is imported before it is needed.

The whole file is corrupted as a run corrupts a clip, but at the file's own rate and with a draw of its own, which its name decides. The
samples are 32-bit floats: these hold peaks beyond full scale, so nothing is scaled or cut.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.engine.files import tell, write_atomically
from mirbench.errors import MirbenchError
from mirbench.experiment.run import prepared_data
from mirbench.notation import in_unit
from mirbench.nouns import Corruption, Dataset
from mirbench.records import Condition
from mirbench.registry import Registry
from mirbench.results.cells import file_name
from mirbench.settings.config import RunConfig

if TYPE_CHECKING:
    import numpy as np

    from mirbench.evaluation.embedding.corruption import Fault

LEAST_RATE, MOST_RATE = 1_000, 384_000  # Hz
FORMATS = "give a whole audio file, such as WAV, FLAC, OGG or MP3"


def condition_of(corruption: Corruption, severity: int | None, level: str | None) -> Condition:
    """By its severity or by its level, of which one must be given; raises MirbenchError for what the corruption does not have."""
    levels, name = [float(each) for each in corruption.levels], corruption.name
    several = f"severities 1 to {len(levels)}, which are" if len(levels) > 1 else "one severity, 1, which is"
    has = f"{name} has {several} {in_unit(levels, corruption.unit)}"
    if severity is None and level is None:
        raise MirbenchError(f"neither --severity nor --level was given; {has}, so add --severity 1, for example.")
    if severity is not None and level is not None:
        raise MirbenchError(f"both --severity {severity} and --level {level} were given; {has}; leave one of the two out.")
    if severity is None:
        found = [number for number, each in enumerate(levels, start=1) if _same(each, str(level))]
        if not found:
            raise MirbenchError(f"level {level} was asked for, but {has}; choose a level that it has.")
        severity = found[0]
    if not 1 <= severity <= len(levels):
        raise MirbenchError(f"severity {severity} was asked for, but {has}; choose one that it has.")
    return Condition(name, severity, levels[severity - 1], corruption.unit)


def severity_of(corruption: Corruption, text: str | None) -> int | None:
    """What --severity says of one file; None where nothing was said. Raises MirbenchError where that is no whole number."""
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise MirbenchError(
            f"--severity {text} is no whole number; a file gets one of 1 to {len(corruption.levels)}, such as --severity 1."
        ) from error


def _same(level: float, given: str) -> bool:
    """Whether text is a level, or is what `mirbench list` shows of it."""
    try:
        return float(given) in (level, float(f"{level:g}"))
    except ValueError:
        return False


def corrupt_file(
    file: Path,
    output: Path | None,
    condition: Condition,
    registry: Registry,
    cache: Path,
    config: RunConfig,
    sample_rate: int | None = None,
    replicate: int = 0,
) -> tuple[Path, str]:
    """Writes the file as it sounds under the condition; returns where it is, and in a line what was done.

    output: a .wav file; None: named after the file and the condition, in the current folder. sample_rate: Hz; None: the file's own.
    config: names the data set whose training clips are mixed in where the corruption mixes some in; it is prepared in the cache. Raises
    MirbenchError.
    """
    import numpy as np

    from mirbench.evaluation.embedding.corruption import Fault, corrupt
    from mirbench.experiment.resolve.data_selection import register_own_data

    corruption = registry.get("corruption", condition.corruption)
    config = register_own_data(config, registry)
    background = registry.get("dataset", config.datasets[0])
    check_draw(replicate, sample_rate)
    own_rate = _own_rate(file)
    out, rate = _where(output, file, condition, replicate), sample_rate or own_rate
    audio = _read(file, rate)
    others = _background(corruption, background, registry, cache, file, rate, config.data_root) if corruption.others else None
    try:
        corrupted = corrupt(corruption, condition, audio, rate, file.name, replicate, others)
    except Fault as fault:
        raise fault_in_words(fault, registry, str(file)) from fault
    write_atomically(out, wav(corrupted, rate))
    assert condition.level is not None
    line = f"{corruption.name} at {in_unit([condition.level], condition.unit)} (severity {condition.severity})"
    line = f"{out}: {line}, {len(corrupted) / rate:.1f} s at {rate} Hz, mono"
    if np.array_equal(corrupted, audio):
        line += "; nothing was changed, since at this level it leaves this audio as it is"
    if (peak := float(np.abs(corrupted).max())) > 1:
        line += f"; its peak is {peak:.2f} times full scale, which the file (32-bit float) holds and a player may cut off"
    return out, line


def check_draw(replicate: int, sample_rate: int | None) -> None:
    """Raises MirbenchError for a replicate and a sample rate (Hz) that are none."""
    if replicate < 0:
        raise MirbenchError(f"--replicate should be a whole number of at least 0, not {replicate}; 0 is the first draw.")
    if sample_rate is not None and not LEAST_RATE <= sample_rate <= MOST_RATE:
        raise MirbenchError(f"--sample-rate should be a number of hertz from {LEAST_RATE} to {MOST_RATE}, not {sample_rate}.")


def fault_in_words(fault: Fault, registry: Registry, what: str) -> MirbenchError:
    """What a corruption did wrong, as a sentence. what: to which file or clip."""
    name = fault.condition.corruption
    return MirbenchError(
        f"corruption '{name}' (from {registry.provider('corruption', name)}) failed on {what} at severity {fault.condition.severity}: it "
        f"{fault.reason}; --debug shows where."
    )


def _own_rate(file: Path) -> int:
    """Its sample rate in Hz; raises MirbenchError for what is no audio file."""
    from mirbench.data.audio.audio import AudioError, describe_audio

    if file.is_dir():
        raise MirbenchError(f"{file} is a folder; give one audio file, such as {file / 'NAME.wav'}.")
    if not file.exists() and not file.is_symlink():
        raise MirbenchError(f"there is no file {file}; give the path of an audio file.")
    try:
        return describe_audio(file).sample_rate
    except AudioError as error:
        raise MirbenchError(f"{str(error).removesuffix('.')}; {FORMATS}.") from error


def _read(file: Path, rate: int) -> np.ndarray:
    from mirbench.data.audio.audio import AudioError, read_audio

    try:
        return read_audio(file, rate)
    except AudioError as error:
        raise MirbenchError(f"{str(error).removesuffix('.')}; {FORMATS}.") from error


def _where(output: Path | None, file: Path, condition: Condition, replicate: int) -> Path:
    draw = f"-replicate-{replicate}" if replicate else ""
    name = file_name([file.stem, f"{condition.corruption}-{condition.severity}{draw}"], ".", ".wav")
    out = output or Path(name)
    if out.is_dir():
        raise MirbenchError(f"--output {out} is a folder; give the file to be written, such as --output {out / name}.")
    if out.suffix.lower() != ".wav":
        raise MirbenchError(
            f"--output {out} does not end in .wav; only WAV is written, since it holds peaks beyond full scale; use --output "
            f"{out.with_suffix('.wav')}."
        )
    if out.exists() and out.samefile(file):
        raise MirbenchError(f"--output {out} is the file to be read, which is left as it is; choose another, such as --output {name}.")
    return out


def wav(audio: np.ndarray, rate: int) -> bytes:
    """32-bit float; not by libsndfile, which writes the time of day into such a file."""
    from scipy.io import wavfile

    buffer = io.BytesIO()
    wavfile.write(buffer, rate, audio)
    return buffer.getvalue()


def announce(said: str, cache: Path, seconds: float) -> None:
    """That a data set is prepared. said: the beginning of the line."""
    tell(f"{said} prepared first, once, in {cache} (about {seconds:.0f} s).")


def _background(
    corruption: Corruption, dataset: Dataset, registry: Registry, cache: Path, file: Path, rate: int, root: str | None
) -> Callable[[int, int, int], np.ndarray]:
    """What draws other clips, as in a run; a clip of the data set does not get its own group."""
    from mirbench.evaluation.embedding.mixing import mixing_pool, other_clips

    said = f"{corruption.name} mixes in training clips of {dataset.name}, which is"
    clips = prepared_data(dataset, registry, cache, lambda seconds: announce(said, cache, seconds), root).clips
    group = next((c.group for c in clips if c.path.name == file.name and c.path.exists() and c.path.samefile(file)), "")
    pool = mixing_pool([clip for clip in clips if clip.split == "train"], rate)
    if not any(clip.group != group and len(samples) for clip, samples in pool):
        raise MirbenchError(
            f"{corruption.name} mixes in other clips, but data set '{dataset.name}' has no training clips to mix in; name another with "
            "--dataset."
        )
    return other_clips(pool, group)
