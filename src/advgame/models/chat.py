"""From a chat to token ids, with hostile text kept inert.

What a seed, a prompt or a reply says must never become the tokens that structure a chat: a user
message that contains `<|im_end|>` is a message about that string, not the end of a turn. Such a
string is cut after its first character before the template is rendered, and the two sides of the
cut are tokenized apart, so no special token can form. Text without special strings takes the same
path with no cut in it, and gets exactly the ids of `tokenizer.apply_chat_template`. Half a
surrogate pair, which JSON can carry and UTF-8 cannot, reads as U+FFFD.

The template decides what an absent system message means. SmolLM2's, for one, then adds a system
message of its own; we render what the template gives, in sampling and in training alike, because
that is how the model was tuned and how it will be called by others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from advgame.errors import ModelError
from advgame.types import Message

_CUT = "\ue0c7"  # private use: dropped from content, so it marks nothing but our cuts
_LONE = re.compile("[\ud800-\udfff]")  # a tokenizer cannot read these


def render(tokenizer: Any, messages: Sequence[Message], prefill: str = "") -> tuple[int, ...]:
    """Return the ids of `messages` with the assistant's turn opened, then those of `prefill`.

    `prefill` comes from a format of ours, not from a model; it is tokenized as it is.

    Raises:
        ModelError: the chat template refuses these messages.
    """
    from jinja2 import TemplateError

    special = special_strings(tokenizer)
    chat = [{"role": m.role, "content": _cut(m.content, special)} for m in messages]
    try:
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        roles = ", ".join(m.role for m in messages)
        raise ModelError(f"the chat template refuses a chat of ({roles}): {error}") from error
    ids: list[int] = []
    for piece in [*text.split(_CUT), prefill]:
        if piece:
            ids.extend(tokenizer(piece, add_special_tokens=False, verbose=False)["input_ids"])
    return tuple(ids)


def special_strings(tokenizer: Any) -> tuple[str, ...]:
    """Return the strings that the tokenizer turns into one token of its own, longest first.

    Runs of white space, which some tokenizers carry as added tokens, structure nothing and stay.
    """
    known = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    return tuple(sorted((s for s in known if len(s) > 1 and s.strip()), key=lambda s: (-len(s), s)))


def stop_ids(tokenizer: Any, generation_config: Any) -> frozenset[int]:
    """Return the ids that end a turn.

    They are the end tokens of the model's generation config and of its tokenizer, and the token
    that its chat template writes after an assistant's message.
    """
    ids: set[int] = set()
    for eos in (getattr(generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        if eos is not None:
            ids.update(eos if isinstance(eos, list | tuple) else (eos,))
    said = "said"
    chat = [{"role": "user", "content": "ask"}, {"role": "assistant", "content": said}]
    after = tokenizer.apply_chat_template(chat, tokenize=False).rpartition(said)[2]
    closing = tokenizer(after, add_special_tokens=False)["input_ids"]
    if closing and closing[0] in tokenizer.all_special_ids:
        ids.add(closing[0])
    return frozenset(ids)


def _cut(content: str, special: Sequence[str]) -> str:
    content = _LONE.sub("\ufffd", content.replace(_CUT, ""))
    if not special:
        return content
    pattern = "|".join(map(re.escape, special))
    return re.sub(pattern, lambda m: m[0][0] + _CUT + m[0][1:], content)
