"""The figure of score against cost: the front, who is left out, and names that cover nothing."""

import itertools

import numpy as np
import pandas as pd
import pytest
from synthetic import a_manifest, a_row, a_sweep, results_of

from mirbench.reporting.figures import cost, style
from mirbench.reporting.figures.cost import pareto

NAMES = ("semisupcon", "simclr", "supcon", "supervised", "crepe-tiny", "musicnn", "a-name-that-is-quite-long", "another-name-as-long")
TASKS = {"genre": "accuracy", "key": "mirex"}
FLOORS = ("untrained", "handcrafted")


def some_costs(names=NAMES, device="a processor, 1 thread", **changed):
    """The first is the dearest."""
    about = {"device": device, "window_seconds": 2.0, "parameters": 1000.0, "dim": 8.0}
    return [
        {"encoder": name, **about, "gflop_per_second": 10.0 / 2**i, "clips_per_second": 5.0 * 2**i, **changed.get(name, {})}
        for i, name in enumerate([*names, *FLOORS])
    ]


def results(costs, encoders=NAMES, tasks=TASKS):
    rows = a_sweep(encoders=encoders, tasks=tasks, skipped=[], corruptions={})
    return results_of({"run": a_manifest(encoders=encoders, tasks=tasks, skipped=[], corruptions={})}, costs=costs, **rows)


def lines_of(axis, start):
    return {line.get_gid(): line for line in axis.lines if str(line.get_gid()).startswith(start)}


def notes_of(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def test_the_front_is_what_a_slow_search_finds():
    draw = np.random.default_rng(0)
    for _ in range(50):
        points = [(float(x), float(y)) for x, y in draw.integers(0, 6, (8, 2))]
        beaten = [
            any((x <= cheap and y >= good and (x, y) != (cheap, good)) or ((x, y) == (cheap, good) and i < place)
                for i, (x, y) in enumerate(points))
            for place, (cheap, good) in enumerate(points)
        ]  # fmt: skip
        assert sorted(pareto(points)) == [place for place, worse in enumerate(beaten) if not worse]


def test_the_front_is_drawn_as_steps_through_hand_made_points():
    summary = [a_row("summary", encoder=name, value=value) for name, value in (("a", 0.5), ("b", 0.4), ("c", 0.8), ("d", 0.7))]
    costs = [
        {"encoder": name, "gflop_per_second": x, "clips_per_second": 1.0, "window_seconds": x, "device": "it"}
        for name, x in zip("abcd", (1, 2, 4, 8), strict=True)
    ]
    flops, times = cost(*frames(summary, costs)).axes
    (front,) = lines_of(flops, "front").values()
    assert front.get_drawstyle() == "steps-post"
    assert front.get_xydata()[:-1] == pytest.approx(np.array([(1, 0.5), (4, 0.8)]))
    (front,) = lines_of(times, "front").values()  # the longer the windows that take a second, the cheaper
    assert front.get_xydata()[:-1] == pytest.approx(np.array([(125.0, 0.7), (250.0, 0.8)]))


def frames(summary, costs):
    made = results_of({"run": {"encoders": {}}}, summary=summary, costs=costs)
    return made.summary, made.costs


def test_names_cover_neither_points_nor_each_other_and_look_as_elsewhere():
    made = results(some_costs())
    figure = cost(made.summary, made.costs)
    looks = style.prepared(made.summary)[1]
    figure.canvas.draw()
    for axis in figure.axes:
        names = {text.get_gid().removeprefix("label:"): text for text in axis.texts if str(text.get_gid()).startswith("label:")}
        points = lines_of(axis, "point:")
        assert len(names) >= len(points) - 2
        boxes = [*(text.get_window_extent() for text in names.values()), *(line.get_window_extent() for line in points.values())]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes[: len(names)], 2))
        for name, text in names.items():
            assert text.get_color() == points[f"point:{name}"].get_color() == looks[name].colour
            assert not any(text.get_window_extent().overlaps(line.get_window_extent()) for line in points.values())
        listed = {text.get_text() for text in figure.legends[0].get_texts()}
        assert {gid.removeprefix("point:") for gid in points} - set(names) <= listed


def test_encoders_of_equal_cost_stand_side_by_side_and_the_best_of_them_is_on_the_front():
    summary = [a_row("summary", encoder=name, value=value) for name, value in (("a", 0.5), ("b", 0.8), ("c", 0.6), ("d", 0.7))]
    costs = [{"encoder": name, "gflop_per_second": 1.0 if name != "d" else 9.0} for name in "abcd"]
    (axis,) = cost(*frames(summary, costs)).axes
    places = {gid: axis.transData.transform((line.get_xdata()[0], 0))[0] for gid, line in lines_of(axis, "point:").items()}
    one, two, three, far = (places[f"point:{name}"] for name in "abcd")
    assert one + 5 < two < three - 5 < far
    (front,) = lines_of(axis, "front").values()
    assert list(front.get_ydata()) == [0.8, 0.8]
    assert front.get_xdata()[0] == pytest.approx(1.0)


def test_who_has_no_known_cost_is_left_out_and_named():
    made = results(some_costs(handcrafted={"gflop_per_second": float("nan")}))
    figure = cost(made.summary, made.costs)
    flops, _, times, _ = figure.axes
    assert "point:handcrafted" not in lines_of(flops, "point:")
    assert "point:handcrafted" in lines_of(times, "point:")
    assert "Not known in GFLOP per second of audio: handcrafted." in notes_of(figure)


def test_times_of_two_devices_are_not_compared():
    made = results([*some_costs(NAMES[:2]), *some_costs(NAMES[2:3], "another")[:1]])
    figure = cost(made.summary, made.costs)
    assert {axis.get_xlabel() for axis in figure.axes} == {"GFLOP per second of audio"}
    assert "Times were measured on a processor, 1 thread and another, and do not compare." in notes_of(figure)


@pytest.mark.parametrize("costs", [[], some_costs(())[:1]])
def test_nothing_is_drawn_of_fewer_than_two(costs):
    made = results(costs)
    assert cost(made.summary, made.costs) is None


def test_bare_frames_will_do(tmp_path):
    made = results(some_costs())
    for name in ("summary", "costs"):
        getattr(made, name).to_csv(tmp_path / f"{name}.csv", index=False)
    assert len(cost(*(pd.read_csv(tmp_path / f"{name}.csv") for name in ("summary", "costs"))).axes) == 4
