"""For pytest: each promise of a plugin as a test, by `pytest --mirbench FILE` or the setting `mirbench` of pytest, and fixtures with music.

mirbench_check: a function (FILE|NAME|PACKAGE), which fails with all that is broken. mirbench_mini: the folder of a few clips of mini, their
manifest in it. mirbench_tiny_run: a function that runs mirbench on those clips and returns its results.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mirbench.reporting.notebook import Results
    from mirbench.testing.promises import Examination

OPTION = "mirbench"
FEW = {"music": (6, 2, 3), "notes": (2, 1, 1), "keys": 0, "pool": 30}  # clips of mini, see `Size`
QUICK: dict[str, Any] = {"corruptions": "none", "floors": "none", "bootstrap": {"resamples": 50}, "quiet": True}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, and the setting of the same name."""
    about = "plugin whose promises are tests: a file, a name or a package; repeat it"
    parser.getgroup("mirbench").addoption("--mirbench", action="append", default=[], metavar="FILE|NAME|PACKAGE", help=about)
    parser.addini(OPTION, f"{about.partition(';')[0]}", type="args", default=[])


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Adds a test for each promise of the plugins that are named."""
    for given in dict.fromkeys([*config.getini(OPTION), *config.getoption("--mirbench")]):
        for examination in _examined(str(given), config):
            for promise in examination.promises:
                name = f"{examination.kind}:{examination.name}:{promise.name.replace(' ', '-')}"
                about = {"name": name, "nodeid": f"{given}::{name}", "examination": examination, "promise": promise.name}
                items.append(PromiseItem.from_parent(session, **about))


class PromiseItem(pytest.Item):
    """One promise of one noun."""

    def __init__(self, *, examination: Examination, promise: str, **given: Any) -> None:
        super().__init__(**given)
        self.examination, self.promise = examination, promise

    def runtest(self) -> None:
        from mirbench.testing.promises import FAIL, SKIPPED

        outcome = self.examination.outcome(self.promise)
        if outcome.status == SKIPPED:
            pytest.skip(outcome.told)
        if outcome.status == FAIL:
            pytest.fail(_in_words(outcome), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        return Path(self.examination.file or self.examination.provider), None, self.name


def _examined(given: str, config: pytest.Config | None = None, settings: Mapping[str, Any] | None = None) -> list[Examination]:
    """The folder of what is prepared is removed at the end."""
    from mirbench.errors import MirbenchError
    from mirbench.settings.config import load_config
    from mirbench.testing.examine import examine

    scratch = tempfile.TemporaryDirectory(prefix="mirbench-check-")
    if config is not None:
        config.add_cleanup(scratch.cleanup)
    try:
        return examine(given, Path(scratch.name), load_config(flags=dict(settings or {})))
    except MirbenchError as error:
        raise pytest.UsageError(str(error)) from error


def _in_words(outcome: Any) -> str:
    return f"{outcome.told}.\nmend: {outcome.promise.mend}"


@pytest.fixture
def mirbench_check(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function of a plugin's file, a name or a package: the test fails with every promise that is broken. Its further arguments are
    settings of mirbench, such as data_root="/data", where published data sets lie, and options={"mine": {"layer": 1}}."""

    def check(given: str | Path, **settings: Any) -> None:
        from mirbench.testing.promises import FAIL

        try:
            examined = _examined(str(given), request.config, settings)
        except pytest.UsageError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        found = [outcome for each in examined for outcome in each.outcomes()]
        if broken := [_in_words(outcome) for outcome in found if outcome.status == FAIL]:
            pytest.fail("\n".join(broken), pytrace=False)

    return check


@pytest.fixture(scope="session")
def mirbench_mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of some tens of clips of mini in all splits, with genre, key, pitch and tags: audio, and `manifest.csv`, which
    `mirbench.read_manifest` reads, and which can be given as a data set."""
    from mirbench.registry import load

    mini: Any = load().datasets["mini"]
    folder = tmp_path_factory.mktemp("mirbench-mini")
    type(mini)("mirbench-mini", "a few clips of mini", type(mini.size)(**FEW), workers=1).prepare(folder)
    return folder


@pytest.fixture(scope="session")
def mirbench_tiny_run(mirbench_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Results]:
    """A function that runs mirbench on `mirbench_mini`, and returns what `mirbench.run` does. Its settings are those of that, such as
    plugins=["mine.py"], encoders=["mine"], tasks=["genre"]; without more there are no corruptions, no floors and few resamples. What is
    finished is done once in a session."""
    root = tmp_path_factory.mktemp("mirbench-run")

    def run(**settings: Any) -> Results:
        import mirbench

        given = {**QUICK, "dataset": str(mirbench_mini / "manifest.csv"), "cache": root / "cache", "output": str(root / "results")}
        results: Results = mirbench.run(**{**given, **settings})
        return results

    return run
