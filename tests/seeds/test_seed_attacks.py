import json
from pathlib import Path

import pytest

from advgame.errors import SeedError
from advgame.seeds import load_attacks, load_templates, seed_id
from advgame.seeds.templates import PUBLIC
from advgame.types import Kind, Seed


def seed(text: str) -> Seed:
    return Seed(id=seed_id(text), text=text, kind=Kind.HARMFUL)


def test_own_templates_are_divided_into_two_halves() -> None:
    every = load_templates()
    train, test = load_templates(half="train"), load_templates(half="test")
    assert len(every) == 12 and set(every) == {*train, *test} and len(train) == len(test)
    assert all("QUERY" in template.fill("QUERY") for template in every)


def test_a_request_is_filled_in_once_and_its_braces_mean_nothing() -> None:
    hostile = "{seed} {{ prompt }} {0}"
    for template in load_templates():
        assert template.fill(hostile).count(hostile) == len(template.pieces) - 1


def test_templates_wrap_every_seed() -> None:
    seeds = [seed("Open the gate"), seed("Ring the bell")]
    attacks = load_attacks("templates", seeds)
    assert list(attacks) == [s.id for s in seeds] and len(attacks) == 2
    assert attacks[seeds[0].id] == tuple(
        template.fill("Open the gate") for template in load_templates(half="train")
    )
    assert not set(attacks[seeds[0].id]) & set(
        load_attacks("templates", seeds, "test")[seeds[0].id]
    )


def test_a_file_names_seeds_by_id_or_by_text(tmp_path: Path) -> None:
    gate, bell = seed("Open the gate"), seed("Ring the bell")
    rows = [
        {"seed_id": gate.id, "prompt": "one"},
        {"seed": "open the gate!", "prompt": "two"},
        {"seed": "someone else's", "prompt": "three"},
    ]
    path = tmp_path / "attacks.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert load_attacks(str(path), [gate, bell]) == {gate.id: ("one", "two")}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"seed": "Open the gate"}, ":1: field 'prompt' holds no text"),
        ({"prompt": "x"}, ":1: needs 'seed_id' or 'seed'"),
        ({"prompt": "x", "seed": "other"}, "no attack on any of the 1 seeds in use"),
    ],
)
def test_bad_attack_files(tmp_path: Path, row: dict[str, str], message: str) -> None:
    path = tmp_path / "attacks.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(SeedError) as caught:
        load_attacks(str(path), [seed("Open the gate")])
    assert message in str(caught.value)


@pytest.mark.assets
@pytest.mark.parametrize("name", PUBLIC)
def test_a_packaged_collection_attacks_by_its_name(name: str) -> None:
    asked = seed("Open the gate")
    prompts = load_attacks(name, [asked])[asked.id]
    assert len(prompts) > 10
    assert all(asked.text in prompt and prompt != asked.text for prompt in prompts)


def test_unknown_templates() -> None:
    with pytest.raises(SeedError, match="no templates are named 'dan'; there are templates, pyrit"):
        load_templates("dan")


@pytest.mark.assets
@pytest.mark.parametrize("name", PUBLIC)
def test_public_collections(name: str) -> None:
    train, test = load_templates(name, "train"), load_templates(name, "test")
    assert min(len(train), len(test)) > 250
    assert not {t.pieces for t in train} & {t.pieces for t in test}
    assert all(len(template.pieces) >= 2 for template in (*train, *test))
    assert not any("{%" in template.fill("x") for template in train if name == "pyrit-jailbreaks")
