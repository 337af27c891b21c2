"""Every encoder embeds the same corrupted samples, however the work is cut and shared out, and nothing is left behind."""

import faulthandler
import os
import random
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from processes import children

import mirbench
from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding import passes as embedding_passes
from mirbench.evaluation.embedding import samples as given
from mirbench.evaluation.embedding.corruption import corrupt, corruption_seed
from mirbench.evaluation.embedding.mixing import mixing_pool
from mirbench.evaluation.embedding.passes import EmbeddingPass, Pass, embed_passes
from mirbench.evaluation.embedding.windows import FrozenEncoder, embed_all
from mirbench.records import Clip, Condition, Input

RATE = 8000
FIRST = 64  # samples that an ear repeats


class Hiss(mirbench.Corruption):
    name, unit, levels = "hiss", "x", (0.1, 0.2, 0.3)

    def apply(self, audio, sample_rate, level, seed):
        return audio + np.float32(level) * np.random.default_rng(seed).standard_normal(len(audio), np.float32)


class Flip(mirbench.Corruption):
    name, unit, levels = "flip", "x", (1.0, 2.0, 3.0)

    def apply(self, audio, sample_rate, level, seed):
        return -audio / np.float32(level)


class Blend(mirbench.Corruption):
    """What it mixes in is all that is left."""

    name, unit, levels, others = "blend", "x", (1.0, 2.0, 3.0), 2

    def mix(self, audio, others, sample_rate, level, seed):
        return others.sum(axis=0) / np.float32(level)


def ear(audio):
    """What was heard: the first samples, and the sum of all."""
    return np.concatenate([audio[:, :FIRST], audio.sum(axis=1, keepdims=True)], axis=1)


def one(embed=ear, rate=RATE, seconds=100.0):
    return FrozenEncoder("encoder 'x' (from y)", embed, Input(rate, seconds))


def conditions(*corruptions, severities=(1, 2, 3)):
    return [Condition(c.name, s, c.levels[s - 1], c.unit) for c in corruptions for s in severities]


def embedding_pass(encoders, *corruptions, **more):
    given = {"conditions": conditions(*corruptions) or [Condition()], "workers": 1, "sample_rate": RATE, **more}
    return EmbeddingPass(encoders, corruptions={c.name: c for c in corruptions}, **given)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("clips"), []
    for n in range(12):
        path = folder / f"{n}.wav"
        noise = np.random.default_rng(n).uniform(-0.5, 0.5, 800 + 100 * (n % 3))
        soundfile.write(path, noise, RATE, subtype="FLOAT")
        made.append(Clip(f"clip {n}", path, "test", f"g{n}"))
    return made


@pytest.fixture
def cut(monkeypatch):
    """How many clips there are in a chunk."""

    def cut(chunk, forked=True):
        monkeypatch.setattr(embedding_passes, "CHUNK_SECONDS", chunk * embedding_passes.ASSUMED_SECONDS)
        monkeypatch.setattr(embedding_passes, "LEAST_FORKED", 1 if forked else 10**9)

    return cut


def embedded_by(asked, clips, left=None):
    """(condition, encoder) -> the rows of all clips that were embedded; and the faults and skipped clips."""
    rows, faults, skipped = {}, [], {}
    for found in embed_passes(asked, clips, "test", left):
        skipped |= {clips[place].id: why for place, why in found.skipped.items()}
        if found.fault is not None:
            assert found.rows == {}
            faults.append((found.pass_.condition, found.fault))
        for number, each in found.rows.items():
            parts = rows.setdefault((found.pass_.condition, number), {})
            assert found.chunk.begin not in parts
            parts[found.chunk.begin] = each
            assert len(each) == len(set(found.chunk.places) - set(found.skipped))
    whole = {key: np.concatenate([part for _, part in sorted(parts.items()) if len(part)]) for key, parts in rows.items()}
    return whole, faults, skipped


def test_rows_are_those_of_a_slow_loop(clips, cut):
    cut(2, forked=False)
    encoders = [one(), one(rate=4000, seconds=0.05)]
    rows, faults, _ = embedded_by(embedding_pass(encoders, Hiss(), Flip()), clips)
    assert faults == []
    assert len(rows) == 6 * 2
    for (condition, number), found in rows.items():
        noun = {"hiss": Hiss(), "flip": Flip()}[condition.corruption]
        for clip, row in zip(clips, found, strict=True):
            sound = corrupt(noun, condition, mirbench.read_audio(clip.path, RATE), RATE, clip.id)
            sound = mirbench.resample(sound, RATE, encoders[number].sample_rate)
            (expected,) = embed_all([sound], [clip.id], [encoders[number]], 64)
            np.testing.assert_allclose(row, expected[0], rtol=1e-4, atol=1e-5)


def test_the_number_of_processes_and_where_encoders_run_move_nothing(clips, cut, nothing_left):
    encoders = [one(), one(rate=4000), one(lambda audio: audio.std(axis=1, keepdims=True), seconds=0.03)]
    found = []
    for workers, apart, forked in ((1, True, False), (1, True, True), (3, True, True), (3, False, True), (2, False, False)):
        cut(2, forked)
        found.append(
            embedded_by(embedding_pass(encoders, Hiss(), Blend(), background=clips, workers=workers, encode_in_workers=apart), clips)[0]
        )
    cut(100)
    whole = embedded_by(embedding_pass(encoders, Hiss(), Blend(), background=clips), clips)[0]
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for key, rows in found[0].items():
            np.testing.assert_array_equal(other[key], rows)
    for key, rows in found[0].items():
        np.testing.assert_allclose(whole[key], rows, rtol=1e-5, atol=1e-6)


def test_clean_audio_too_whatever_the_processes(clips, cut):
    encoders = [one(), one(rate=4000)]
    found = []
    for workers, apart, forked in ((1, True, False), (3, True, True), (3, False, True)):
        cut(2, forked)
        found.append(embedded_by(embedding_pass(encoders, workers=workers, encode_in_workers=apart), clips)[0])
    assert found[0].keys() == {(Condition(), 0), (Condition(), 1)}
    for clip, row in zip(clips, found[0][Condition(), 0], strict=True):
        np.testing.assert_array_equal(row[:FIRST], mirbench.read_audio(clip.path, RATE)[:FIRST])
    for other in found[1:]:
        for key, rows in found[0].items():
            np.testing.assert_array_equal(other[key], rows)


def test_encoders_of_two_sample_rates_hear_one_corrupted_sound(clips, cut):
    cut(2, forked=False)
    rows, _, _ = embedded_by(embedding_pass([one(), one(lambda audio: audio[:, :FIRST], rate=4000), one()], Hiss()), clips)
    for condition in conditions(Hiss()):
        full, half, again = (rows[condition, n] for n in range(3))
        np.testing.assert_array_equal(full, again)
        for clip, samples in zip(clips, half, strict=True):
            sound = corrupt(Hiss(), condition, mirbench.read_audio(clip.path, RATE), RATE, clip.id)
            np.testing.assert_allclose(samples, mirbench.resample(sound, RATE, 4000)[:FIRST], atol=1e-6)


def test_order_and_company_of_clips_and_conditions_move_nothing(clips, cut):
    cut(2, forked=False)
    rows, _, _ = embedded_by(embedding_pass([one()], Hiss(), Blend(), background=clips), clips)
    backwards, _, _ = embedded_by(embedding_pass([one()], Blend(), Hiss(), background=clips[::-1]), clips[::-1])
    for key, found in rows.items():
        np.testing.assert_allclose(backwards[key][::-1], found, atol=1e-5)
    alone, _, _ = embedded_by(embedding_pass([one()], Hiss(), conditions=conditions(Hiss(), severities=[2])), clips[3:4])
    np.testing.assert_allclose(alone[conditions(Hiss())[1], 0], rows[conditions(Hiss())[1], 0][3:4], atol=1e-5)


def test_the_replicate_is_another_draw_and_severities_share_one(clips, cut):
    cut(2, forked=False)
    (first, *_), (second, *_) = (embedded_by(embedding_pass([one()], Hiss(), replicate=n), clips) for n in (0, 1))
    weak, strong = (first[c, 0][:, :FIRST] for c in conditions(Hiss(), severities=[1, 3]))
    clean = np.stack([mirbench.read_audio(clip.path, RATE)[:FIRST] for clip in clips])
    np.testing.assert_allclose((strong - clean) / 0.3, (weak - clean) / 0.1, atol=1e-4)
    assert np.abs(second[conditions(Hiss())[0], 0] - first[conditions(Hiss())[0], 0]).min(axis=1).max() > 0
    assert len(np.unique((weak - clean).round(5), axis=0)) == len(clips)  # no two clips have the same noise


def test_a_clip_is_decoded_once_and_corrupted_once_for_each_condition(clips, cut, monkeypatch):
    cut(2, forked=False)
    read, corrupted = Counter(), Counter()
    real_read, real_corrupt = given.read_clip, given.corrupt

    def count_read(clip, *more):
        read[clip.path] += 1
        return real_read(clip, *more)

    def count_corrupt(corruption, condition, audio, sample_rate, clip_id, *more):
        corrupted[clip_id, condition] += 1
        return real_corrupt(corruption, condition, audio, sample_rate, clip_id, *more)

    monkeypatch.setattr(given, "read_clip", count_read)
    monkeypatch.setattr(given, "corrupt", count_corrupt)
    embedded_by(embedding_pass([one(), one(rate=4000), one(seconds=0.05)], Hiss(), Flip()), clips)
    assert read == Counter({clip.path: 1 for clip in clips})
    assert corrupted == Counter({(clip.id, condition): 1 for clip in clips for condition in conditions(Hiss(), Flip())})


def test_chunks_are_of_about_as_many_seconds_whatever_the_clips_are(monkeypatch):
    monkeypatch.setattr(embedding_passes, "MOST_CLIPS", 12)
    lengths = [*[60.0] * 7, *[2.0] * 30, *[None] * 8, 500.0, 500.0, 0.01]
    clips = [Clip(str(n), Path("x.wav"), "test", "g", duration=length) for n, length in enumerate(lengths)]
    chunks = embedding_passes.chunks_of(clips)
    assert [len(chunk.places) for chunk in chunks] == [3, 3, 12, 12, 12, 4, 1, 1]
    assert [chunk.begin for chunk in chunks] == [0, *(chunk.end for chunk in chunks[:-1])]
    assert embedding_passes.chunks_of([]) == []


def test_only_what_is_missing_is_embedded(clips, cut):
    cut(2, forked=False)
    encoders = [one(), one(rate=4000)]
    everything, _, _ = embedded_by(embedding_pass(encoders, Hiss()), clips)
    asked = []

    def left(chunk):
        asked.append(chunk)
        return [Pass(conditions(Hiss())[1], (1,))] if len(asked) == 2 else []

    rows, _, _ = embedded_by(embedding_pass(encoders, Hiss()), clips, left)
    assert asked == embedding_passes.chunks_of(clips)
    assert rows.keys() == {(conditions(Hiss())[1], 1)}
    np.testing.assert_array_equal(rows[conditions(Hiss())[1], 1], everything[conditions(Hiss())[1], 1][2:4])


def test_other_clips_are_never_of_the_same_group_and_always_the_same(tmp_path, cut):
    cut(2, forked=False)
    made = []
    for n in range(12):  # each a constant that tells whose it is: sums of two are unique
        path = tmp_path / f"{n}.wav"
        soundfile.write(path, np.full(50 if n % 2 else 2000, 2.0**-n), RATE, subtype="FLOAT")
        made.append(Clip(f"c{n}", path, "train", f"g{n // 3}"))
    short = one(lambda audio: audio[:, :50])
    rows, faults, _ = embedded_by(embedding_pass([short], Blend(), background=made), made)
    assert faults == []
    again, _, _ = embedded_by(embedding_pass([short], Blend(), background=made[::-1], workers=3), made)
    pairs = set()
    for condition, level in zip(conditions(Blend()), Blend.levels, strict=True):
        np.testing.assert_array_equal(again[condition, 0], rows[condition, 0])
        for n, row in enumerate(rows[condition, 0]):
            assert np.ptp(row) == 0
            bits = round(float(row[0]) * level * 2**12)
            members = [m for m in range(12) if bits & (1 << (12 - m))]
            assert len(members) == 2  # two others, and not one of them twice
            assert all(m // 3 != n // 3 for m in members)
            pairs.add((n, *members))
    assert len(pairs) == 12  # the same at each severity


def test_a_long_clip_is_cut_for_the_pool_and_a_shorter_one_is_whole(tmp_path):
    def of(seconds, start=0.0, duration=None):
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, round(seconds * RATE)), RATE, subtype="FLOAT")
        [(_, samples)] = mixing_pool([Clip("x", path, "train", "g", start, duration)], 4_000)
        return samples, lambda start, duration: mirbench.read_audio(path, 4_000, start, duration)

    for seconds, start, duration in ((70, 0, None), (70, 2.5, None), (70, 2.5, 50), (30, 0, None), (30.5, 0.5, 30)):
        samples, read = of(seconds, start, duration)
        assert np.array_equal(samples, read(start, 30))
    for seconds, start, duration in ((29.9, 0, None), (31, 2, None), (70, 2, 29), (3, 1, None), (3, 1, 1)):
        samples, read = of(seconds, start, duration)
        assert np.array_equal(samples, read(start, duration))


def test_of_a_long_clip_no_more_is_decoded_for_the_pool(tmp_path, monkeypatch):
    path, asked = tmp_path / "x.wav", []
    soundfile.write(path, np.full(40 * RATE, 0.5), RATE)
    monkeypatch.setattr(
        "mirbench.evaluation.embedding.mixing.read_audio", lambda *given: asked.append(given) or mirbench.read_audio(*given)
    )
    for clip in (Clip("x", path, "train", "g"), Clip("y", path, "train", "g", 1.0, 39.0), Clip("z", tmp_path / "none.wav", "train", "g")):
        mixing_pool([clip], RATE)
    assert [given[2:] for given in asked[:2]] == [(0.0, 30.0), (1.0, 30.0)]


def test_a_clip_that_cannot_be_read_is_not_in_the_pool_whatever_its_decoder_raises(clips, monkeypatch):
    def odd(path, *more):
        if path == clips[3].path:
            raise ZeroDivisionError
        return mirbench.read_audio(path, *more)

    monkeypatch.setattr("mirbench.evaluation.embedding.mixing.read_audio", odd)
    named = [Clip(f"{clip.id} \udcff", clip.path, "train", "g") for clip in clips]
    assert {clip.path for clip, _ in mixing_pool(named, RATE)} == {clip.path for clip in clips} - {clips[3].path}


def test_where_there_are_no_others_silence_is_mixed_in(clips, cut):
    cut(2, forked=False)
    group = [Clip(c.id, c.path, "train", "all") for c in clips]
    for background in ([], group):
        rows, faults, _ = embedded_by(embedding_pass([one()], Blend(), background=background), group)
        assert faults == []
        assert all((found == 0).all() for found in rows.values())


def test_clips_that_cannot_be_read_are_skipped(clips, cut, tmp_path):
    cut(2, forked=False)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    bad = [Clip("bad", tmp_path / "bad.wav", "test", "b"), Clip("gone", tmp_path / "gone.wav", "test", "b")]
    rows, _, skipped = embedded_by(embedding_pass([one()], Hiss(), Blend(), background=[*bad, *clips]), [bad[0], *clips, bad[1]])
    good, _, _ = embedded_by(embedding_pass([one()], Hiss(), Blend(), background=clips), clips)
    assert set(skipped) == {"bad", "gone"}
    for key, found in good.items():
        np.testing.assert_allclose(rows[key], found, atol=1e-5)


@pytest.mark.parametrize("forked", [False, True])
def test_chunks_without_a_readable_clip_spoil_nothing(clips, cut, tmp_path, forked):
    cut(2, forked)
    gone = [Clip(f"gone {n}", tmp_path / f"{n}.wav", "test", "b") for n in range(8)]
    rows, _, skipped = embedded_by(embedding_pass([one(), one(rate=4000)], Hiss(), workers=2), [*gone[:5], *clips, *gone[5:]])
    good, _, _ = embedded_by(embedding_pass([one(), one(rate=4000)], Hiss()), clips)
    assert set(skipped) == {clip.id for clip in gone}
    for key, found in good.items():
        np.testing.assert_allclose(rows[key], found, atol=1e-5)


@pytest.mark.parametrize("forked", [False, True])
def test_whatever_a_decoder_raises_costs_no_more_than_its_clip(clips, cut, monkeypatch, forked, nothing_left):
    cut(2, forked)
    real = given.read_clip

    def odd(clip, rate):
        if clip.id == "clip 3":
            raise ZeroDivisionError("no\n channels.")
        return real(clip, rate)

    monkeypatch.setattr(given, "read_clip", odd)
    rows, _, skipped = embedded_by(embedding_pass([one()], Hiss(), workers=2), clips)
    assert skipped == {"clip 3": f"{clips[3].path} cannot be decoded: ZeroDivisionError: no channels."}
    assert len(rows[conditions(Hiss())[0], 0]) == len(clips) - 1


class Picky(mirbench.Corruption):
    """Fails on one clip at severity 2."""

    name, unit, levels = "picky", "x", (1.0, 2.0, 3.0)

    def apply(self, audio, sample_rate, level, seed):
        if level == 2 and seed == corruption_seed("picky", 0, "clip 7"):
            raise ValueError("not this one")
        return audio


@pytest.mark.parametrize(("workers", "apart", "forked"), [(1, True, False), (3, True, True), (3, False, True)])
def test_a_faulty_corruption_is_told_once_and_the_rest_goes_on(clips, cut, workers, apart, forked, nothing_left):
    cut(2, forked)
    rows, faults, _ = embedded_by(embedding_pass([one(), one()], Hiss(), Picky(), Flip(), workers=workers, encode_in_workers=apart), clips)
    [(condition, fault)] = faults
    assert condition == conditions(Picky())[1]
    assert str(fault) == "corruption 'picky', severity 2, clip clip 7: raised ValueError: not this one"
    others = {(c, n) for c in conditions(Hiss(), Flip()) for n in (0, 1)}
    assert all(len(rows[key]) == len(clips) for key in others)
    assert not any(len(rows.get((c, n), ())) == len(clips) for c in conditions(Picky())[1:] for n in (0, 1))


def test_after_a_fault_the_corruption_is_not_applied_any_more(clips, cut, monkeypatch):
    cut(2, forked=False)
    applied, real = Counter(), given.corrupt

    def count(corruption, condition, *more):
        applied[condition] += 1
        return real(corruption, condition, *more)

    monkeypatch.setattr(given, "corrupt", count)
    embedded_by(embedding_pass([one()], Picky(), Flip()), clips)
    first, second, third = conditions(Picky())
    assert applied == Counter({first: 8, second: 8, third: 6}) | Counter(dict.fromkeys(conditions(Flip()), 12))


def failing(audio):
    raise RuntimeError("no  weights.")


@pytest.mark.parametrize(("apart", "forked"), [(True, False), (True, True), (False, True)])
def test_an_encoder_that_raises_is_told_by_name(clips, cut, apart, forked, nothing_left):
    cut(2, forked)
    with pytest.raises(MirbenchError) as caught:
        embedded_by(embedding_pass([one(), one(failing)], Hiss(), workers=3, encode_in_workers=apart), clips)
    assert str(caught.value) == "encoder 'x' (from y) failed while embedding: RuntimeError: no weights; --debug shows where."


@pytest.mark.parametrize("forked", [False, True])
def test_an_embedding_that_is_not_finite_is_told_with_clip_and_condition(clips, cut, forked, nothing_left):
    cut(2, forked)

    def odd(audio):
        return np.where(audio[:, :1] > 0.4, np.nan, audio[:, :1])

    sentence = r"^encoder 'x' \(from y\): the embedding of clip clip \d+ \(.*\.wav\) under hiss, severity \d is not finite\.$"
    with pytest.raises(MirbenchError, match=sentence):
        embedded_by(embedding_pass([one(odd)], Hiss(), workers=2), clips)


def test_a_worker_that_dies_is_told_with_the_clips_that_it_was_at(clips, cut, nothing_left):
    cut(2)
    here = os.getpid()

    def deadly(audio):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return audio[:, :1]

    sentence = (
        r"^a worker process ended abruptly \(SIGKILL\) while it worked on the clips clip \d+ to clip \d+, perhaps for want of memory; run "
        r"the same command again, which goes on from here\.$"
    )
    with pytest.raises(MirbenchError, match=sentence):
        embedded_by(embedding_pass([one(deadly)], Hiss(), workers=2), clips)


def test_a_worker_that_dies_while_it_decodes_is_told_with_the_clip(clips, cut, monkeypatch, nothing_left):
    cut(3)
    real = given.read_clip
    monkeypatch.setattr(given, "read_clip", lambda clip, rate: os._exit(9) if clip.id == "clip 7" else real(clip, rate))
    with pytest.raises(MirbenchError, match=rf"\(exit code 9\) while it decoded clip clip 7 \({clips[7].path}\), perhaps"):
        embedded_by(embedding_pass([one()], Hiss(), workers=2), clips)


@pytest.mark.parametrize("apart", [True, False])
def test_a_clip_at_which_the_decoder_crashes_is_skipped(clips, cut, monkeypatch, apart, nothing_left):
    cut(3)
    real, bad = given.read_clip, ("clip 0", "clip 7", "clip 8")

    def crash(clip, rate):
        if clip.id in bad:
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
        return real(clip, rate)

    good, _, _ = embedded_by(embedding_pass([one()], Hiss()), clips)
    monkeypatch.setattr(given, "read_clip", crash)
    rows, _, skipped = embedded_by(embedding_pass([one()], Hiss(), workers=2, encode_in_workers=apart), clips)
    paths = {clip.id: clip.path for clip in clips}
    assert skipped == {name: f"{paths[name]} cannot be decoded: the decoder crashed (SIGSEGV)." for name in bad}
    kept = [n for n, clip in enumerate(clips) if clip.id not in bad]
    for key, found in good.items():
        np.testing.assert_allclose(rows[key], found[kept], atol=1e-5)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interruption_in_a_worker_ends_it_all(clips, cut, error, nothing_left):
    cut(2)

    def stop(audio):
        raise error()

    with pytest.raises(error):
        embedded_by(embedding_pass([one(stop)], Hiss(), workers=2), clips)


def test_who_stops_listening_leaves_no_process_behind(clips, cut, nothing_left):
    cut(1)
    results = embed_passes(embedding_pass([one()], Hiss(), Flip(), workers=3), clips, "test")
    next(results)
    assert len(children()) >= 3
    results.close()


def test_an_exception_of_who_listens_leaves_no_process_behind(clips, cut, nothing_left):
    cut(1)

    def fails():
        for _ in embed_passes(embedding_pass([one()], Hiss(), Flip(), workers=3), clips, "test"):
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fails()


@pytest.mark.parametrize("forked", [False, True])
def test_global_generators_are_as_before(clips, cut, forked):
    cut(2, forked)
    before = random.getstate(), np.random.get_state()[1].tolist()
    embedded_by(embedding_pass([one()], Hiss(), Blend(), background=clips, workers=2), clips)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_the_memory_of_a_worker_is_not_the_parents(clips, cut):
    """Encoders of one process do not meet in another: what one keeps between calls is its own worker's."""
    cut(1)
    seen = []

    def note(audio):
        seen.append(len(audio))
        return audio[:, :1]

    embedded_by(embedding_pass([one(note)], Hiss(), workers=2), clips)
    assert seen == []
    embedded_by(embedding_pass([one(note)], Hiss(), workers=2, encode_in_workers=False), clips)
    assert sum(seen) == 3 * len(clips)


def test_few_chunks_under_many_conditions_are_shared_out(clips, cut, monkeypatch):
    cut(100)
    monkeypatch.setattr(embedding_passes, "LEAST_PASSES", 1)
    alone, _, _ = embedded_by(embedding_pass([one()], Hiss(), Flip()), clips)
    monkeypatch.setattr(embedding_passes, "LEAST_PASSES", 100)
    together, _, _ = embedded_by(embedding_pass([one()], Hiss(), Flip(), workers=3), clips)
    assert alone.keys() == together.keys()
    for key, rows in alone.items():
        np.testing.assert_array_equal(together[key], rows)


def test_what_is_shared_out_keeps_its_order_and_each_corruption_whole():
    passes = [Pass(Condition(name, n), (0,)) for name, count in zip("abcdef", (5, 5, 1, 2, 5, 1), strict=True) for n in range(count)]
    for shares in (1, 2, 3, 4, 100):
        parts = embedding_passes._share_out(passes, shares)
        assert [pass_ for part in parts for pass_ in part] == passes
        assert len(parts) <= min(shares, 6)
        corruptions = [{pass_.condition.corruption for pass_ in part} for part in parts]
        assert sum(map(len, corruptions)) == 6
        assert len(parts) == {1: 1, 100: 6}.get(shares, len(parts))
    assert embedding_passes._share_out([], 3) == []
