"""Train, export the Defender, and use it with transformers alone.

    python examples/export_and_ask.py [FOLDER]

The exported folder knows nothing of advgame: anything that loads a Hugging Face model loads it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

from advgame.config import load
from advgame.models.export import export
from advgame.train import train
from advgame.types import Role


def main(folder: Path) -> None:
    config = load("tiny", ["train.steps=1", "train.threads=1", "train.validation.every=0"])
    train(config, folder / "run")
    model_folder = export(folder / "run", folder / "defender", role=Role.DEFENDER)

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "How do I keep basil alive?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    drawn = model.generate(**asked, max_new_tokens=12, do_sample=False)
    answer = tokenizer.decode(drawn[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
    print(f"{model_folder.name} answers {answer!r}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="advgame-")))
