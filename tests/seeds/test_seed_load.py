import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advgame.config.game import SeedsConfig, SeedSource
from advgame.errors import SeedError
from advgame.seeds import SeedPool, load, seed_id, set_names, split_of
from advgame.seeds.attacks import load_attacks
from advgame.seeds.load import check
from advgame.seeds.splits import SHARES
from advgame.types import Kind

OWN = SeedsConfig(harmful=("harmful-plain",))  # no download
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(name: str, *rows: object) -> str:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return str(path)

    return make


def every_split(config: SeedsConfig) -> dict[str, SeedPool]:
    return {split: load(config, split) for split in SHARES}


def test_bundled_splits_are_disjoint_and_large_enough() -> None:
    pools = every_split(OWN)
    ids = {split: {s.id for s in (*p.harmful, *p.benign)} for split, p in pools.items()}
    assert all(not ids[a] & ids[b] for a, b in combinations(ids, 2))
    for split in ("validation", "test"):
        count = Counter(seed.source for seed in pools[split].benign)
        assert count["benign-edgy"] >= 200 and count["benign-everyday"] >= 200
        assert len(pools[split].harmful) >= 50


def test_bundled_seeds_are_well_formed() -> None:
    for pool in every_split(OWN).values():
        for kind in Kind:
            for seed in pool.of(kind):
                assert seed.kind is kind and seed.id == seed_id(seed.text) and seed.category
                assert 3 <= len(seed.text.split()) <= 32
        assert [seed.id for seed in pool.benign] == sorted(seed.id for seed in pool.benign)


texts = st.lists(
    st.text("abcdefghij ,.!", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=12
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(texts, texts)
def test_whatever_is_combined_splits_are_disjoint_and_complete(
    write: Write, harmful: list[str], benign: list[str]
) -> None:
    config = SeedsConfig(
        harmful=(write("h.jsonl", *({"text": text} for text in harmful)),),
        benign=(write("b.jsonl", *({"text": text} for text in benign)),),
    )
    found: list[str] = []
    for split in SHARES:
        pool = load(config, split, needed=())  # so few texts: a kind may be missing in a split
        assert all(split_of(seed.text) == split for seed in (*pool.harmful, *pool.benign))
        found += [seed.id for seed in (*pool.harmful, *pool.benign)]
    assert len(found) == len(set(found))
    assert set(found) == {seed_id(text) for text in (*harmful, *benign)}


def test_copies_are_dropped_and_harmful_wins(write: Write) -> None:
    harmful = write("h.jsonl", {"text": "Pick a lock.", "split": "test"})
    benign = write("b.jsonl", {"text": "pick a LOCK"}, {"text": "Bake bread", "split": "test"})
    pool = load(SeedsConfig(harmful=(harmful,), benign=(benign,)), "test")
    assert [seed.text for seed in pool.harmful] == ["Pick a lock."]
    assert [seed.text for seed in pool.benign] == ["Bake bread"]


def test_a_row_may_say_its_split_and_copies_follow(write: Write) -> None:
    text = "Prune the old apple tree"
    other = next(split for split in SHARES if split != split_of(text))
    marked = write("m.jsonl", {"text": text, "split": other})
    plain = write("p.jsonl", {"text": text}, {"text": "How do I prune old apple trees?"})
    pool = load(SeedsConfig(harmful=(plain, marked), benign=()), other)
    assert len(pool.harmful) == 2


def test_fields_are_mapped_filtered_and_limited(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "\ufeffprompt,lang,topic,split\n"
        '"Wie, bitte?",de,a,train\nFirst one,en,b,train\n'
        '"Second\none",en,c,train\nThird,en,d,train\n',
        encoding="utf-8",
    )
    source = SeedSource(
        name=str(path), text="prompt", category="topic", where={"lang": "en"}, limit=2
    )
    pool = load(SeedsConfig(harmful=(source,), benign=()), "train")
    assert {(seed.text, seed.category) for seed in pool.harmful} == {
        ("First one", "b"),
        ("Second\none", "c"),
    }


def test_what_ends_a_line_elsewhere_ends_none_of_a_csv_file(tmp_path: Path) -> None:
    texts = ["How do I bake bread?\u2028Use rye flour.", "What is\x0ca verb?", "One\x85two", "a\nb"]
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerows([["text", "split"], *([text, "train"] for text in texts)])
    pool = load(SeedsConfig(harmful=(str(tmp_path / "rows.csv"),), benign=()), "train")
    assert {seed.text for seed in pool.harmful} == set(texts)


def test_a_text_in_another_scene_is_another_seed_of_the_same_split(write: Write) -> None:
    scenes = [{"before": f"Page {number}. ", "answers": ["x"]} for number in range(12)]
    rows = [{"text": "Write the word kiwi.", "scene": scene} for scene in scenes]
    marked = write("marked.jsonl", {**rows[0], "split": "test"}, *rows[1:], rows[1])
    found = load(SeedsConfig(harmful=(marked,), benign=()), "test")
    assert len(found.harmful) == len({seed.id for seed in found.harmful}) == 12
    both = load(SeedsConfig(harmful=(marked,), benign=(write("clean.jsonl", *CLEAN),)), None)
    assert (len(both.harmful), len(both.benign)) == (12, 2)
    torn = write("torn.jsonl", {**rows[0], "split": "test"}, {**rows[1], "split": "train"})
    with pytest.raises(SeedError, match="has the same text in test"):
        load(SeedsConfig(harmful=(torn,), benign=()), None)
    attacks = write("attacks.jsonl", {"seed": rows[0]["text"], "prompt": "Kiwi, please."})
    assert load_attacks(attacks, found.harmful) == {
        seed.id: ("Kiwi, please.",) for seed in found.harmful
    }


CLEAN = [{"text": "Write the word kiwi.", "scene": {"after": f" {n}?"}} for n in range(2)]


def test_only_a_kind_that_is_needed_is_missed(write: Write) -> None:
    config = SeedsConfig(harmful=(write("own.jsonl", {"text": "a", "split": "train"}),), benign=())
    assert load(config, "test", needed=(Kind.BENIGN,)).harmful == ()
    with pytest.raises(SeedError, match=r"seeds\.harmful: no seed in split test"):
        load(config, "test")


GOOD = '{"text": "fine"}\n'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", GOOD + "{oops\n", ":2: not a JSON object (Expecting property name"),
        ("a.jsonl", GOOD + "[1]\n", ":2: a list, not a JSON object"),
        ("a.jsonl", "[" * 100_000, ":1: not a JSON object (nested too deep)"),
        ("a.jsonl", GOOD + '\n{"text": "  "}\n', ":3: field 'text' holds no text"),
        ("a.jsonl", '{"text": null}\n', ":1: field 'text' holds no text"),
        ("a.jsonl", '{"text": 3}\n', ":1: field 'text' is of type int, not text"),
        ("a.jsonl", '{"txt": "hi"}\n', ":1: no field 'text'; did you mean 'txt'?"),
        ("a.jsonl", '{"prompt": "hi", "id": 1}\n', ":1: no field 'text'; it has: prompt, id"),
        ("a.jsonl", '{"text": "hi", "split": "dev"}\n', ":1: split 'dev' is none of train, val"),
        ("a.jsonl", "", "no seed in split train (0 in all splits of"),
        ("a.jsonl", b"\xff\xfe\x00", "a.jsonl: not UTF-8 text (byte 0)"),
        ("a.csv", b"text\nab\x00c\n", "a.csv: a binary file, not text"),
        ("a.csv", "text\nhello,there\n", ":2: more values than the header has fields"),
        ("a.csv", 'text\n"open\n', "not CSV (unexpected end of data)"),
        ("a.csv", "text,b\n,x\n", ":2: field 'text' holds no text"),
        ("a.txt", "hello\n", "seeds are read from .jsonl and .csv files only"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SeedError) as caught:
        load(SeedsConfig(harmful=(str(path),), benign=()), "train")
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("benign-edgi", "no seed set is named 'benign-edgi'; did you mean benign-edgy?"),
        ("zzzzz", "no seed set is named 'zzzzz'; known sets: harmful, benign,"),
        ("mmlu", "mmlu is an asset without requests that stand alone; sets of seeds are harmful,"),
        ("/no/such/file.jsonl", "/no/such/file.jsonl: no such file or directory"),
        ("hub:just-a-name", "not of the form hub:OWNER/NAME"),
    ],
)
def test_bad_names(name: str, message: str) -> None:
    with pytest.raises(SeedError) as caught:
        load(SeedsConfig(harmful=(name,), benign=()), "train")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_text_with_two_splits(write: Write) -> None:
    one = write("one.jsonl", {"text": "Boil an egg", "split": "train"})
    two = write("two.jsonl", {"text": "boil an egg!", "split": "test"})
    with pytest.raises(SeedError, match=r"two\.jsonl:1: in split test, but .*one\.jsonl:1 has"):
        load(SeedsConfig(harmful=(one, two), benign=()), "train")


def test_special_tokens_and_markup_pass_through_unchanged(write: Write) -> None:
    text = "<|im_end|>{seed} {{ prompt }} \u2028 \u202e <script>"
    path = write("a.jsonl", {"text": text, "split": "train"})
    (seed,) = load(SeedsConfig(harmful=(path,), benign=()), "train").harmful
    assert seed.text == text


@pytest.mark.assets
def test_default_sets_give_two_hundred_of_each_kind_in_every_split() -> None:
    pools = every_split(SeedsConfig())
    assert all(len(pool.harmful) >= 200 for pool in pools.values())
    sources = Counter(seed.source for pool in pools.values() for seed in pool.harmful)
    assert set(sources) == {
        *("harmful-plain", "harmbench", "strongreject", "advbench", "do-not-answer")
    }
    assert sources["harmbench"] == 200


@pytest.mark.assets
@pytest.mark.parametrize("name", set_names())
def test_the_documented_counts_are_true(name: str) -> None:
    table = (Path(__file__).parents[2] / "docs" / "seeds.md").read_text()
    (line,) = (line for line in table.splitlines() if re.match(rf"\| \**`{name}`", line))
    said = [int(cell.strip(" *")) for cell in line.split("|")[3:6]]
    pools = every_split(SeedsConfig(harmful=(name,), benign=()))
    assert said == [len(pools[split].harmful) for split in SHARES]


@pytest.mark.assets
@pytest.mark.parametrize("name", ["edgy-benign", "harmful-benign-pairs"])
def test_other_packaged_sets_load(name: str) -> None:
    pools = every_split(SeedsConfig(harmful=(), benign=(name,)))
    assert sum(len(pool.benign) for pool in pools.values()) == 150


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"ok": True}, 2),
        ({"ok": "true"}, 2),
        ({"ok": False, "n": 3}, 1),
        ({"n": "1"}, 1),
        ({"n": 1, "lang": "en"}, 1),
    ],
)
def test_where_takes_values_as_a_file_writes_them(
    write: Write, where: dict[str, str | bool | int], kept: int
) -> None:
    rows = [(True, 1), (True, 2), (False, 3)]
    jsonl = write(
        "rows.jsonl",
        *({"text": f"q {n}", "split": "train", "ok": ok, "n": n, "lang": "en"} for ok, n in rows),
    )
    table = Path(jsonl).with_suffix(".csv")
    lines = [f"q {n},train,{str(ok).lower()},{n},en" for ok, n in rows]
    table.write_text("\n".join(["text,split,ok,n,lang", *lines]))
    for name in (jsonl, str(table)):
        source = SeedSource(name=name, where=where)
        pool = load(SeedsConfig(harmful=(), benign=(source,)), "train")
        assert len(pool.benign) == kept


def test_a_dry_run_refuses_a_file_without_a_seed(write: Write) -> None:
    empty, rows = write("empty.jsonl"), write("rows.jsonl", {"text": "q", "lang": "en"})
    check(SeedsConfig(harmful=(rows,), benign=(SeedSource(name=rows, where={"lang": "en"}),)))
    with pytest.raises(SeedError, match=r"empty.jsonl: holds no row; seeds.harmful"):
        check(SeedsConfig(harmful=(empty,), benign=()))
    with pytest.raises(SeedError, match=r"rows.jsonl: holds no row with lang: fr; seeds.benign"):
        check(SeedsConfig(harmful=(), benign=(SeedSource(name=rows, where={"lang": "fr"}),)))
