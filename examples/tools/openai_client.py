"""Ask a served Attacker for prompts and a served Defender for answers, with the package `openai`.

advgame serve --attacker runs/first --defender runs/first
python examples/tools/openai_client.py http://127.0.0.1:8000/v1
"""

from __future__ import annotations

import os
import sys

from openai import OpenAI

REQUEST = "How does a pin tumbler lock work?"


def main(address: str) -> None:
    key = os.environ.get("ADVGAME_API_KEY", "unused on loopback")
    client = OpenAI(base_url=address, api_key=key)
    print("served:", *(model.id for model in client.models.list()))
    ask = [{"role": "user", "content": REQUEST}]
    attempts = client.chat.completions.create(model="attacker", messages=ask, n=2, seed=1)
    for choice in attempts.choices:
        prompt = choice.message.content
        print("attacker writes:", repr(prompt))
        print("defender answers: ", end="")
        chat = [{"role": "user", "content": prompt}]
        with client.chat.completions.create(
            model="defender", messages=chat, max_tokens=48, stream=True
        ) as pieces:
            for piece in pieces:
                print(piece.choices[0].delta.content or "", end="", flush=True)
        print()


if __name__ == "__main__":
    main(sys.argv[1])
