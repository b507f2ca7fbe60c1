import json
import threading
import time

import pytest

from advgame.errors import ModelError, StoreError
from advgame.models import network, resolve


def test_a_local_folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert resolve.resolve(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-7B-Instruct", "gpt2"])
def test_what_is_nothing_else_is_a_hub_name(name):
    assert resolve.resolve(name) == name


@pytest.mark.parametrize("name", ["./absent", "/absent/model", "~/absent", "a b", "a/b/c", ""])
def test_what_cannot_be_a_name_is_refused(name):
    with pytest.raises(ModelError, match=r"no such folder|no config\.json") as caught:
        resolve.resolve(name)
    assert "\n" not in str(caught.value)


def test_a_slip_in_a_packaged_name_is_pointed_out():
    with pytest.raises(ModelError, match="did you mean 'smollm2-135m-instruct'"):
        resolve.resolve("smollm2-135m-instrct")


def test_folders_and_files_that_are_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve.resolve(str(tmp_path))
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="is a file"):
        resolve.resolve(str(tmp_path / "file"))


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A cache in which `m` is a packaged GGUF file; conversions are counted, not made."""
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(b"GGUF")
    made = []

    def convert(source, folder):
        made.append(source)
        (folder / "config.json").write_text("{}")
        time.sleep(0.1)
        if len(made) == 1 and (tmp_path / "fail").exists():
            raise OSError("disk full")

    monkeypatch.setattr(resolve.assets, "is_asset", lambda name: name == "m")
    monkeypatch.setattr(resolve.assets, "path", lambda name: gguf)
    monkeypatch.setattr(resolve.assets, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(resolve, "_convert", convert)
    return made


def test_a_packaged_model_is_converted_once_by_whoever_comes_first(packaged, tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(resolve.resolve("m"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "cache" / "models" / "m"] * 4
    assert len(packaged) == 1


def test_a_conversion_that_fails_leaves_nothing_behind(packaged, tmp_path):
    (tmp_path / "fail").touch()
    with pytest.raises(StoreError, match="disk full"):
        resolve.resolve("m")
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir()] in ([], ["m.lock"])
    assert resolve.resolve("m").is_dir()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "no-such-architecture"}, "architecture is not known"),
        ({}, "architecture is not known"),
    ],
)
def test_an_unknown_architecture_is_one_line(tmp_path, config, message):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message) as caught:
        network.load_network(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ("We couldn't connect to 'https://hub' to load the files", "hub cannot be reached"),
        ("a/b is not a local folder and is not a valid model identifier", "nor on the Hugging"),
        ("You are trying to access a gated repo.", "the hub refuses access"),
        ("\n  something\nelse", "something"),
    ],
)
def test_a_failed_load_is_explained_in_one_line(monkeypatch, cause, message):
    def fail(*args, **kwargs):
        raise OSError(cause)

    monkeypatch.setattr(network.AutoConfig, "from_pretrained", fail)
    with pytest.raises(ModelError, match=message) as caught:
        network.load_network("some/model")
    assert "\n" not in str(caught.value)


def test_a_tokenizer_without_a_chat_template_is_named(tmp_path):
    from advgame.models.tiny import tiny_model, tiny_tokenizer

    tokenizer = tiny_tokenizer()
    tiny_model(tokenizer).save_pretrained(tmp_path)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no chat template"):
        network.load_network(str(tmp_path))


def test_a_saved_model_loads_as_it_was(tmp_path):
    import torch

    from advgame.models.tiny import tiny_model, tiny_tokenizer

    tiny_tokenizer().save_pretrained(tmp_path)
    tiny_model(tiny_tokenizer()).save_pretrained(tmp_path)
    loaded = network.load_network(str(tmp_path), "float32", "cpu")
    built = network.load_network("tiny-random", "float32", "cpu")
    ids = torch.arange(30)[None]
    assert torch.equal(loaded.model(input_ids=ids).logits, built.model(input_ids=ids).logits)
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert not loaded.model.training


def test_a_device_that_is_not_there():
    absent = "mps" if not network.torch.backends.mps.is_available() else "cuda"
    with pytest.raises(ModelError, match="not available on this machine"):
        network.pick_device(absent)
