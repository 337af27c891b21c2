"""Options declared once: what a class of them takes over, what a plain dict becomes, and the sentence for each value that cannot be."""

import math

import pytest

import mirbench
from mirbench import registry
from mirbench.nouns import Encoder
from mirbench.pretraining.settings import LabelOptions, SemiSupervisedOptions, TrainingOptions, check_settings
from mirbench.pretraining.signals import signal_options
from mirbench.settings.declaring import Options, Spec, option
from mirbench.settings.options import encoder_options
from mirbench.settings.validation import WrongOption, declared, option_class, validated


class Network(Options):
    layers = option(2, "convolutions, one after the other", ge=1, le=12)
    rate = option(0.1, "how fast it learns", gt=0)
    dropout = option(0.0, "share of zeros", ge=0, lt=1)
    most = option(3, le=5)
    pool = option("mean", "how frames become one embedding", choices=("mean", "max"))
    bits = option(16, choices=(8, 16))
    loss = option(Spec(name="l2"), "what is made small")


class Deeper(Network):
    layers = 8
    extra = "x"


class Convolutional(mirbench.Encoder):
    name = "convolutional"
    options = Deeper()

    def embed(self, audio):
        return audio


def test_a_class_maps_names_to_defaults_and_a_subclass_changes_one_by_its_value_alone():
    assert dict(Deeper()) == {**Network(), "layers": 8, "extra": "x"}
    assert list(Deeper()) == [*Network(), "extra"]
    assert Deeper.declared["layers"] == option(8, "convolutions, one after the other", ge=1, le=12)
    assert Network()["layers"] == 2
    assert "pool" in Deeper()
    assert (encoder := Convolutional()).options == dict(encoder.options)


def test_options_of_several_bases_stand_in_their_order_and_win_as_methods_do():
    class Base(Options):
        first = option(1, "one")
        items = option(2, "named like a method of a mapping")

    class Left(Base):
        own = 3

    class Right(Base):
        first = 10

    class Both(Left, Right):
        _hidden = 4

        def keep(self):
            return len(self)

    assert dict(Both()) == {"first": 10, "items": 2, "own": 3, "_hidden": 4}
    assert (Both.declared["first"].meaning, Both().keep()) == ("one", 4)
    assert validated(Both(), {"items": 3.0, "_hidden": 5}) == {"items": 3, "_hidden": 5}
    assert list(SemiSupervisedOptions())[:3] == ["backbone", "layer", "steps"]
    assert list(SemiSupervisedOptions())[-4:] == ["labelled_share", "most_repeats", "label_weight", "unlabelled_in_denominator"]


@pytest.mark.parametrize(
    ("default", "bounds"),
    [
        (0, {"ge": 1}),
        (0.0, {"gt": 0}),
        (2, {"le": 1}),
        (1, {"lt": 1}),
        ("a", {"choices": ("b", "c")}),
        (math.nan, {"ge": 0}),
        ("many", {"ge": 0}),
        (None, {"lt": 3}),
        ("few", {"choices": ("auto",), "or_number": float, "ge": 0}),
        (0.5, {"choices": ("auto",), "or_number": int}),
        (2.0, {"choices": ("auto",), "or_number": float, "le": 1}),
    ],
)
def test_a_default_that_breaks_its_own_bounds_is_refused_where_it_is_declared(default, bounds):
    with pytest.raises(ValueError, match=r"^the default of an option is .*, and it must be "):
        option(default, **bounds)
    with pytest.raises(ValueError, match=r"^the default of an option is 13, and it must be a number at least "):
        type("TooDeep", (Network,), {"layers": 13})


def test_a_plain_dict_becomes_a_class_by_itself():
    made = option_class({"layers": 2, "rate": 0.1, "tags": ("a",), "learning-rate": 1, "copy": True, "_x": None})
    fields = {field.alias: field for field in made.model_fields.values()}
    assert {name: field.default for name, field in fields.items()} == {
        "layers": 2,
        "rate": 0.1,
        "tags": ("a",),
        "learning-rate": 1,
        "copy": True,
        "_x": None,
    }
    assert made.model_validate({"layers": 3.0}).layers == 3
    assert option_class({"layers": 2}) is option_class({"layers": 2})
    assert option_class({"loss": Spec(name="l2")}) is not option_class({"loss": {"name": "l2"}})
    layers = option_class(Network()).model_fields["layers"]
    assert (layers.annotation, layers.default, layers.description) == (int, 2, "convolutions, one after the other")


@pytest.mark.parametrize(
    ("default", "given", "expected"),
    [
        (1, 1e3, 1000),
        (1, 10**400, 10**400),
        (1.0, 2, 2.0),
        (None, {"any": ["thing"]}, {"any": ["thing"]}),
        ([1.0], (1, 2), [1.0, 2.0]),
        ((1,), [2.0], (2,)),
        ([], ["a", 1], ["a", 1]),
        ([[1]], [[2.0], []], [[2], []]),
        ({"a": 1}, {"b": 2}, {"b": 2}),
        (Spec(name="a"), "b", {"name": "b"}),
        (Spec(name="a"), ["b", {"name": "c", "weight": 2}], [{"name": "b"}, {"name": "c", "weight": 2}]),
    ],
)
def test_a_value_takes_the_type_of_the_default(default, given, expected):
    made = validated({"x": default}, {"x": given})["x"]
    assert made == expected
    assert repr(made) == repr(expected)


@pytest.mark.parametrize(
    ("default", "given", "right"),
    [
        (1, "1", "a whole number"),
        (1, math.inf, "a whole number"),
        (1.0, True, "a number"),
        (1.0, 10**400, "a number"),
        (True, 1, "true or false"),
        ("a", 1, "text"),
        ([1], "1", "a list"),
        ([1], [1, "a"], "a list, each element a whole number"),
        ([[1]], [[1, 1.5]], "a list, each element a list, each element a whole number"),
        ([[1]], [1], "a list, each element a list"),
        ({}, [1], "a mapping"),
        (Spec(name="a"), [["b"]], "a name, a mapping with a name, or a list of these"),
        (Spec(name="a"), [], "a name, a mapping with a name, or a list of these"),
    ],
)
def test_a_value_of_another_type_is_refused(default, given, right):
    with pytest.raises(WrongOption) as caught:
        validated({"y": 0, "x": default}, {"x": given, "y": "also wrong"})
    assert (caught.value.name, caught.value.typed) == ("x", True)
    assert caught.value.text.startswith(f"should be {right} (default {default!r}), not ")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"layers": 13}, "option layers is 13; it must lie between 1 and 12."),
        ({"layers": 10**400}, f"option layers is {10**400}; it must lie between 1 and 12."),
        ({"rate": 0}, "option rate is 0; it must be above 0."),
        ({"rate": math.nan}, "options.convolutional.rate should be a number (default 0.1), not nan."),
        ({"rate": math.inf}, "options.convolutional.rate should be a number (default 0.1), not inf."),
        ({"dropout": 1}, "option dropout is 1; it must be at least 0 and below 1."),
        ({"most": 6}, "option most is 6; it must be at most 5."),
        ({"pool": "men"}, "no pool option is named 'men'; did you mean 'mean'? Known: max, mean."),
        ({"pool": 1}, "options.convolutional.pool should be mean or max (default 'mean'), not 1."),
        ({"bits": 12.0}, "no bits option is named '12.0'. Known: 16, 8."),
        ({"layer": 1, "pool": 1}, "options.convolutional: the encoder has no option 'layer'; did you mean 'layers'? Known: "),
    ],
)
def test_bounds_and_choices_are_refused_in_a_sentence(given, sentence):
    with pytest.raises(mirbench.MirbenchError) as caught:
        encoder_options(Convolutional(), {"convolutional": given})
    assert str(caught.value).startswith(sentence)


def test_a_bound_says_which_layer_of_settings_breaks_it():
    def said(**layers):
        with pytest.raises(mirbench.MirbenchError) as caught:
            encoder_options(Convolutional(), **{"options": {}, **layers})
        return str(caught.value)

    assert said(options={"all": {"layers": 0}}) == "options.all: option layers is 0; it must lie between 1 and 12."
    assert said(swept={"pool": "sum"}) == "sweep.convolutional: no pool option is named 'sum'. Known: max, mean."
    assert said(stored={"rate": -1}) == "the checkpoint's options of convolutional: option rate is -1; it must be above 0."


def test_defaults_are_not_shared_with_what_is_made_of_them():
    made = encoder_options(Convolutional(), {})
    made["loss"]["name"] = "l1"
    assert Convolutional.options["loss"] == {"name": "l2"}


def test_a_plugin_that_takes_options_over_by_name_is_held_to_their_bounds():
    class Mine(mirbench.BackboneEncoder):
        name = "mine"
        options = {**TrainingOptions(), **LabelOptions(), "layers": 2}

    made = encoder_options(Mine(), {"mine": {"views": 33, "layers": 3.0}})
    assert made["layers"] == 3
    with pytest.raises(mirbench.MirbenchError, match=r"^option views is 33; it must lie between 2 and 32\.$"):
        Mine().check(made)
    with pytest.raises(mirbench.MirbenchError, match=r"^no optimizer option is named 'sgd'\. Known: adam, adamw\.$"):
        check_settings({**TrainingOptions(), "optimizer": "sgd"})


def test_every_built_in_option_has_a_sentence():
    loaded = registry.load()
    tables = {name: encoder.options for name, encoder in loaded.encoders.items()}
    tables |= {name: signal_options(supervision) for name, supervision in loaded.supervisions.items()}
    assert {"steps", "threshold", "annotation"} <= {name for options in tables.values() for name in options}
    for owner, options in tables.items():
        for name, each in declared(options).items():
            assert len(each.meaning.split()) >= 3, f"{owner}.{name}"
            assert not each.meaning.endswith("."), f"{owner}.{name}"
            assert validated(options, {name: each.default}) == {name: each.default}


def test_no_options_are_an_empty_class():
    assert option_class(Encoder.options).model_fields == {}
    assert validated({}, {}) == {}
