"""What keys say about themselves, and the merge they go through."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from advgame.config import RunConfig, explain, schema
from advgame.config.keys import all_keys
from advgame.config.overrides import flat, merge
from advgame.config.sources import locate, preset_names
from advgame.config.yamlio import parse, render
from advgame.errors import ConfigError


def test_every_key_has_a_meaning_and_explains() -> None:
    for key in all_keys():
        assert key.field.description or key.path.endswith("type"), key.path
        assert explain(key.path).startswith(f"{key.path}: ")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("train.threads", 'integer | "auto" = default "auto"'),
        ("attacker.learn.objective.beta", "[in type grpo]"),
        ("attacker.learn.objective", "type ipo:"),
        ("pool", "section | null = default null"),
        ("judges.defender.model", "text = required"),
        ("seeds.harmful", "list of text | section = default"),
        ("seeds.harmful.0.name", "seeds.harmful.name: text = required"),
    ],
)
def test_explain(key: str, told: str) -> None:
    assert told in explain(key)


def test_a_section_says_what_it_is_once() -> None:
    assert explain("train").count("The loop.") == 1


def test_explain_unknown() -> None:
    with pytest.raises(ConfigError, match=r"did you mean train\.steps"):
        explain("train.step")


def test_the_default_told_is_the_one_at_that_place() -> None:
    """A section may set another than its model has: the judge that evaluates is not `a`."""
    real = dict(flat(RunConfig().model_dump(mode="json")))
    told = {key.path: key.default for key in all_keys() if key.path in real}
    shown = {"seeds.attacked.harmful": 4, "attacker.format": "fewshot",
             "judges.evaluation.name": "b", "train.validation.direct.benign": 32}  # fmt: skip
    assert {key: real[key] for key in shown} == shown
    for key in shown:
        assert told[key] == shown[key]
        assert f"default {json.dumps(shown[key])}" in explain(key)


@pytest.mark.parametrize("name", preset_names())
def test_the_schema_takes_every_preset(name: str) -> None:
    jsonschema.validate(parse(locate(name).read_text()), schema())


def test_the_schema_takes_a_section_in_part() -> None:
    part = {"extends": "demo", "judges": {"evaluation": {"engine": {"timeout": 9.0}}}}
    jsonschema.validate(part, schema())


def test_schema_is_json_and_knows_the_keys() -> None:
    text = json.dumps(schema())
    assert "prompts_per_seed" in text
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"train": {"stepz": 3}}, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"train": {"steps": "many"}}, schema())


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
MAPPINGS = st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_yaml_round_trip(tree: object) -> None:
    assert parse(render(tree)) == tree


def test_merges_of_merges_are_stopped_before_they_fill_the_memory() -> None:
    tens = ", ".join(f"k{at}: 1" for at in range(10))
    lines = [f"a0: &a0 {{{tens}}}"]
    for at in range(1, 9):
        lines.append(f"a{at}: &a{at} {{<<: [{', '.join([f'*a{at - 1}'] * 10)}]}}")
    with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
        parse("\n".join(lines))


def test_a_key_over_a_merged_one_is_given_once() -> None:
    text = "a: &a {<<: {every: 5}, every: 6}\nb: {<<: *a}\nc: {<<: *a, every: 7}"
    assert parse(text) == {"a": {"every": 6}, "b": {"every": 6}, "c": {"every": 7}}
    with pytest.raises(yaml.YAMLError, match="'every' is given twice"):
        parse("a: {<<: {every: 5}, every: 6, every: 7}")


@pytest.mark.parametrize("text", ["!!bool maybe", "!!timestamp soon", "!!int x", "!!float y"])
def test_a_tag_that_does_not_fit_is_told(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse(text)


@settings(max_examples=60, deadline=None)
@given(MAPPINGS, MAPPINGS)
def test_merge_holds_all_of_over_and_what_it_leaves_of_base(
    base: dict[str, object], over: dict[str, object]
) -> None:
    merged = merge(base, over)
    assert merged.keys() == base.keys() | over.keys()
    for key, value in over.items():
        if not isinstance(value, dict):
            assert merged[key] == value
    for key in base.keys() - over.keys():
        assert merged[key] == base[key]
    assert merge(merged, over) == merged


@settings(max_examples=60, deadline=None)
@given(MAPPINGS)
def test_merge_with_nothing_changes_nothing(base: dict[str, object]) -> None:
    assert merge(base, {}) == base
    assert merge({}, base) == base
