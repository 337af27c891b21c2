"""A few hundred bytes that would be endless, huge or too deep, and numbers as YAML 1.2 writes them."""

from __future__ import annotations

import itertools
import time

import pytest

from mirbench.errors import MirbenchError
from mirbench.nouns import Encoder
from mirbench.registry.contract import check_noun
from mirbench.settings.config import load_config
from mirbench.settings.options import encoder_options
from mirbench.settings.yamlfile import parse_value


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def quickly(refused, *args):
    begun = time.process_time()
    with pytest.raises(MirbenchError) as caught:
        refused(*args)
    assert time.process_time() - begun < 10  # well under a second on an idle core; what hangs takes for ever
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)
    return str(caught.value)


def quickly_refused(files=(), overrides=()):
    return quickly(load_config, files, overrides)


MERGED = "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 30)}]}}\n" for a, b in itertools.pairwise("abcdefgh"))
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in itertools.pairwise("abcdefghijkl")
)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (BOMB, 5, "there are more than 20,000 values, every alias written out"),
        ("options:\n  semisupcon: &a\n    x: [*a]\n", 2, "a value holds itself"),
        (MERGED, 4, "there are more than 20,000 values"),
        ("seed:" + " [" * 60 + "]" * 60, 1, "values are nested more than 40 deep"),
        ("- " * 60 + "a", 1, "values are nested more than 40 deep"),
    ],
    ids=["bomb", "itself", "merged", "flow", "block"],
)  # fmt: skip
def test_what_aliases_and_brackets_would_make_of_a_few_bytes_is_a_sentence(write, text, line, what):
    path = write(text)
    assert len(text) < 2000
    assert quickly_refused([path]).startswith(f"{path}:{line}: {what}")
    assert quickly_refused([path]).endswith("; write settings as 'key: value'.")


def test_brackets_that_python_cannot_follow_are_a_sentence(write):
    path = write("seed: " + "[" * 90_000)
    assert quickly_refused([path]) == f"{path}: values are nested more than 40 deep; write settings as 'key: value'."
    said = quickly_refused(overrides=["seed=" + "[" * 10_000])
    assert "values are nested more than 40 deep" in said
    assert "--set takes key=value" in quickly_refused(overrides=[".".join(["a"] * 10_000) + "=1"])


def test_what_is_shown_of_a_value_is_its_beginning(write):
    nine = "[x, x, x, x, x, x, x, x, x]"
    path = write(f"seed: [&a {nine}, {'*a, ' * 1500}]")
    assert quickly_refused([path]).endswith(", not [['x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x'], ['x', 'x', '.")
    assert quickly_refused([write("y" * 10_000)]).endswith("not '" + "y" * 199 + "…'.")


def test_a_file_that_is_no_settings_is_not_read_whole(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10**10)
    assert quickly_refused([path]) == f"{path} has more than 100,000 bytes, which no settings need; give a YAML file of settings."


@pytest.mark.parametrize(
    ("text", "value"),
    [("010", 10), ("0o10", 8), ("0x1F", 31), ("-7", -7), ("1_000", 1000), ("1:30", "1:30"), ("1:3", "1:3"),
     ("0b11", "0b11"), ("08", 8), ("1e3", 1000.0),
     ("190:20:30", "190:20:30"), ("1:2.5", "1:2.5"), ("2024-01-01", "2024-01-01"), ("0", 0), ("1.50", 1.5)],
)  # fmt: skip
def test_numbers_are_those_of_yaml_1_2(text, value):
    found = parse_value(text, "here")
    assert (found, type(found)) == (value, type(value))
    assert parse_value(f"{{a: [{text}]}}", "here") == {"a": [value]}


def bomb():
    value = ["x"] * 9
    for _ in range(12):
        value = [value] * 9
    return value


def endless():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize("make", [bomb, endless])
def test_an_option_that_holds_too_much_is_a_sentence(make):
    """Of a plugin's author, and of who gives it by Python."""

    class Mine(Encoder):
        name = "mine"
        options = {"x": None, "n": 1}

        def embed(self, audio):
            return audio

    assert quickly(encoder_options, Mine(), {"mine": {"x": make()}}).startswith("option x holds too much: ")
    assert quickly(encoder_options, Mine(), {"mine": {"n": make()}}).startswith("option n holds too much: ")
    assert "A variant for each" not in quickly(encoder_options, Mine(), {"mine": {"n": [10**30, 1]}})
    Mine.options = {"x": make()}
    assert "encoder 'mine' has an option 'x' whose default holds too much: " in quickly(check_noun, "encoder", Mine(), "plugin")
    Mine.options = make()
    assert "encoder 'mine' has options = [[" in quickly(check_noun, "encoder", Mine(), "plugin")
