"""A graph dealt out to shards: disjoint, all of it, any order, and what goes together stays together."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from mirbench.engine.executor import LocalExecutor
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.shards import Deal, Shard
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError


class Pass:
    """A batch that notes what was asked for, a list a call."""

    def __init__(self):
        self.seen = []

    def make(self, jobs, store):
        self.seen.append([job.title for job in jobs])
        for job in jobs:
            with store.writing(job.kind, job.key, job.title, job.parts):
                pass
        return {}


class Bakery:
    """Loaves of doughs; slices, made in passes, that do not have to stay; meals of slices and plates; menus of meals."""

    def __init__(self, size=5):
        self.made, self.passes = [], [Pass() for _ in range(3)]
        data = self.job("data", "flour")
        doughs = [self.job("doughs", f"dough {n}", [data]) for n in range(size)]
        plates = [self.job("plates", f"plate {n}", [data]) for n in range(size)]
        bread = [self.job("loaves", f"loaf {n}", [dough], batch=self.passes[0]) for n, dough in enumerate(doughs)]
        slices = [self.job("slices", f"slice {n} {p}", [loaf], self.passes[p], False) for p in (1, 2) for n, loaf in enumerate(bread)]
        meals = [self.job("meals", f"meal of {each.title}", [each, plates[n % size]]) for n, each in enumerate(slices)]
        menus = [self.job("menus", f"menu {n}", [plate, bread[n]]) for n, plate in enumerate(plates)]
        self.jobs = [data, *doughs, *plates, *bread, *slices, *meals, *menus, self.job("bill", "bill", [doughs[0]])]
        self.graph = Graph(self.jobs)
        self.common = {data.name}

    def job(self, kind, title, needs=(), batch=None, kept=True):
        def make(folder: Path) -> None:
            self.made.append(title)

        return Job(kind, title, {"title": title}, None if batch else make, tuple(needs), batch=batch, kept=kept)

    def deal(self, count):
        return Deal(self.graph, count, self.common, ["bill"], ["menus"])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_parts_are_disjoint_and_together_all_and_equally_many_hands(count):
    bakery = Bakery()
    deal = bakery.deal(count)
    parts = [{job.name for job in deal.of(Shard(number, count))} for number in range(1, count + 1)]
    rest = {job.name for job in bakery.jobs if job.kind in ("data", "bill")}
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(bakery.jobs) - len(rest)
    assert not rest & set().union(*parts)
    hands = [sum(deal.shards[hand[0].name] == number for hand in deal.hands) for number in range(1, count + 1)]
    assert max(hands) - min(hands) <= 1
    assert bakery.deal(count).shards == deal.shards == Bakery().deal(count).shards  # whoever deals


def test_what_shares_a_pass_or_does_not_stay_is_of_one_shard():
    bakery = Bakery()
    deal = bakery.deal(4)
    for job in bakery.jobs:
        for need in job.needs:
            if not need.kept or (job.kind == "menus" and need.kind == "plates"):
                assert deal.shards[need.name] == deal.shards[job.name]
    for batch in bakery.passes:
        assert len({deal.shards[job.name] for job in bakery.jobs if job.batch is batch}) == 1


@pytest.mark.parametrize("shared", [True, False], ids=["one cache", "caches that are merged"])
@pytest.mark.parametrize("seed", range(5))
def test_shards_in_any_order_make_each_job_once(tmp_path, shared, seed):
    bakery, count, chance = Bakery(), 3, random.Random(seed)
    deal, whole = bakery.deal(count), tmp_path / "whole"
    turns, waited = 0, 0
    while [job for job in bakery.graph.missing(Store(whole)) if job.kind != "bill"]:
        numbers = chance.sample(range(1, count + 1), count)
        for number in numbers:
            own = Store(whole if shared else tmp_path / str(number))
            if not shared:
                shutil.copytree(whole, own.root, dirs_exist_ok=True) if whole.is_dir() else None
            part, waiting = deal.part(Shard(number, count), own)
            LocalExecutor(own).run(part)
            waited += len(waiting)
            assert all(each.shard != number or each.need.name in {w.job.name for w in waiting} for each in waiting)
        for number in () if shared else numbers:
            shutil.copytree(tmp_path / str(number), whole, dirs_exist_ok=True)
        turns += 1
        assert turns < 6
    assert waited
    made = [title for title in bakery.made if title != "flour"]
    assert len(made) == len(set(made))
    assert bakery.made.count("flour") == (1 if shared else 3)
    asked = [title for batch in bakery.passes for jobs in batch.seen for title in jobs]
    assert len(asked) == len(set(asked)) == 15
    assert [len(batch.seen) for batch in bakery.passes] == [1, 1, 1]  # no pass is made in two parts


def test_what_another_makes_is_waited_for_by_name(tmp_path):
    bakery = Bakery()
    deal, store = bakery.deal(2), Store(tmp_path)
    (number,) = {deal.shards[job.name] for job in bakery.jobs if job.kind == "loaves"}
    part, waiting = deal.part(Shard(number, 2), store)
    (loaf, *_) = [each for each in waiting if each.job.kind == "loaves"]
    assert (loaf.need.kind, loaf.shard) == ("doughs", 3 - number)
    assert not {job.name for job in bakery.jobs if job.kind in ("loaves", "slices", "meals")} & set(part.part)
    assert deal.part(Shard(1, 1), store)[0].missing(store)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/3", "-1/3", "1/10001", "1/3/3", ""])
def test_what_is_no_part_is_a_sentence(text):
    with pytest.raises(MirbenchError, match=r"^a shard is a part such as 1/3, 2/3 or 3/3, of at most 10,000, not '"):
        Shard.parse(text)
