"""Rows that come in any order, in several passes, with clips that have none, are in the end what they would be at once."""

import json

import numpy as np
import pytest

from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.partial import PartialEmbeddings
from mirbench.evaluation.embedding.passes import Chunk
from mirbench.evaluation.embedding.stored import read_embeddings

CHUNKS = [Chunk(0, 3), Chunk(3, 4), Chunk(4, 8), Chunk(8, 10)]
IDS = [f"clip {n}\nodd \udcff" if n == 5 else f"clip {n}" for n in range(10)]
SKIPPED = {1: "is missing.", 3: "is\nempty \udcff.", 6: "is noise."}
ROWS = np.random.default_rng(0).standard_normal((10, 5)).astype(np.float32)


def partial(folder, chunks=CHUNKS):
    return PartialEmbeddings(folder, IDS, chunks, "x")


def add(to, *numbers):
    for number in numbers:
        chunk = CHUNKS[number]
        kept = [place for place in chunk.places if place not in SKIPPED]
        skipped = {place: SKIPPED[place] for place in chunk.places if place in SKIPPED}
        to.add(chunk, ROWS[kept] if kept else np.zeros((0, 0), np.float32), skipped)


def check(one, folder):
    folder.mkdir()
    one.store(folder)
    found = read_embeddings(folder)
    kept = [place for place in range(10) if place not in SKIPPED]
    assert found.clip_ids == tuple(IDS[place] for place in kept)
    assert list(found.skipped.items()) == [(IDS[place], why) for place, why in sorted(SKIPPED.items())]
    np.testing.assert_array_equal(found.matrix, ROWS[kept])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (1, 3, 2, 0)])
@pytest.mark.parametrize("passes", [1, 2, 4])
def test_order_and_passes_move_nothing(tmp_path, order, passes):
    for part in np.array_split(order, passes):
        one = partial(tmp_path / "partial")
        assert not one.whole
        add(one, *part)
    assert one.whole
    check(one, tmp_path / "whole")
    assert partial(tmp_path / "partial").whole
    check(partial(tmp_path / "partial"), tmp_path / "again")


def test_what_several_made_at_once_is_taken_together(tmp_path):
    for number in range(3):
        part = partial(tmp_path / "partial" / f"part-{number}", CHUNKS[number::3])
        add(part, *range(number, 4, 3))
        assert part.whole
    one = partial(tmp_path / "partial")
    add(one, 2)
    for number in range(3):
        one.take(partial(tmp_path / "partial" / f"part-{number}"))
    check(one, tmp_path / "whole")


def test_what_a_part_lacks_is_still_to_come(tmp_path):
    part = partial(tmp_path / "part-0")
    add(part, 0, 3)
    one = partial(tmp_path / "partial")
    one.take(partial(tmp_path / "part-0"))
    assert [one.has(chunk) for chunk in CHUNKS] == [True, False, False, True]


def test_layers_come_back_as_they_were_added(tmp_path):
    layers = np.random.default_rng(1).standard_normal((10, 3, 2)).astype(np.float32)
    one = partial(tmp_path / "partial")
    for chunk in CHUNKS[::-1]:
        one.add(chunk, layers[chunk.begin : chunk.end], {})
    assert one.shape == partial(tmp_path / "partial").shape == (3, 2)
    (tmp_path / "whole").mkdir()
    partial(tmp_path / "partial").store(tmp_path / "whole")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "whole").matrix, layers)


def test_what_is_there_need_not_be_added(tmp_path):
    add(partial(tmp_path), 1, 2)
    again = partial(tmp_path)
    assert [again.has(chunk) for chunk in CHUNKS] == [False, True, True, False]
    assert again.skipped == {3: SKIPPED[3], 6: SKIPPED[6]}


def test_of_a_line_that_was_cut_off_and_rows_that_were_lost_nothing_is_believed(tmp_path):
    add(partial(tmp_path), 0, 2, 3)
    done, rows = tmp_path / "done.jsonl", tmp_path / "rows.bin"
    done.write_bytes(done.read_bytes()[:-3])
    data = bytearray(rows.read_bytes())
    data[4 * 5 * 4 : 5 * 5 * 4] = bytes(5 * 4)  # of clip 4
    rows.write_bytes(data)
    again = partial(tmp_path)
    assert [again.has(chunk) for chunk in CHUNKS] == [True, False, False, False]
    assert again.skipped == {1: SKIPPED[1]}
    add(again, 1, 2, 3)
    check(again, tmp_path / "whole")


def test_chunks_that_were_cut_another_way_count_for_nothing(tmp_path):
    add(partial(tmp_path), 0, 1, 2, 3)
    again = partial(tmp_path, [Chunk(0, 4), Chunk(4, 8), Chunk(8, 10)])
    assert not again.whole
    assert not again.has(Chunk(0, 4))
    assert again.has(Chunk(4, 8))


def test_where_another_process_was_first_and_cleared_up_nothing_is_made_up(tmp_path):
    one = partial(tmp_path)
    add(one, 0)
    (tmp_path / "rows.bin").unlink()
    add(one, 1, 2, 3)
    assert one.gone
    assert not one.whole
    assert all(one.has(chunk) for chunk in CHUNKS)
    assert not (tmp_path / "rows.bin").exists()


def test_without_a_readable_clip_there_are_no_rows(tmp_path):
    for ids, chunks in ((IDS, CHUNKS), ([], [])):
        one = PartialEmbeddings(tmp_path / "partial", ids, chunks, "x")
        for chunk in chunks:
            one.add(chunk, np.zeros((0, 0), np.float32), dict.fromkeys(chunk.places, "is missing."))
        assert one.whole
        (tmp_path / f"{len(ids)}").mkdir()
        one.store(tmp_path / f"{len(ids)}")
        found = read_embeddings(tmp_path / f"{len(ids)}")
        assert (len(found.matrix), found.clip_ids, len(found.skipped)) == (0, (), len(ids))


def test_rows_of_another_length_are_told(tmp_path):
    one = partial(tmp_path)
    add(one, 0)
    with pytest.raises(MirbenchError, match=r"^x: an embedding has 4 numbers and others have 5 numbers; an encoder should return as many"):
        one.add(CHUNKS[1], ROWS[:1, :4], {})


def test_a_line_says_what_it_is(tmp_path):
    add(partial(tmp_path), 0)
    begin, end, shape, _, skipped = json.loads((tmp_path / "done.jsonl").read_text())
    assert (begin, end, shape, skipped) == (0, 3, [5], {"1": "is missing."})
