"""Run by vLLM's own environment: what a model says to each prompt, greedily.

    python vllm_generate.py < QUESTION

QUESTION is JSON: `model`, `prompts` (token ids), `tokens`, and `adapter`, a folder or null. The
last line said is JSON too: the tokens of each reply.
"""

import json
import sys

from vllm import LLM, SamplingParams
from vllm.lora.request import LoRARequest

question = json.load(sys.stdin)
adapter = question["adapter"]
model = LLM(
    question["model"],
    dtype="float32",
    enforce_eager=True,
    max_model_len=512,
    max_num_seqs=4,
    enable_lora=adapter is not None,
)
replies = model.generate(
    [{"prompt_token_ids": prompt} for prompt in question["prompts"]],
    SamplingParams(temperature=0.0, max_tokens=question["tokens"]),
    lora_request=LoRARequest("player", 1, adapter) if adapter else None,
)
print(json.dumps([list(reply.outputs[0].token_ids) for reply in replies]))
