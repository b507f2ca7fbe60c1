"""What a configuration holds in memory and does in a step, estimated from shapes.

On the side of too much: `auto` counts as float32, every move is as long as its limit. Padding is
not counted: a wave of prompts of very unequal length holds more, at most four times its budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from advgame.config.judges import Check, GenerativeCheckConfig, GenerativeJudgeConfig, Judge
from advgame.config.players import HfEngine, OpenAIEngine, PlayerConfig
from advgame.config.root import RunConfig
from advgame.dryrun.shapes import adapter_parameters, shape_of
from advgame.models.flops import Shape
from advgame.schedule import ever_learns, snapshot_due
from advgame.types import Role

_BYTES = {"auto": 4, "float32": 4, "bfloat16": 2}
_ADAM = 2  # moments per trained parameter, float32
_ACTIVATIONS = "activations of a micro-batch"
_WAVE = "key-value cache of a sampling wave"
_MINILM_BYTES = 22_713_216 * 4  # the packaged sentence encoder, in float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing held in memory."""

    owner: str
    name: str
    bytes: float
    passing: bool = False  # held only while this piece of work runs; one such piece at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Upper bounds for one step, before faults and ties take their share."""

    prompts: int
    replies: int
    attacker_tokens: int
    defender_tokens: int
    comparisons: int  # judge calls for a generative judge; scores otherwise
    attack_comparisons: int  # the same for the Attacker, of the replies that a seed's prompts drew


def work(config: RunConfig) -> Work:
    """What one step plays, at most."""
    game, attacked, direct = config.game, config.seeds.attacked, config.seeds.direct
    prompts = (attacked.harmful + attacked.benign) * game.prompts_per_seed
    direct_seeds = direct.harmful + direct.benign
    direct_replies = game.direct_replies or game.replies_per_prompt
    replies = prompts * game.replies_per_prompt + direct_seeds * direct_replies
    groups = ((prompts, game.replies_per_prompt), (direct_seeds, direct_replies))
    attacks = ((attacked.harmful + attacked.benign, game.prompts_per_seed),)
    judges = config.judges
    return Work(
        prompts=prompts,
        replies=replies,
        attacker_tokens=prompts * config.attacker.sampling.max_new_tokens,
        defender_tokens=replies * config.defender.sampling.max_new_tokens,
        comparisons=_judgements(judges.defender, groups),
        attack_comparisons=_judgements(judges.attacker or judges.defender, attacks)
        if judges.attacker_scores
        else 0,
    )


def _judgements(judge: Judge, groups: Iterable[tuple[int, int]]) -> int:
    """What is asked of a judge about so many groups of so many replies."""
    if isinstance(judge, GenerativeJudgeConfig) and judge.mode == "pairwise":
        orders = 2 if judge.both_orders else 1
        return sum(n * max(1, d * (d - 1) // 2 * orders) for n, d in groups)
    return sum(n * d for n, d in groups)


def memory(config: RunConfig) -> list[Part]:
    """The large parts held in memory by this process."""
    parts: list[Part] = []
    bases: set[tuple[str, str, str]] = set()
    learning = ever_learns(config.schedule)
    for role in (Role.DEFENDER,) if config.selfplay else tuple(Role):
        player = config.player(role)
        shape = shape_of(player.model)
        if isinstance(player.engine, OpenAIEngine) or shape is None:
            continue
        place = (player.model, player.dtype, player.device)
        base_held = player.adapter is not None and place in bases
        owner = config.part(role)
        past = snapshot_due(config, 0)
        for name, size in _player_parts(player, shape, role in learning, base_held, past):
            passing = name in (_ACTIVATIONS, _WAVE)
            parts.append(Part(owner=owner, name=name, bytes=size, passing=passing))
        if player.adapter is not None:
            bases.add(place)
    return parts + list(_judge_parts(config))


def _player_parts(
    player: PlayerConfig, shape: Shape, learns: bool, base_held: bool, past: bool
) -> Iterator[tuple[str, float]]:
    width, learn = _BYTES[player.dtype], player.learn
    if player.adapter is not None:
        trained = adapter_parameters(shape, player)
        if not base_held:
            yield "frozen base", shape.parameters * width
        sets = 4 + past  # policy, ema, start, sampler; one past self
        yield f"adapters ({sets} sets, float32)", sets * trained * 4
        layers = shape.layers - player.adapter.first_layer
    else:
        trained, layers = shape.parameters, shape.layers
        masters = 2 if learns else 1  # policy, and the ema that every recipe keeps
        copies = 1 + past + (learn.reference == "frozen" and learns)  # sampler, past, start
        yield f"weights ({masters} sets in float32)", masters * trained * 4
        yield f"weights ({copies} more for play and reference)", copies * trained * width
    if learns:
        yield "gradients and AdamW (float32)", (1 + _ADAM) * trained * 4
        yield _ACTIVATIONS, _activations(player, shape, layers, width)
    assert isinstance(player.engine, HfEngine)
    yield _WAVE, _wave(shape, player.engine, width)


def _wave(shape: Shape, engine: HfEngine, width: int) -> float:
    row = 2 * shape.layers * shape.kv_heads * shape.head_dim * width
    return engine.batch_tokens * row


def _activations(player: PlayerConfig, shape: Shape, layers: int, width: int) -> float:
    """What the backward pass keeps: a layer's inputs and inner products, and the logits twice."""
    inner = 8 * shape.hidden + 2 * shape.kv_heads * shape.head_dim + 3 * shape.intermediate
    kept = layers * shape.hidden + inner if player.learn.checkpointing else layers * inner
    return player.learn.micro_batch_tokens * (kept * width + 2 * shape.vocab * 4)


def _judge_parts(config: RunConfig) -> Iterator[Part]:
    encoder = False
    loaded: set[str] = set()
    for owner, judge in named_judges(config).items():
        if isinstance(judge, GenerativeJudgeConfig | GenerativeCheckConfig):
            shape = shape_of(judge.model)
            if not isinstance(judge.engine, HfEngine) or judge.model in loaded or shape is None:
                continue
            loaded.add(judge.model)
            who, width = f"{owner} judge", _BYTES["auto"]
            yield Part(owner=who, name=judge.model, bytes=shape.parameters * width)
            wave = _wave(shape, judge.engine, width)
            yield Part(owner=who, name=_WAVE, bytes=wave, passing=True)
        elif judge is not None and judge.type in ("embedded", "similarity") and not encoder:
            encoder = True
            yield Part(owner="judges", name="sentence encoder", bytes=_MINILM_BYTES)


def peak(parts: Sequence[Part]) -> float:
    """Bytes held at once: all that stays, and the largest of what passes."""
    stays = sum(part.bytes for part in parts if not part.passing)
    return stays + max((part.bytes for part in parts if part.passing), default=0.0)


def named_judges(config: RunConfig) -> dict[str, Judge | Check | None]:
    """Every judge by what it judges."""
    judges = config.judges
    return {
        "defender": judges.defender,
        "attacker": judges.attacker,
        "faithfulness": judges.faithfulness,
        "evaluation": judges.evaluation,
    }
