"""What all code of a process shares, such as torch's default dtype or numpy's error state: put back after a plugin's code, and named.

Nothing is imported for it: a package that is loaded meanwhile is looked at right after it was loaded, before anybody could change it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import locale
import mmap
import os
import random
import signal
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any, NamedTuple

GENERATOR = "the global random state of "  # how the names of such states begin
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM")
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
WORDS_OF_MT19937 = 624  # of 32 bits; the position in them lies behind
_TOLD = mmap.mmap(-1, 4096)  # a byte for each warning that was told, in memory that forked workers share, so that each is told once


class _State(NamedTuple):
    """name: as it is told. generator: whether it is of a generator of random numbers."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]
    same: Callable[[Any, Any], bool] = lambda a, b: bool(a == b)
    generator: bool = False


def _set_filters(before: list[Any]) -> None:
    warnings.simplefilter("default", append=True)  # so that Python forgets what it decided by other filters
    warnings.filters[:] = before  # type: ignore[index]


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in _SIGNALS]


def _set_handlers(before: list[Any]) -> None:
    for number, handler in zip(_SIGNALS, before, strict=True):
        if handler is not None and threading.current_thread() is threading.main_thread():  # None: of no Python's
            signal.signal(number, handler)


def _folder() -> str:
    with contextlib.suppress(OSError):  # it was removed
        return os.getcwd()
    return ""


def _set_folder(before: str) -> None:
    if before:
        os.chdir(before)


def _set_streams(before: Any) -> None:
    sys.stdout, sys.stderr = before


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _of_python() -> list[_State]:
    return [
        _State(f"{GENERATOR}random", random.getstate, random.setstate, generator=True),
        _State("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda before: locale.setlocale(locale.LC_ALL, before)),
        _State("the signal handlers", _handlers, _set_handlers),
        _State("the working folder", _folder, _set_folder),
        _State("sys.stdout or sys.stderr", lambda: (sys.stdout, sys.stderr), _set_streams, lambda a, b: a[0] is b[0] and a[1] is b[1]),
        _State("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
        _State("the mask of new files' permissions", _umask, os.umask),
    ]


def _of_numpy() -> list[_State]:
    np = sys.modules["numpy"]
    size = 4 * (WORDS_OF_MT19937 + 1)

    def read() -> Any:
        """The key and the position as they lie in memory, a thirtieth of the time of `get_state`; of another generator, that."""
        generator = np.random.get_bit_generator()
        if type(generator).__name__ != "MT19937":
            return repr(np.random.get_state(legacy=False))
        return ctypes.string_at(generator.ctypes.state_address, size)

    def write(before: Any) -> None:
        if isinstance(before, bytes):
            numbers = np.frombuffer(before, np.uint32)
            np.random.set_state(("MT19937", numbers[:-1], int(numbers[-1])))

    return [
        _State(f"{GENERATOR}numpy.random", read, write, generator=True),
        _State("the error state of numpy", np.geterr, lambda before: np.seterr(**before)),
    ]


def _of_torch() -> list[_State]:
    torch = sys.modules["torch"]
    cudnn = torch.backends.cudnn

    def deterministic() -> tuple[bool, bool]:
        return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()

    def set_cudnn(before: tuple[bool, bool, bool]) -> None:
        cudnn.enabled, cudnn.benchmark, cudnn.deterministic = before

    return [
        _State(f"{GENERATOR}torch", torch.get_rng_state, torch.set_rng_state, lambda a, b: bool(a.equal(b)), generator=True),
        _State("the default dtype of torch", torch.get_default_dtype, torch.set_default_dtype),
        _State("the default device of torch", torch.get_default_device, torch.set_default_device),
        _State("the grad mode of torch", torch.is_grad_enabled, torch.set_grad_enabled),
        _State("the number of threads of torch", torch.get_num_threads, torch.set_num_threads),
        _State("the deterministic flag of torch", deterministic, lambda before: torch.use_deterministic_algorithms(
            before[0], warn_only=before[1])),
        _State("the flags of cuDNN", lambda: (cudnn.enabled, cudnn.benchmark, cudnn.deterministic), set_cudnn),
        _State("the precision of torch's products", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        _State("the anomaly mode of torch", torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    ]  # fmt: skip


def _of_matplotlib() -> list[_State]:
    settings = sys.modules["matplotlib"].rcParams

    def read() -> list[Any]:
        return list(dict.values(settings))  # past its own methods, which take twenty times as long

    def changed(before: list[Any], now: list[Any]) -> list[str]:
        pairs = zip(dict.keys(settings), before, now, strict=False)
        return [name for name, old, new in pairs if name != "backend" and old != new]  # that is settled when it is first used

    def write(before: list[Any]) -> None:
        values = dict(zip(dict.keys(settings), before, strict=False))
        for name in changed(before, read()):
            dict.__setitem__(settings, name, values[name])

    return [_State("the settings of matplotlib", read, write, lambda a, b: a == b or not changed(a, b))]


_PACKAGES: dict[str, Callable[[], list[_State]]] = {"numpy": _of_numpy, "torch": _of_torch, "matplotlib": _of_matplotlib}
_states: dict[str, list[_State]] = {"": _of_python()}


def _few_draws(before: Any, now: Any) -> bool:
    """Whether a generator of `random` comes from one state to the other by fewer than 64 numbers of 32 bits."""
    generator = random.Random()
    generator.setstate(before)
    return any(generator.getrandbits(32) is not None and generator.getstate() == now for _ in range(64))


class _AtImport:
    """Calls back when one of these packages has been imported, as a finder of Python's import system."""

    def __init__(self, names: set[str], loaded: Callable[[str], Any]) -> None:
        self.names, self.loaded = names, loaded

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self.names:
            return None
        self.names.discard(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader

        def exec_module(module: Any) -> None:
            del loader.exec_module
            loader.exec_module(module)
            self.loaded(name)

        loader.exec_module = exec_module
        return spec


class ExitRefused(SystemExit):
    """Raised in the place of `os._exit`."""

    def __str__(self) -> str:
        return f"it called os._exit({self.code}), which a plugin may not do"


def _refusing(process: int) -> Callable[[int], Any]:
    """`os._exit` for a plugin: in this process it raises, in one that the plugin forked it ends that."""
    leave = os._exit

    def refused(status: int = 0) -> Any:
        if os.getpid() != process:
            leave(status)
        raise ExitRefused(status)

    return refused


class unchanged:
    """Puts back what the block changes of the process, and says so once, naming whose code it was: `changed` holds the names.

    whose: who is named, as the beginning of a sentence; "": nobody is, the caller looks at `changed`. seed: where the global generators
    begin in the block, so that what is drawn there is the same in every process; may_draw: whether that is then fine. Where the block
    imported something, a few draws from `random` are not named, filters of warnings about one message or module stay, and only those of
    all warnings are named, since packages do such when they are imported. `os._exit` raises SystemExit. Takes some tens of
    microseconds; not for several threads at once.

    >>> with unchanged("") as state:
    ...     random.seed(2)
    >>> state.changed
    ['the global random state of random']
    """

    def __init__(self, whose: str = "", seed: int | None = None, may_draw: bool = False) -> None:
        self.whose, self.seed, self.may_draw = whose, seed, may_draw
        self.changed: list[str] = []

    def __enter__(self) -> unchanged:
        self._before: list[tuple[_State, Any, Any]] = []  # a state, what it was, what it was in the block at first
        self._filters, self._imported = list(warnings.filters), len(sys.modules)
        self._finder = None
        self._look("")
        if absent := {name for name in _PACKAGES if not self._look(name)}:
            self._finder = _AtImport(absent, self._look)
            sys.meta_path.insert(0, self._finder)  # type: ignore[arg-type]
        self._exit = os._exit
        os._exit = _refusing(os.getpid())  # type: ignore[assignment]
        return self

    def __exit__(self, *raised: object) -> None:
        os._exit = self._exit
        if self._finder is not None and self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)  # type: ignore[arg-type]
        importing = len(sys.modules) > self._imported
        for state, before, at_first in self._before:
            now = state.read()
            if not state.same(now, at_first) and not (state.generator and self.may_draw):
                self.changed += [state.name] * (not (importing and state.read is random.getstate and _few_draws(at_first, now)))
            if not state.same(now, before):
                state.write(before)
        self._restore_filters()
        if self.changed and self.whose:
            many = len(self.changed) > 1
            names = f"{', '.join(self.changed[:-1])} and {self.changed[-1]}" if many else self.changed[0]
            tell_once(
                f"{self.whose} left {names} changed, which {'were' if many else 'was'} put back; a plugin should leave such settings as it "
                "finds them."
            )

    def _look(self, package: str) -> bool:
        """Takes in what a package, "" for Python's own, has of states; whether it is loaded."""
        if package not in _states:
            if package not in sys.modules:
                return False
            try:
                _states[package] = _PACKAGES[package]()
            except AttributeError:  # it is being imported
                return False
        for state in _states[package]:
            before = at_first = state.read()
            if state.generator and self.seed is not None:
                _SEED[state.name](self.seed)
                at_first = state.read()
            self._before.append((state, before, at_first))
        return True

    def _restore_filters(self) -> None:
        now = list(warnings.filters)
        if now == self._filters:
            return
        added, importing = [each for each in now if each not in self._filters], len(sys.modules) > self._imported
        of_packages = [each for each in added if importing and (each[1] is not None or each[3] is not None)]
        general = [each for each in added if each not in of_packages]
        lost = not all(each in now for each in self._filters)
        if general or lost:
            _set_filters([*of_packages, *self._filters])
        if lost or any(not importing or each[2] is Warning for each in general):
            self.changed.append("the filters of warnings")


_SEED: dict[str, Callable[[int], Any]] = {
    f"{GENERATOR}random": lambda seed: random.seed(seed),
    f"{GENERATOR}numpy.random": lambda seed: sys.modules["numpy"].random.seed(seed % 2**32),
    f"{GENERATOR}torch": lambda seed: sys.modules["torch"].default_generator.manual_seed(seed),
}


def tell_once(sentence: str) -> None:
    """On the error output, from this process and those that it forks once."""
    place = zlib.crc32(sentence.encode(errors="replace")) % len(_TOLD)
    if not _TOLD[place]:
        _TOLD[place] = 1
        print(f"mirbench: {sentence}", file=sys.stderr)


def refuse_exit() -> Callable[[int], Any]:
    """From now on `os._exit` raises SystemExit in this process, as within `unchanged`; returns what it was."""
    leave = os._exit
    os._exit = _refusing(os.getpid())  # type: ignore[assignment]
    return leave
