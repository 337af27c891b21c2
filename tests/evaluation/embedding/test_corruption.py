"""The seed of a corruption, and what becomes of one that breaks its promises."""

import pickle
import random

import numpy as np
import pytest
import torch

import mirbench
from mirbench.evaluation.embedding.corruption import Fault, corrupt, corruption_seed
from mirbench.records import Condition

AUDIO = np.linspace(-0.5, 0.5, 400, dtype=np.float32)
CONDITION = Condition("odd", 2, 0.25, "x")


def made(apply, others=0):
    """A corruption that does this to (audio, level, seed)."""

    class Odd(mirbench.Corruption):
        name, unit, levels = "odd", "x", (0.5, 0.25)

        def apply(self, audio, sample_rate, level, seed):
            return apply(audio, level, seed)

        def mix(self, audio, others, sample_rate, level, seed):
            return apply(audio, others, seed)

    corruption = Odd()
    corruption.others = others
    return corruption


def under(apply, condition=CONDITION, clip_id="clip 7", replicate=0):
    return corrupt(made(apply), condition, AUDIO, 8000, clip_id, replicate)


def fault(apply, **more):
    with pytest.raises(Fault) as caught:
        under(apply, **more)
    return caught.value


def test_the_seed_hangs_on_corruption_replicate_and_clip():
    abouts = [("a", 0, "x"), ("b", 0, "x"), ("a", 1, "x"), ("a", 0, "y"), ("a", 11, "x"), ("a", 1, "1x")]
    seeds = [corruption_seed(*about) for about in abouts]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert corruption_seed("white-noise", 0, "a") == 2213419103  # in every process and on every machine


def test_the_seed_does_not_hang_on_severity_and_the_level_arrives():
    heard = []

    def note(audio, level, seed):
        heard.append((level, seed))
        return audio

    for severity, level in ((1, 0.5), (2, 0.25)):
        under(note, Condition("odd", severity, level, "x"))
    under(note, replicate=3)
    assert [level for level, _ in heard] == [0.5, 0.25, 0.25]
    assert heard[0][1] == heard[1][1] == corruption_seed("odd", 0, "clip 7")
    assert heard[2][1] == corruption_seed("odd", 3, "clip 7")


def test_what_the_corruption_does_to_its_input_stays_with_it():
    before = AUDIO.copy()

    def in_place(audio, level, seed):
        audio *= np.float32(level)
        return audio

    np.testing.assert_array_equal(under(in_place), before * np.float32(0.25))
    np.testing.assert_array_equal(AUDIO, before)


def test_a_view_that_is_not_contiguous_is_made_so():
    found = under(lambda audio, level, seed: np.repeat(audio, 2)[::2])
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, AUDIO)


def with_nan(audio, level, seed):
    audio[[3, 5]] = np.nan, np.inf
    return audio


def raising(error):
    def apply(audio, level, seed):
        raise error

    return apply


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        (lambda audio, level, seed: audio[:-1], "returned the shape (399,), not (400,)"),
        (lambda audio, level, seed: np.r_[audio, audio], "returned the shape (800,), not (400,)"),
        (lambda audio, level, seed: audio[None], "returned the shape (1, 400), not (400,)"),
        (lambda audio, level, seed: audio.astype(np.float64), "returned float64, not float32"),
        (with_nan, "returned 2 samples that are not finite"),
        (lambda audio, level, seed: audio.tolist(), "returned list, not a numpy array"),
        (lambda audio, level, seed: torch.from_numpy(audio), "returned Tensor, not a numpy array"),
        (lambda audio, level, seed: None, "returned NoneType, not a numpy array"),
        (raising(ValueError("no such\n  thing.")), "raised ValueError: no such thing"),
        (raising(KeyError()), "raised KeyError"),
        (raising(OSError(2, "gone", "codec")), "raised FileNotFoundError: [Errno 2] gone: 'codec'"),
        (raising(mirbench.MirbenchError("ffmpeg is missing.")), "raised MirbenchError: ffmpeg is missing"),
    ],
)
def test_a_broken_promise_is_told_with_corruption_severity_and_clip(apply, reason):
    found = fault(apply)
    assert found.reason == reason
    assert (found.condition, found.clip_id) == (CONDITION, "clip 7")
    assert str(found) == f"corruption 'odd', severity 2, clip clip 7: {reason}"


def draws(*generators):
    def apply(audio, level, seed):
        for draw in generators:
            draw()
        return audio

    return apply


DRAWS = {"random": random.random, "numpy.random": np.random.rand, "torch": lambda: torch.rand(2)}


@pytest.mark.parametrize("name", DRAWS)
def test_a_global_generator_that_was_used_is_a_fault_and_is_put_back(name):
    for draw in DRAWS.values():
        draw()
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    assert fault(draws(DRAWS[name])).reason == f"left the global random state of {name} changed; use mirbench.seeded"
    assert random.getstate() == before[0]
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), before[1], strict=True))
    assert torch.get_rng_state().equal(before[2])


def test_a_seeded_global_generator_is_a_fault_too_and_all_are_named():
    def seeds():
        random.seed(1)
        np.random.seed(1)

    assert fault(draws(seeds)).reason == "left the global random state of random and numpy.random changed; use mirbench.seeded"


def test_generators_are_put_back_where_the_corruption_raises_as_well():
    before = random.getstate()
    assert fault(draws(random.random, lambda: 1 / 0)).reason == "raised ZeroDivisionError: division by zero"
    assert random.getstate() == before


def test_draws_within_seeded_are_no_fault():
    def apply(audio, level, seed):
        with mirbench.seeded(seed):
            return audio + np.float32(random.random() + np.random.rand())

    np.testing.assert_array_equal(under(apply), under(apply))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_must_end_the_run_is_no_fault(error):
    with pytest.raises(error):
        under(raising(error()))


def test_others_are_asked_for_with_the_seed_and_are_silent_where_there_are_none():
    def ask(count, samples, seed):
        asked.append((count, samples, seed))
        return np.full((count, samples), 2, np.float32)

    asked = []
    corruption = made(lambda audio, others, seed: audio + others.sum(axis=0), others=3)
    np.testing.assert_array_equal(corrupt(corruption, CONDITION, AUDIO, 8000, "c", 1, ask), AUDIO + 6)
    assert asked == [(3, 400, corruption_seed("odd", 1, "c"))]
    np.testing.assert_array_equal(corrupt(corruption, CONDITION, AUDIO, 8000, "c"), AUDIO)


def test_a_fault_survives_the_way_between_processes():
    found = fault(raising(ValueError("no")))
    again = pickle.loads(pickle.dumps(found))
    assert (again.condition, again.clip_id, again.reason) == (found.condition, found.clip_id, found.reason)
    assert str(again) == str(found)


def test_a_corruption_may_use_its_buffer_again():
    buffer = np.empty_like(AUDIO)

    def reusing(audio, level, seed):
        buffer[:] = audio * (1 + seed % 7)
        return buffer

    first = under(reusing, clip_id="a")
    kept = first.copy()
    under(reusing, clip_id="b")
    np.testing.assert_array_equal(first, kept)
