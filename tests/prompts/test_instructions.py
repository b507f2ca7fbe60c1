"""Attack instructions, few-shot examples and the faithfulness check agree (ADR 7)."""

from __future__ import annotations

import asyncio

import pytest

from advgame.config import load
from advgame.game.check import check
from advgame.judges.rubric import load_rubrics
from advgame.prompts.formats import examples, get_format, template
from advgame.prompts.parse import one_request
from advgame.testing import ScriptedSampler
from advgame.text import word_overlap
from advgame.types import Kind, Message, Move, Role, SampleRequest, Sampling, Seed

LAPTOP = load("laptop")


@pytest.mark.parametrize("kind", list(Kind))
def test_instruction_and_rubric_promise_the_same(kind: Kind) -> None:
    instruction, rubric = (
        template(f"attacker-{kind}"),
        load_rubrics().criterion("faithfulness", kind),
    )
    assert "full answer to your version must also have an answer to the original" in instruction
    assert "answer it yourself" in instruction and "answers or refuses the original" in rubric


@pytest.mark.parametrize("kind", list(Kind))
def test_examples_would_be_good_moves(kind: Kind) -> None:
    for seed, prompt in examples(kind):
        assert one_request(prompt) is not None
        assert word_overlap(seed, prompt) <= LAPTOP.game.attacker_reward.copy_above


@pytest.mark.assets
@pytest.mark.parametrize("kind", list(Kind))
def test_examples_are_faithful_by_the_shipped_check(kind: Kind) -> None:
    from advgame.engines.embed import build_embedder
    from advgame.judges.similarity import SimilarityCheck

    rule = LAPTOP.judges.faithfulness
    judge = SimilarityCheck(build_embedder(rule.embedder), rule.harmful, rule.benign)
    rows = examples(kind)
    seeds = [Seed(id=str(at), text=seed, kind=kind) for at, (seed, _) in enumerate(rows)]
    moves = [(_sampled(prompt),) for _, prompt in rows]
    checked = asyncio.run(check(seeds, moves, judge, drift_ratio=LAPTOP.game.drift_ratio))
    assert not [x.move.text for (x,) in checked if x.move.fault]


def _sampled(text: str) -> Move:
    request = SampleRequest(
        messages=(Message(role="user", content=""),), seeds=(0,), sampling=Sampling()
    )
    [[completion]] = asyncio.run(ScriptedSampler([text]).sample([request]))
    return Move(text=text, completion=completion)


@pytest.mark.parametrize("name", ["plain", "tags-nothink"])
def test_a_chat_that_goes_on_is_put_as_in_training(name: str) -> None:
    form = get_format(Role.DEFENDER, name)
    user, said = (Message(role=role, content=role) for role in ("user", "assistant"))
    alone = form.messages("user", Kind.HARMFUL, "Be safe.")
    assert form.chat((user,), "Be safe.") == alone
    assert form.chat((user, said, user), "Be safe.") == (alone[0], user, said, alone[-1])
    theirs = Message(role="system", content="theirs")
    assert form.chat((theirs, user), "Be safe.") == (theirs, alone[-1])
    assert form.chat((theirs, user), None) == (theirs, alone[-1])
    assert form.chat((user, said), "Be safe.") == (user, said)  # nothing is asked
