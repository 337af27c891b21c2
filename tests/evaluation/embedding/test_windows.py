"""Many clips through many encoders at once are what one clip at a time through one encoder gives."""

import numpy as np
import pytest
import torch

from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.stored import read_embeddings, write_embeddings, write_rows
from mirbench.evaluation.embedding.windows import FrozenEncoder, embed_all, windows
from mirbench.nouns import Staged
from mirbench.records import Embeddings, Input

RATE = 1000
LENGTHS = (300, 1000, 2500, 1000, 999, 4001, 300, 20)
AUDIO = [np.random.default_rng(n).standard_normal(size).astype(np.float32) for n, size in enumerate(LENGTHS)]
NAMES = [f"clip {n}" for n in range(len(AUDIO))]


def loudness(audio):
    return np.stack([audio.std(axis=1), np.abs(audio).max(axis=1)], axis=1)


def ends(audio):
    return np.stack([audio[:, 0], audio[:, -1], audio[:, len(audio[0]) // 2]], axis=1)


def encoder(embed, seconds=1.0, layer=None, **about):
    return FrozenEncoder("encoder 'x' (from y)", embed, Input(RATE, seconds, **about), layer)


def slowly(one):
    """Clip by clip, window by window."""
    return np.stack([np.mean([one.embed(w[None])[0] for w in windows(audio, one.cut.window)], axis=0) for audio in AUDIO])


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_rows_are_those_of_a_slow_loop(batch_size):
    encoders = [encoder(loudness), encoder(ends, 0.5), encoder(ends), encoder(loudness, 100.0), encoder(ends, 0.0001)]
    found = embed_all(AUDIO, NAMES, encoders, batch_size)
    for one, rows in zip(encoders, found, strict=True):
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows, slowly(one), rtol=1e-5)


def test_no_batch_is_larger_than_asked_for_nor_mixes_lengths():
    shapes = []

    def note(audio):
        shapes.append(audio.shape)
        return audio[:, :1]

    embed_all(AUDIO, NAMES, [encoder(note)], 4)
    assert max(count for count, _ in shapes) <= 4
    assert sum(count for count, _ in shapes) == sum(len(windows(audio, 1000)) for audio in AUDIO)


def test_a_shared_front_is_made_once_for_each_batch_and_window():
    calls = []

    def front(audio):
        calls.append(audio.shape)
        return audio * 2

    def count(*encoders):
        calls.clear()
        return embed_all(AUDIO, NAMES, encoders, 4), len(calls)

    mel = [Staged("mel", front, loudness), Staged("mel", front, ends), Staged("mel", lambda audio: 1 / 0, ends)]
    other = Staged("other", lambda audio: audio * 5, ends)
    first, short = encoder(mel[0]), encoder(mel[1], 0.5)
    (_, once), (_, half) = count(first), count(short)
    encoders = [first, encoder(mel[1]), encoder(mel[2]), encoder(other), short]
    found, calls_of_all = count(*encoders)
    assert calls_of_all == once + half
    for one, rows in zip(encoders, found, strict=True):
        if one.embed is not mel[2]:
            np.testing.assert_allclose(rows, slowly(one), rtol=1e-5)
    np.testing.assert_array_equal(found[2], found[1])  # its own front was not needed


def test_windows_lie_as_close_as_the_hop_and_short_audio_has_silence_behind_it():
    found, sizes = [], []

    def note(audio):
        found.append(audio.copy())
        sizes.append(len(audio))
        return audio[:, :1]

    (rows,) = embed_all(AUDIO[2:3], NAMES[:1], [encoder(note, hop_seconds=0.25)], 64)
    assert rows[0, 0] == pytest.approx(AUDIO[2][[0, 250, 500, 750, 1000, 1250, 1500]].mean(), rel=1e-5)
    found.clear()
    embed_all(AUDIO, NAMES, [encoder(note, shortest_seconds=0.5)], 64)
    (short,) = [each for each in found if each.shape[1] == 500]
    np.testing.assert_array_equal(short[0, :300], AUDIO[0])
    assert (len(short), short[0, 300:].any()) == (3, False)
    sizes.clear()
    embed_all(AUDIO, NAMES, [encoder(note, batch_size=2)], 64)
    assert max(sizes) == 2


def test_of_several_layers_all_are_kept_or_one():
    def layered(audio):
        return np.stack([loudness(audio), 2 * loudness(audio), ends(audio)[:, :2]], axis=1)

    every, second, plain = embed_all(AUDIO, NAMES, [encoder(layered), encoder(layered, layer=1), encoder(loudness)], 3)
    assert every.shape == (len(AUDIO), 3, 2)
    np.testing.assert_array_equal(every[:, 1], second)
    np.testing.assert_allclose(second, 2 * plain, rtol=1e-6)
    with pytest.raises(MirbenchError, match=r"but returned the shape \(2, 3, 2\), which has no layer 3, for 2 clips"):
        embed_all(AUDIO, NAMES, [encoder(layered, layer=3)], 2)
    with pytest.raises(MirbenchError, match=r"but returned the shape \(2, 2\), which has no layers, for"):
        embed_all(AUDIO, NAMES, [encoder(loudness, layer=0)], 2)


def test_a_clip_with_other_layers_than_the_rest_is_told():
    def layered(audio):
        return np.ones((len(audio), 2 + (audio.shape[1] == 999), 5))

    with pytest.raises(MirbenchError, match="of clip clip 4 has 3 layers of 5 numbers, and others have 2 layers of 5 numbers"):
        embed_all(AUDIO, NAMES, [encoder(layered)], 64)


def test_an_encoder_that_changes_its_input_does_not_change_what_another_hears():
    def greedy(audio):
        audio -= 100
        return loudness(audio)

    _, rows = embed_all(AUDIO, NAMES, [encoder(greedy), encoder(ends)], 64)
    np.testing.assert_allclose(rows, slowly(encoder(ends)), rtol=1e-5)


def test_an_embedding_that_is_not_finite_is_told_with_encoder_and_clip():
    def nan(audio):
        rows = ends(audio)
        rows[audio.shape[1] == 999] = np.nan
        return rows

    with pytest.raises(MirbenchError, match=r"^encoder 'x' \(from y\): the embedding of clip clip 4 is not finite\.$"):
        embed_all(AUDIO, NAMES, [encoder(ends), encoder(nan)], 64)


@pytest.mark.parametrize(
    ("embed", "sentence"),
    [
        (lambda audio: audio.nothing, "failed while embedding: AttributeError: .* has no attribute 'nothing'; --debug shows where"),
        (
            lambda audio: audio[:1],
            r"must return an array of \(2, dim\) for 2 windows, but returned 1 rows for a batch of 2, for 2 clips, the first clip 0",
        ),
        (
            lambda audio: audio[0],
            r"must return an array of \(2, dim\) for 2 windows, but returned the shape \(300,\), not .*, the first clip 0",
        ),
        (
            lambda audio: audio.tolist(),
            r"must return an array of \(2, dim\) for 2 windows, but returned list, not a numpy array, for 2 clips, the first clip 0",
        ),
        (Staged("a", lambda audio: 1 / 0, ends), "failed while embedding: ZeroDivisionError: division by zero; --debug shows where"),
    ],
)
def test_a_fault_of_an_encoder_is_told_with_its_title(embed, sentence):
    with pytest.raises(MirbenchError, match=rf"^encoder 'x' \(from y\):? {sentence}\.$"):
        embed_all(AUDIO, NAMES, [encoder(embed)], 64)


def test_an_encoder_may_use_its_buffer_again():
    """Several batches of windows: each must be copied before the next is made."""
    buffer = np.empty((2, 1), np.float32)

    def reusing(audio):
        buffer[: len(audio), 0] = audio.mean(axis=1)
        return buffer[: len(audio)]

    sounds = [np.full(100, x, np.float32) for x in (0.1, 0.2, 0.3, 0.4, 0.5)]
    (rows,) = embed_all(sounds, "abcde", [encoder(reusing)], 2)
    assert rows[:, 0] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("error", [GeneratorExit(), BrokenPipeError(32, "pipe"), FileNotFoundError(2, "no", "w.bin"), SystemExit(0)])
def test_whatever_an_encoder_raises_is_told_with_its_title(error):
    def failing(audio):
        raise error

    with pytest.raises(MirbenchError, match=f"failed while embedding: {type(error).__name__}"):
        embed_all([np.zeros(100, np.float32)], "a", [encoder(failing)], 2)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), OSError(28, "No space left on device")])
def test_a_stop_and_what_the_machine_lacks_pass(error):
    def failing(audio):
        raise error

    with pytest.raises(type(error)) as caught:
        embed_all([np.zeros(100, np.float32)], "a", [encoder(failing)], 2)
    assert caught.value is error


def test_a_tensor_that_is_no_array_is_told():
    def sparse(audio):
        return torch.eye(len(audio)).to_sparse()

    with pytest.raises(MirbenchError, match="but returned a tensor that is no array"):
        embed_all([np.zeros(100, np.float32)], "a", [encoder(sparse)], 2)


def test_stored_embeddings_come_back(tmp_path):
    odd = "line\nbreak, tab\t, \N{MUSICAL SYMBOL G CLEF} and \udcff"
    stored = Embeddings(("a", odd), np.arange(6, dtype=np.float32).reshape(2, 3), {"d": "is missing.", odd * 2: odd})
    write_embeddings(tmp_path, stored)
    found = read_embeddings(tmp_path)
    assert (found.clip_ids, found.skipped) == (stored.clip_ids, stored.skipped)
    np.testing.assert_array_equal(found.matrix, stored.matrix)


def test_a_matrix_in_parts_is_stored_as_a_whole_one(tmp_path):
    matrix = np.arange(15, dtype=np.float32).reshape(5, 3)
    write_rows(tmp_path, list("abcde"), iter([matrix[:2], matrix[2:2], matrix[2:]]), (3,), {})
    np.save(tmp_path / "whole.npy", matrix)
    assert (tmp_path / "embeddings.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert read_embeddings(tmp_path).clip_ids == tuple("abcde")


def test_layers_are_stored_in_half_the_room_where_that_is_asked_for_and_their_numbers_fit(tmp_path):
    layers = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_rows(tmp_path, ["a", "b"], [layers[:1], layers[1:]], (3, 4), {}, "float16")
    found = read_embeddings(tmp_path).matrix
    assert (found.dtype, found.shape) == (np.float16, (2, 3, 4))
    np.testing.assert_array_equal(found, layers)
    with pytest.raises(MirbenchError, match=r"^x: an embedding has the number 1e\+05, and float16 ends at 65,504; keep it with --set"):
        write_rows(tmp_path, ["a", "b"], [np.full((2, 3, 1), 1e5, np.float32)], (3, 1), {}, "float16", "x")


def test_stored_embeddings_of_no_clip_come_back(tmp_path):
    write_embeddings(tmp_path, Embeddings((), np.zeros((0, 3), np.float32), {"d": "is missing."}))
    found = read_embeddings(tmp_path)
    assert (found.clip_ids, found.skipped, found.matrix.shape) == ((), {"d": "is missing."}, (0, 3))


def test_damaged_embeddings_are_told(tmp_path):
    write_embeddings(tmp_path, Embeddings(("a", "b"), np.zeros((2, 3), np.float32)))
    (tmp_path / "ids.json").write_text('["a"]')
    with pytest.raises(MirbenchError, match="have 2 rows for 1 clips; delete that folder to make them again"):
        read_embeddings(tmp_path)
    (tmp_path / "embeddings.npy").write_bytes(b"no")
    with pytest.raises(MirbenchError, match=r"cannot be read: .*; delete that folder to make them again"):
        read_embeddings(tmp_path)
