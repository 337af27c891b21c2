"""Whatever a plugin changes of the process is put back and named, also of a package that it is the first to import."""

import os
import random
import signal
import subprocess
import sys
import threading
import warnings

import matplotlib
import numpy as np
import pytest
import torch

from mirbench.engine.global_state import unchanged

CHANGES = {
    "the default dtype of torch": lambda: torch.set_default_dtype(torch.float64),
    "the default device of torch": lambda: torch.set_default_device("meta"),
    "the grad mode of torch": lambda: torch.set_grad_enabled(False),
    "the number of threads of torch": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "the deterministic flag of torch": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "the flags of cuDNN": lambda: setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark),
    "the precision of torch's products": lambda: torch.set_float32_matmul_precision("medium"),
    "the anomaly mode of torch": lambda: torch.autograd.set_detect_anomaly(True),
    "the global random state of torch": lambda: torch.rand(1),
    "the global random state of numpy.random": lambda: np.random.seed(3),
    "the global random state of random": lambda: random.seed(3),
    "the error state of numpy": lambda: np.seterr(all="raise"),
    "the locale": lambda: __import__("locale").setlocale(__import__("locale").LC_ALL, "C.UTF-8"),
    "the filters of warnings": lambda: warnings.simplefilter("ignore"),
    "the signal handlers": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "the working folder": lambda: os.chdir("/"),
    "the settings of matplotlib": lambda: matplotlib.rcParams.update({"figure.dpi": 77}),
}


def states():
    torch_states = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(), torch.get_num_threads()
    flags = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    drawn = torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()
    return (
        torch_states,
        flags,
        drawn,
        np.geterr(),
        list(warnings.filters),
        signal.getsignal(signal.SIGTERM),
        os.getcwd(),
        dict(matplotlib.rcParams),
    )


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_put_back_and_named(name, capfd):
    before = states()
    with unchanged(f"plugin of {name}"):
        CHANGES[name]()
    assert states() == before
    assert capfd.readouterr().err.startswith(f"mirbench: plugin of {name} left {name} changed, which was put back")
    with unchanged(f"plugin of {name}"):
        CHANGES[name]()
    assert states() == before
    assert capfd.readouterr().err == ""  # once is enough


def test_all_are_named_and_what_is_raised_goes_on():
    state = unchanged()

    def fails():
        np.random.rand()
        np.seterr(all="raise")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), state:
        fails()
    assert state.changed == ["the global random state of numpy.random", "the error state of numpy"]


def test_what_is_drawn_begins_at_the_seed_and_the_generators_go_on():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    wanted = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    drawn = []
    for _ in range(2):
        with unchanged("", seed=5, may_draw=True) as state:
            drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
        assert state.changed == []
    assert drawn[0] == drawn[1]
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == wanted


def test_a_package_that_the_block_imports_first_is_put_back_too():
    code = """
import sys
from mirbench.engine.global_state import unchanged
assert not {"torch", "matplotlib"} & set(sys.modules)
with unchanged("it"):
    import torch, matplotlib, numpy
    threads = torch.get_num_threads()
    torch.set_default_dtype(torch.float64); torch.set_num_threads(threads + 2); torch.set_grad_enabled(False)
    matplotlib.rcParams["figure.dpi"] = 11; numpy.seterr(all="raise"); numpy.random.seed(1)
assert torch.get_default_dtype() == torch.float32 and torch.get_num_threads() == threads and torch.is_grad_enabled()
assert matplotlib.rcParams["figure.dpi"] == 100 and numpy.geterr()["over"] == "warn"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("the default dtype of torch", "the number of threads of torch", "the settings of matplotlib", "the error state of numpy"):
        assert name in done.stderr


def test_nothing_is_imported_for_it():
    code = "import sys\nfrom mirbench.engine.global_state import unchanged\nwith unchanged('x'): pass\n"
    code += "print({'torch', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_filters_that_packages_add_when_they_are_imported_stay():
    before = list(warnings.filters)
    try:
        with unchanged() as state:
            sys.modules["a_package_of_this_test"] = sys
            warnings.filterwarnings("ignore", message="a message of a package")
        assert state.changed == []
        assert len(warnings.filters) == len(before) + 1
        with unchanged() as state:
            warnings.filterwarnings("ignore", message="another")
        assert state.changed == ["the filters of warnings"]
    finally:
        warnings.filters[:] = before
        del sys.modules["a_package_of_this_test"]


def test_a_few_draws_of_a_package_that_is_imported_are_put_back_but_a_seed_is_named():
    before = random.getstate()
    for change, named in ((lambda: random.getrandbits(24), []), (lambda: random.seed(3), ["the global random state of random"])):
        try:
            with unchanged() as state:
                sys.modules["a_package_of_this_test"] = sys
                change()
        finally:
            del sys.modules["a_package_of_this_test"]
        assert state.changed == named
        assert random.getstate() == before


def test_an_exit_past_all_is_refused_here_and_works_in_a_process_of_its_own():
    leave = os._exit
    with pytest.raises(SystemExit), unchanged():
        os._exit(0)
    with unchanged():
        if not (child := os.fork()):
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert os._exit is leave


def test_another_thread_may_use_it():
    states: list[list[str]] = []

    def block():
        with unchanged() as state:
            np.seterr(all="raise")
        states.append(state.changed)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert states == [["the error state of numpy"]]
