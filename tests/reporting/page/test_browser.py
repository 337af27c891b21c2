"""The page in a browser: it opens, sorts, filters and plays, says nothing on the console, and asks for nothing."""

from __future__ import annotations

import json
import subprocess

import pages
import pytest
from browser import Browser, why_not
from pages import whole_run

from mirbench.reporting import html
from mirbench.reporting.sections import sections
from mirbench.results.merging import load
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import ALL_TABLES

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one"), pytest.mark.slow]
NAMES = "[...document.querySelectorAll('#main tbody:first-of-type tr th')].map(e => e.textContent)"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = whole_run(tmp_path_factory.mktemp("page") / "run")
    results = load(folder)
    path = folder / "report.html"
    path.write_text(html.page(results, sections(results)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, page):
    """Afterwards nothing was said on the console, and nothing asked for but the page itself."""
    browser.open(page)
    yield browser
    assert browser.messages == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [page.resolve().as_uri()]


def test_every_chart_is_drawn_once_and_every_section_can_be_linked_to(opened):
    drawn = opened.run("[...document.querySelectorAll('[data-chart]')].map(e => [e.dataset.chart, e.querySelectorAll('svg').length])")
    assert {name for name, _ in drawn} == {"scores", "differences", "curves", "retained", "robustness", "labels", "confusion", "maps"}
    assert all(count == 1 for _, count in drawn)
    assert opened.run("document.querySelectorAll('[data-chart] svg path').length") > 100
    ids = opened.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    links = opened.run("[...document.querySelectorAll('a[href^=\"#\"]')].map(e => e.hash.slice(1))")
    assert set(links) <= set(ids)
    assert {"answer", "scores", "corruption", "classes", "embeddings", "listen", "made", "figure-curves"} <= set(links)


def test_a_heading_sorts_encoders_and_leaves_floors_below(opened):
    before = opened.run(NAMES)
    opened.run("document.querySelectorAll('#main thead button')[1].focus()")
    opened.key("Enter")
    opened.run("document.querySelectorAll('#main thead button')[1].click()")
    opened.run("document.querySelectorAll('#main thead button')[1].click()")
    assert opened.run("document.querySelectorAll('#main thead th')[1].getAttribute('aria-sort')") == "ascending"
    assert opened.run(NAMES) == before[::-1]
    assert opened.run("document.querySelectorAll('#main tbody')[1].textContent").strip().startswith("floors")


def test_a_number_shows_its_seeds_by_keyboard(opened):
    for _ in range(50):  # a chart that is drawn meanwhile takes the note away
        opened.run("document.querySelector('#main td[data-v]').focus()")
        opened.key("ArrowRight")
        if opened.run("document.getElementById('tip').hidden") is False:
            break
    assert opened.run("document.querySelectorAll('#tip circle.seed').length") == 3
    assert "key on mini" in opened.run("document.getElementById('tip').textContent")


def choose(browser, controls, choice, value):
    """Chooses, and waits until the chart is drawn again."""
    before = browser.run(f"document.querySelector('[data-chart={controls}]').innerHTML")
    found = f"document.querySelector('[data-controls={controls}] [data-choice={choice}]')"
    browser.run(f"(() => {{ const e = {found}; e.value = {value!r}; e.dispatchEvent(new Event('change')); }})()")
    browser.run(f"window.before = {before!r}")
    browser.wait(f"document.querySelector('[data-chart={controls}]').innerHTML !== window.before")
    return browser.run(f"document.querySelector('[data-chart={controls}]').textContent")


def test_axes_say_what_is_better_and_means_over_how_many_tasks_they_are(opened):
    text = opened.run("document.querySelector('[data-chart=robustness]').textContent")
    assert "retained performance (higher is better)" in text
    assert "4 tasks" in text
    assert "(lower is better)" in choose(opened, "robustness", "measure", "relative mCE")


def test_no_two_floors_look_alike_and_shares_stand_below_what_they_are_of(opened):
    looks = "JSON.stringify(ENCODERS.filter(e => e.floor).map(e => [e.colour, String(e.dash), e.shape]))"
    script = opened.run("document.querySelector('script:last-of-type').textContent")
    script = script.partition("const nameOf")[0].partition("use strict")[2][2:]
    floors = json.loads(opened.run(f"(() => {{ {script}; return {looks}; }})()"))
    assert len(floors) == 3
    assert all(len({floor[i] for floor in floors}) == 3 for i in range(3))
    clean = opened.run("document.querySelector('#main td[data-v] ').dataset.v")
    assert f"of {float(clean):.3f}" in opened.run("document.querySelector('[data-chart=retained]').textContent")


def test_curves_are_filtered_by_task_family_and_encoder(opened):
    text = opened.run("document.querySelector('[data-chart=curves]').textContent")
    assert all(name in text for name in ("white-noise", "low-pass", "compressor"))
    text = choose(opened, "curves", "family", "noise")
    assert "white-noise" in text
    assert "low-pass" not in text
    lines = "document.querySelectorAll('[data-chart=curves] .mark-line path').length"
    many = opened.run(lines)
    opened.run("document.querySelector('[data-controls=curves] input').click()")
    opened.wait(f"{lines} === {many - 1}")
    assert "mirex" in choose(opened, "curves", "task", "key on mini").lower()


def test_confusions_of_keys_and_of_notes_by_octave_and_pitch_class(opened):
    assert "G major" in opened.run("document.querySelector('[data-chart=confusion]').textContent")
    assert "G major" not in choose(opened, "confusion", "task", "pitch on mini")
    assert "C♯" in choose(opened, "confusion", "kind", "pitch class")


def test_numbers_and_tables_of_heads_in_two_lines_in_a_page_of_one_encoder(browser, tmp_path, monkeypatch):
    """A scatter plot for each dimension; floors are sorted where there is one encoder, and costs by any of their columns."""
    monkeypatch.setitem(pages.TARGETS, "pitch", "regression")
    monkeypatch.setitem(pages.CLASSES, "pitch", ("hertz", "cents"))
    folder = whole_run(tmp_path / "run", ["semisupcon"], seeds=1, clips=6, listened=False)
    costs = [
        {"encoder": name, "parameters": n, "dim": 3, "gflop_per_second": n, "device": "x"}
        for name, n in (("semisupcon", 1), ("untrained", 2))
    ]
    RunFolder(folder).write("costs", ALL_TABLES["costs"].frame(costs))
    results = load(folder)
    path = tmp_path / "report.html"
    path.write_text(html.page(results, sections(results)), encoding="utf-8")
    browser.open(path)
    assert browser.run("document.querySelectorAll('[data-chart=scatter] .mark-symbol path').length") == 6 * 3
    assert "hertz" in choose(browser, "scatter", "dimension", "hertz")  # cents come first, by name
    heads = "[...document.querySelectorAll('#cost thead button')].map(e => e.textContent)"
    assert {"encoder", "parameters", "dim", "per s of audio"} <= set(browser.run(heads))
    floors = "[...document.querySelectorAll('#main tbody:last-of-type tr th')].map(e => e.textContent)"
    before = browser.run(floors)
    browser.run("document.querySelector('#main thead button').click()")
    assert browser.run(floors)[1:] == sorted(before[1:])
    assert browser.messages == []


def test_costs_open_on_what_most_encoders_have_and_name_those_that_have_a_point(browser, tmp_path):
    folder = whole_run(tmp_path / "run", ["semisupcon", "simclr"], seeds=1, clips=6, listened=False)
    about = {"parameters": 1, "dim": 3, "device": "x", "window_seconds": 1.0, "clips_per_second": 10.0}
    operations = {"semisupcon": float("nan"), "simclr": 1.0, "untrained": 2.0}
    costs = [{"encoder": name, "gflop_per_second": gflop, **about} for name, gflop in operations.items()]
    RunFolder(folder).write("costs", ALL_TABLES["costs"].frame(costs))
    results = load(folder)
    path = tmp_path / "report.html"
    path.write_text(html.page(results, sections(results)), encoding="utf-8")
    browser.open(path)
    legend = "[...document.querySelectorAll('[data-controls=cost] .legend > span')].map(e => e.textContent)"
    assert browser.run("document.querySelector('[data-controls=cost] [data-choice=by]').value") == "ms"
    assert browser.run(legend) == list(operations)
    choose(browser, "cost", "by", "gflop")
    assert browser.run(legend) == ["simclr", "untrained"]
    assert browser.messages == []


def test_a_clip_plays_and_stops_and_no_name_of_one_becomes_a_script(opened):
    said = opened.run("document.querySelector('#listening').textContent")
    assert "20 dB" in said
    opened.run("document.querySelector('#listening button.play').click()")
    opened.wait("document.querySelector('#listening button.play').getAttribute('aria-pressed') === 'true'")
    opened.wait("document.querySelector('#listening button.play').getAttribute('aria-pressed') === 'false'")  # it has ended
    clips = opened.run("[...document.querySelectorAll('#worst-clips tbody th')].map(e => e.textContent)")
    assert 0 < len(clips) <= 20
    assert opened.run("document.querySelectorAll('script').length") == 4


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1440, True)])
def test_nothing_is_wider_than_the_window_and_charts_follow_the_scheme(browser, page, width, dark):
    browser.open(page, width, 800, dark)
    assert browser.messages == []
    assert browser.run("document.documentElement.scrollWidth") <= width
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('[data-chart=scores] text')).fill]"
    paper, ink = (sum(map(int, each.strip("rgb()").split(","))) for each in browser.run(colours))
    assert (paper < ink) == dark
    browser.look(width, 800, not dark)  # and without being drawn again
    paper, ink = (sum(map(int, each.strip("rgb()").split(","))) for each in browser.run(colours))
    assert (paper < ink) == (not dark)


def test_on_paper_nothing_is_cut(browser, page, tmp_path):
    browser.open(page, 1440, 900, dark=True)
    browser.look(690, 1000, dark=True, media="print")
    wide = "[...document.querySelectorAll('main table, main svg')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
    assert browser.run(wide) == 0
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.look(1440)
    printed = browser.print(tmp_path / "page.pdf")
    assert printed.stat().st_size > 20_000
    assert subprocess.run(["head", "-c", "5", printed], capture_output=True, check=True).stdout == b"%PDF-"


def test_on_paper_notes_and_short_tables_are_open_and_long_ones_are_not(browser, page):
    browser.open(page, 1440, 900)
    closed = "[...document.querySelectorAll('main section:not(#made) details:not([open])')].map(e => e.querySelectorAll('tr').length)"
    before = browser.run(closed)
    browser.run("document.querySelector('#comparisons details .wide').innerHTML += '<table>' + '<tr></tr>'.repeat(61) + '</table>'")
    browser.run("dispatchEvent(new Event('beforeprint')) && 1")
    assert min(browser.run(closed)) > 60, "the one that was made long, and those that are"
    browser.run("dispatchEvent(new Event('afterprint')) && 1")
    assert len(browser.run(closed)) == len(before) > 2
