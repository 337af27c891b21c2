"""What is submitted together: levels, packs, what they ask for, and the limits of a site."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mirbench.engine.jobs import Cost, Job
from mirbench.engine.slurm.packing import arrays_of
from mirbench.engine.slurm.profile import Profile

PROFILE = Profile(pack_minutes=10, cores=4, minutes=240)


class Pass:
    def make(self, jobs, store):
        return {}


def job(title, needs=(), seconds=1.0, **about):
    return Job(
        "dishes",
        title,
        {"title": title},
        None,
        tuple(needs),
        Cost(seconds, cores=about.pop("cores", 1), gpus=about.pop("gpus", 0)),
        **about,
    )


def titles(arrays):
    return [[[job.title for job in pack.jobs] for pack in array.packs] for array in arrays]


def in_order(arrays):
    """Whether each job comes after what it needs: earlier in its pack, or in an array that its own waits for."""
    place = {job.name: (a, p, j) for a, array in enumerate(arrays) for p, pack in enumerate(array.packs) for j, job in enumerate(pack.jobs)}
    before = [set() for _ in arrays]
    for number, array in enumerate(arrays):
        before[number] = set(array.needs) | {earlier for need in array.needs for earlier in before[need]}
    for name, (a, p, j) in place.items():
        (made,) = [job for array in arrays for pack in array.packs for job in pack.jobs if job.name == name]
        for need in made.needs:
            if need.name in place:
                other = place[need.name]
                if not (other[0] in before[a] or (other[:2] == (a, p) and other[2] < j)):
                    return False
    return True


def test_a_chain_of_short_jobs_is_one_pack():
    flour = job("flour")
    dough = job("dough", [flour])
    assert titles(arrays_of([flour, dough, job("bread", [dough])], PROFILE, 100)) == [[["flour", "dough", "bread"]]]


def test_without_packs_each_step_waits_for_the_one_before():
    flour = job("flour")
    loaves = [job(f"loaf {n}", [flour]) for n in range(3)]
    arrays = arrays_of([flour, *loaves, job("table", loaves)], replace(PROFILE, pack_minutes=0), 100)
    assert titles(arrays) == [[["flour"]], [["loaf 0"], ["loaf 1"], ["loaf 2"]], [["table"]]]
    assert [array.needs for array in arrays] == [(), (0,), (1,)]


def test_what_is_long_is_by_itself_and_what_is_short_waits_for_it_once():
    long = [job(f"oven {n}", seconds=3600.0) for n in range(2)]
    chains = []
    for n, oven in enumerate(long):
        cut = job(f"cut {n}", [oven])
        chains += [cut, job(f"eat {n}", [cut])]
    arrays = arrays_of([*long, *chains], PROFILE, 100)
    assert titles(arrays) == [[["oven 0"], ["oven 1"]], [["cut 0", "eat 0", "cut 1", "eat 1"]]]


def test_hundreds_of_short_jobs_are_few_packs_of_the_length_asked_for():
    arrays = arrays_of([job(f"{n}", seconds=4.0) for n in range(600)], PROFILE, 100)
    (array,) = arrays
    assert len(array.packs) == 4  # 2,400 s by 600 s
    assert all(pack.seconds <= 600 for pack in array.packs)
    assert sorted(int(job.title) for pack in array.packs for job in pack.jobs) == list(range(600))


def test_short_jobs_that_need_each_other_and_are_too_many_are_cut_by_their_order():
    first = job("first")
    many = [job(f"{n}", [first], seconds=5.0) for n in range(300)]
    last = job("last", many)
    arrays = arrays_of([first, *many, last], PROFILE, 100)
    assert in_order(arrays)
    assert all(pack.seconds <= 600 for array in arrays for pack in array.packs)
    assert max(len(array.packs) for array in arrays) == 3


def test_jobs_of_a_batch_are_in_one_pack_however_many():
    batch = Pass()
    jobs = [job(f"{n}", seconds=500.0, batch=batch) for n in range(6)]
    assert titles(arrays_of(jobs, PROFILE, 100)) == [[["0", "1", "2", "3", "4", "5"]]]


def test_an_array_has_as_many_tasks_as_the_site_allows():
    jobs = [job(f"{n}", seconds=3600.0) for n in range(20)]
    arrays = arrays_of([*jobs, job("last", jobs)], PROFILE, 8)
    assert [len(array.packs) for array in arrays] == [8, 8, 4, 1]
    assert arrays[-1].needs == (0, 1, 2)


def test_what_asks_for_other_things_is_in_another_array():
    arrays = arrays_of([job("cpu", seconds=3600.0), job("gpu", seconds=3600.0, gpus=2), job("all", seconds=3600.0, cores=0)], PROFILE, 100)
    assert sorted((array.gpus, array.cores) for array in arrays) == [(0, 1), (0, 4), (2, 1)]


def test_time_is_of_the_estimate_with_a_margin_and_bounded_by_the_profile():
    def minutes(seconds, **about):
        (array,) = arrays_of([job("x", seconds=seconds, cores=0)], replace(PROFILE, **about), 100)
        return array.minutes

    assert minutes(0.0) == 5
    assert minutes(3600.0, margin=2.0, cores=4) == 125
    assert minutes(3600.0, margin=2.0, cores=1) == 240  # estimates are of two cores; bounded
    assert minutes(1e6) == 240


def test_memory_is_asked_for_only_where_the_profile_says():
    (without,) = arrays_of([job("x", cores=0)], PROFILE, 100)
    (some,) = arrays_of([job("x", cores=0)], replace(PROFILE, memory_gb=64.0), 100)
    (little,) = arrays_of([job("x", cores=0)], replace(PROFILE, memory_gb=2.0), 100)
    assert (without.memory_gb, some.memory_gb, little.memory_gb) == (None, 7.0, 2.0)


@pytest.mark.parametrize("pack_minutes", [0, 0.5, 2, 10, 1000])
def test_whatever_the_graph_each_job_is_once_and_after_what_it_needs(pack_minutes):
    import random

    draw = random.Random(pack_minutes)
    jobs: list[Job] = []
    batches = [Pass() for _ in range(4)]
    for n in range(150):
        layer = n // 30  # batches lie in one layer, as a pass does
        earlier = [each for each in jobs if int(each.title) // 30 < layer]
        needs = draw.sample(earlier, min(len(earlier), draw.randint(0, 3)))
        batch = batches[layer - 1] if 1 <= layer <= 4 and draw.random() < 0.2 else None
        jobs.append(job(str(n), needs, draw.choice([0.1, 5.0, 60.0, 900.0]), batch=batch, gpus=draw.choice([0, 0, 1])))
    arrays = arrays_of(jobs, replace(PROFILE, pack_minutes=pack_minutes), 10)
    assert in_order(arrays)
    made = [each.title for array in arrays for pack in array.packs for each in pack.jobs]
    assert sorted(made, key=int) == [str(n) for n in range(150)]
    assert all(len(array.packs) <= 10 for array in arrays)


class LongPass(Pass):
    """Which up to seven processes can share."""

    def most_parts(self):
        return 7

    def make_part(self, jobs, store, part):
        raise NotImplementedError


@pytest.mark.parametrize(("seconds", "minutes", "parts"), [(7200.0, 30, 4), (1e5, 30, 7), (1700.0, 30, 0), (7200.0, 0, 0)])
def test_a_long_pass_is_divided_and_put_together(seconds, minutes, parts):
    batch, before = LongPass(), job("before", seconds=3600.0)
    jobs = [job(f"{n}", [before], seconds / 2, batch=batch) for n in range(2)]
    arrays = arrays_of([before, *jobs, job("after", jobs)], replace(PROFILE, shard_minutes=minutes), 100)
    found = [[str(pack.part) for pack in array.packs] for array in arrays]
    assert found == [["None"], *([[f"{n}of{parts}" for n in range(parts)]] if parts else [["None"]]), ["None"]]
    assert all({job.title for job in pack.jobs} == {"0", "1"} for pack in arrays[1].packs)
    last = {job.title for job in arrays[-1].packs[0].jobs}
    assert last == ({"0", "1", "after"} if parts else {"after"})  # what puts it together is short
    assert [array.needs for array in arrays] == [(), (0,), (0, 1) if parts else (1,)]
