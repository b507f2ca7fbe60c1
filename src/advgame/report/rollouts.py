"""Rollout trees as the browser gets them: text, rewards, faults and judgements, no token ids."""

from __future__ import annotations

from typing import TypeAlias

from advgame.report.pick import cut, fitting, interleaved, spread
from advgame.report.run_data import Json, cleaned
from advgame.store.reader import RunReader
from advgame.types import Episode, Scored

Tree: TypeAlias = dict[str, Json]


def read_trees(run: RunReader, step: int, *, longest: int | None = None) -> list[Tree]:
    """Return the trees of step `step`, every text in them clean.

    Args:
        run: the run.
        step: a step that has episodes.
        longest: cut longer texts to this many characters and say so; None keeps them whole.

    Raises:
        StoreError: the step has no episodes, or its file is damaged.
    """
    return [cleaned(_tree(episode, longest)) for episode in run.episodes(step)]


def sample_trees(run: RunReader, *, budget: int, steps: int = 12, longest: int = 4_000) -> Json:
    """Pick steps evenly spread over the run, and from each as many trees as fit.

    Args:
        run: the run.
        budget: characters of JSON that the trees of all steps may take together.
        steps: at most so many steps; the first and the last are among them.
        longest: characters after which a text is cut.

    Returns:
        {"steps": [{"step", "total", "trees"}], "of": how many steps were recorded}
    """
    recorded = run.episode_steps()
    chosen = spread(recorded, steps)
    picked = []
    for left, step in zip(range(len(chosen), 0, -1), chosen, strict=True):
        trees = read_trees(run, step, longest=longest)
        kept, used = fitting(interleaved(trees, _group), budget // left)
        budget -= used
        picked.append({"step": step, "total": len(trees), "trees": kept})
    return {"steps": picked, "of": len(recorded)}


def _group(tree: Tree) -> tuple[str, bool]:
    return tree["seed"]["kind"], tree["seed"]["direct"]


def _tree(episode: Episode[Scored], longest: int | None) -> Tree:
    seed = episode.seed
    return {
        "seed": {
            "id": seed.id,
            "text": cut(seed.text, longest),
            "kind": seed.kind.value,
            "direct": seed.direct,
            "source": seed.source,
            "category": seed.category,
            "scene": [cut(seed.scene.before, longest), cut(seed.scene.after, longest)]
            if seed.scene
            else None,
        },
        "branches": [
            {
                "attack": _node(branch.attack, longest),
                "replies": [_node(reply, longest) for reply in branch.replies],
            }
            for branch in episode.branches
        ],
    }


def _node(scored: Scored, longest: int | None) -> Json:
    move, reward = scored.move, scored.reward
    node: Tree = {
        "text": cut(move.text, longest),
        "thought": cut(move.thought, longest),
        "fault": move.fault,
        "reward": reward.value,
        "because": reward.because,
        "judgements": [
            {
                "name": name,
                "value": judgement.value,
                "explanation": cut(judgement.explanation, longest),
                "raw": cut(judgement.raw, longest),
                "details": judgement.details,
            }
            for name, judgement in scored.judgements.items()
        ],
        "completion": None,
    }
    if completion := move.completion:
        repeats = completion.text.strip() == move.text.strip()
        node["completion"] = {
            "raw": "" if repeats else cut(completion.text, longest),
            "tokens": len(completion.token_ids) or None,  # an endpoint shows none
            "finish": completion.finish,
            "version": completion.policy_version,
            "guided": completion.guided,
        }
    return node
