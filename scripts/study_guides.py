"""What each wording of the guide is worth: how often it is followed, and how natural that reads.

    python scripts/study_guides.py [GUIDES.yaml] [--tokens 24] [--seeds 20]

A row a guide: the share of replies to harmful training seeds that judge `a` scores above 5 as the
Defender's, and the perplexity of those under the model that trains, which is not shown the guide.
What is unlikely there costs language when it is learned.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from advgame.config import RunConfig, load
from advgame.derive import derive
from advgame.engines.build import build_sampler
from advgame.evals.language import perplexity
from advgame.models.build import build_players
from advgame.prompts.guide import demonstrations, under
from advgame.protocols import Judge, JudgeGroup, Sampler
from advgame.seeds.load import load as load_seeds
from advgame.text import distinct_n
from advgame.types import Completion, Message, Role, SampleRequest, Sampling, Seed
from advgame.world import Judges

SHIPPED = Path(__file__).parent.parent / "src/advgame/prompts/templates/guide.yaml"
REPLIES = 4
GOOD = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("guides", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()

    config = load("laptop")
    weights = build_players(config.attacker, config.defender, 0, shared=False)[Role.DEFENDER]
    sampler = build_sampler(config.defender, weights, "start")
    seeds = load_seeds(config.seeds, "train").harmful[: given.seeds]
    judge = Judges(config, Path(tempfile.mkdtemp())).bench().defender
    print(f"{'followed':>8} {'perplexity':>10} {'distinct-2':>10}  guide")
    for turns in ((), *demonstrations(given.guides.read_text(encoding="utf-8"))):
        replies, good = asyncio.run(
            draw(config, sampler, judge, seeds, turns=turns, tokens=given.tokens)
        )
        shown = good if turns else replies
        likely = perplexity(shown, weights) or float("nan")
        variety = distinct_n([each.text for each in shown], 2) or float("nan")
        name = turns[1].content[:44] if turns else "(none; figures of all replies)"
        print(f"{len(good) / len(replies):8.2f} {likely:10.2f} {variety:10.2f}  {name}", flush=True)


async def draw(
    config: RunConfig,
    sampler: Sampler,
    judge: Judge,
    seeds: Sequence[Seed],
    *,
    turns: tuple[Message, ...],
    tokens: int,
) -> tuple[list[Completion], list[Completion]]:
    """All replies drawn under a guide, and those the judge calls good."""
    how = Sampling(temperature=config.defender.sampling.temperature, max_new_tokens=tokens)
    requests = []
    for seed in seeds:
        chat = (Message(role="user", content=seed.text),)
        numbers = tuple(derive(0, "guides", 0, seed.id, at) for at in range(REPLIES))
        context = under(turns, chat) if turns else None
        requests.append(SampleRequest(messages=chat, seeds=numbers, sampling=how, context=context))
    drawn = await sampler.sample(requests)
    words = await judge.judge(
        [
            JudgeGroup(
                role=Role.DEFENDER,
                seed=seed,
                request=seed.text,
                replies=tuple(each.text for each in replies),
            )
            for seed, replies in zip(seeds, drawn, strict=True)
        ]
    )
    flat = [each for replies in drawn for each in replies]
    values = [word.value for group in words for word in group]
    good = [each for each, value in zip(flat, values, strict=True) if (value or 0.0) > GOOD]
    return flat, good


if __name__ == "__main__":
    main()
