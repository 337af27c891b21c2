"""The guides hold: every link resolves, pages that are made from the code are as it is, and every block of code runs or says why not."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, why_not
from songs import hard_songs

from mirbench import cli, registry

ROOT = Path(__file__).parent.parent.parent
SKIPPED = {".git", ".venv", "venv", "build", "node_modules", "site"}
DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts) and "tables" not in path.relative_to(ROOT).parts
)
GUIDES = [path for path in DOCUMENTS if path.parent == ROOT / "docs"]
GENERATED = {"command-line.md", "hooks.md"}
LOOKED_AT = GENERATED | {"plugins.md"}  # by test_plugins_page.py
NOT_RUN = r"<!-- not run: [^>]+ -->\n"
BLOCK = rf"(?P<not_run>{NOT_RUN})?```(?P<language>\w*)\n(?P<code>.*?)```"


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_the_example_of_a_report_quotes_what_the_report_says():
    from mirbench.reporting.page.answer import answer
    from mirbench.reporting.page.limits import limits
    from mirbench.results.merging import load

    results = load(ROOT / "results/reference/robustness")
    said = " ".join([*answer(results), *limits(results)])
    example = " ".join((ROOT / "docs/report.md").read_text().partition("## An example")[2].partition("\n## ")[0].split())
    quotes = re.findall(r"\d\. \*([^*]+)[.*]", example)
    assert len(quotes) == 5
    for quote in quotes:
        assert quote.rstrip(".") in said


def anchors(path):
    """Those of its headings, as code hosts make them, and its own."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each)).strip().lower().replace(" ", "-") for each in headings]
    return {*slugs, *re.findall(r'(?:id|name)="([^"]+)"', text)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_resolves(path):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), f"{name(path)} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{name(path)} links to {target}"


def test_every_guide_is_reached_from_the_contents():
    contents = (ROOT / "docs" / "mkdocs.yml").read_text()
    assert [each.name for each in GUIDES if f"docs/{each.name}" not in contents] == []
    assert [place for place in re.findall(r"[\w/-]+\.md", contents) if not (ROOT / place).exists()] == []


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted(GENERATED))
def test_pages_made_from_the_code_are_as_it_is(generate, page):
    assert (ROOT / "docs" / page).read_text() == generate.PAGES[page](), f"write docs/{page} anew: python docs/generate.py"


def test_every_hook_and_command_has_its_place(generate):
    assert set(generate.PAGES) == GENERATED
    assert [hook for hook in vars(generate.hookspecs) if hook.startswith("register_") and f"## {hook}\n" not in generate.hooks()] == []
    assert [command for command in cli.app.COMMANDS if f"## `mirbench {command}`" not in generate.command_line()] == []


def test_the_pictures_are_drawn_by_the_functions_that_train(tmp_path):
    code = "import runpy, sys; drawn = runpy.run_path(sys.argv[1])['PICTURES']; print(*sorted(drawn)); [draw() for draw in drawn.values()]"
    told = subprocess.run([sys.executable, "-c", code, str(ROOT / "docs" / "pictures.py")], check=True, capture_output=True, text=True)
    assert told.stdout.split() == sorted(path.stem for path in (ROOT / "docs" / "pictures").glob("*.png"))


def blocks(path):
    return [match.groupdict() for match in re.finditer(BLOCK, path.read_text(), re.DOTALL)]


def commands(code):
    return [shlex.split(line, comments=True) for line in code.splitlines() if line.startswith("mirbench ")]


@pytest.mark.parametrize("path", [each for each in GUIDES if each.name not in LOOKED_AT], ids=name)
def test_every_command_of_a_guide_is_one(path, capsys):
    """Of those that are run and of those that are not: its options are among those that its --help names."""
    for block in blocks(path):
        for _, *words in commands(block["code"]) if block["language"] == "sh" else []:
            group = words[:2] if words[0] in ("data", "cache") else words[:1]
            assert cli.main([*group, "--help"]) == 0
            told = capsys.readouterr().out
            assert [word for word in words if word.startswith("--") and word not in told] == [], words


@pytest.mark.slow
@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize("path", [each for each in GUIDES if each.name not in LOOKED_AT and blocks(each)], ids=name)
def test_every_block_of_code_runs_or_says_why_not(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MIRBENCH_DATA", str(tmp_path))
    Path("songs").mkdir()
    hard_songs(Path("songs"), np.random.default_rng(0), {"train": 12, "valid": 6, "test": 12})
    namespace = {"__name__": "__main__"}
    for number, block in enumerate(blocks(path)):
        if block["not_run"]:
            continue
        if block["language"] == "python":
            source = tmp_path / f"block{number}.py"  # a file, which TorchScript reads again
            source.write_text(block["code"])
            exec(compile(block["code"], str(source), "exec"), namespace)
        elif block["language"] == "sh":
            found = commands(block["code"])
            assert len(found) == len([line for line in block["code"].splitlines() if line.strip() and not line.startswith("#")]), block[
                "code"
            ]
            for _, *words in found:
                assert cli.main(words) == 0, (words, capsys.readouterr().err)
    registry.load()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; a warning ends it."""
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(ROOT / "docs" / "mkdocs.yml"), "-d", str(folder)]
    told = subprocess.run(command, capture_output=True, text=True, env={"PATH": "", "NO_MKDOCS_2_WARNING": "1"})
    assert told.returncode == 0, told.stderr
    return folder


@pytest.mark.slow
def test_the_guides_are_built_as_a_site_without_a_warning(site):
    page = (site / "docs" / "method.html").read_text()
    needed = re.findall(r'(?:src|href)="([^"]+\.(?:js|css|png))"', page)
    assert len([each for each in needed if each.endswith("css")]) >= 2
    assert [each for each in needed if not (site / "docs" / each).exists()] == []  # which is none of another host either


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one")
def test_the_search_of_the_site_works_from_files_and_asks_for_nothing_else(site, tmp_path):
    browser = Browser(tmp_path / "profile")
    try:
        browser.look(1280)
        browser.send("Page.navigate", url=(site / "docs" / "method.html").as_uri())
        browser.wait("document.readyState === 'complete' && typeof __md_get === 'function'")
        browser.wait("(document.querySelector('.md-search__input')?.focus(), !!document.querySelector('iframe'))")
        browser.send("Input.insertText", text="retained")
        browser.wait("document.querySelectorAll('.md-search-result__item').length > 3")
        assert [url for url in browser.requests if not url.startswith(("file:", "data:", "about:"))] == []
        assert browser.messages == []
    finally:
        browser.close()
