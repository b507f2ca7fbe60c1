"""One player: its model, how it samples, how it learns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from advgame.config.base import Config
from advgame.types import Sampling

Fraction = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class SamplingConfig(Config):
    """How a player draws its moves."""

    temperature: float = Field(0.7, ge=0)
    """0 is greedy."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus mass."""
    max_new_tokens: int = Field(64, ge=1)
    """A move that reaches this length is truncated."""
    truncation: Literal["fault", "accept"] = "fault"
    """accept: a move cut at the limit is judged as it stands (small models, short budgets)."""

    @property
    def draws(self) -> Sampling:
        """What the engine is asked for."""
        return Sampling(
            temperature=self.temperature, top_p=self.top_p, max_new_tokens=self.max_new_tokens
        )


class AdapterConfig(Config):
    """LoRA. The frozen base is shared by all players that start from the same weights."""

    rank: int = Field(16, ge=1, le=16_384)
    """Rank r of the update B·A."""
    alpha: float = Field(32.0, gt=0, le=1e6)
    """The update is scaled by alpha / rank."""
    first_layer: int = Field(0, ge=0)
    """Layers below this one carry no adapter: policy and reference share their forward pass."""
    targets: tuple[str, ...] | None = None
    """Names of the linear modules to adapt; null = all linear modules of a layer."""


class HfEngine(Config):
    """Hugging Face weights in this process. The only engine that can be trained in process."""

    type: Literal["hf"] = "hf"
    batch_tokens: int = Field(24_576, ge=64)
    """Most tokens a sampling wave holds at once, padding apart (up to four times with it)."""


class OpenAIEngine(Config):
    """Any OpenAI-compatible endpoint: judges and frozen players."""

    type: Literal["openai"] = "openai"
    base_url: str
    """For example http://127.0.0.1:8000/v1"""
    key_env: str | None = None
    """Name of the environment variable that holds the key; never the key itself."""
    timeout: float = Field(60.0, gt=0)
    """Seconds for one request."""
    retries: int = Field(4, ge=0)
    """Further tries after a failure that may pass (429, 5xx, timeouts)."""
    concurrency: int = Field(8, ge=1)
    """Requests under way at once."""
    prefill: Literal["none", "trailing", "vllm"] = "none"
    """Whether the endpoint continues a trailing assistant message: not known to; always; when
    asked the way vLLM is (continue_final_message)."""


Engine = Annotated[HfEngine | OpenAIEngine, Field(discriminator="type")]


class DPOConfig(Config):
    """−log σ(β[(log π(y⁺)−log r(y⁺)) − (log π(y⁻)−log r(y⁻))])"""

    type: Literal["dpo"] = "dpo"
    beta: float = Field(0.1, gt=0)
    """β: how far the policy may move from the reference."""
    length_normalised: bool = False
    """Use per-token means instead of sums."""
    nll: float = Field(0.0, ge=0)
    """Weight of −log π(y⁺) per token."""
    entropy: float = Field(0.0, ge=0)
    """Weight of the entropy bonus."""
    kl: float = Field(0.0, ge=0)
    """Weight of the KL to the reference per token (k2): β holds whole replies, this each token."""


class IPOConfig(Config):
    """([(log π(y⁺)−log r(y⁺)) − (log π(y⁻)−log r(y⁻))] − 1/(2β))²"""

    type: Literal["ipo"] = "ipo"
    beta: float = Field(0.1, gt=0)
    """β: the target gap is 1/(2β)."""
    length_normalised: bool = False
    """Use per-token means instead of sums."""
    nll: float = Field(0.0, ge=0)
    """Weight of −log π(y⁺) per token."""
    entropy: float = Field(0.0, ge=0)
    """Weight of the entropy bonus."""
    kl: float = Field(0.0, ge=0)
    """Weight of the KL to the reference per token (k2): β holds whole replies, this each token."""


class GRPOConfig(Config):
    """−Σ_t w_t A log π_t + β k3(π, r): REINFORCE with a group baseline and a k3 KL term."""

    type: Literal["grpo"] = "grpo"
    beta: float = Field(0.1, ge=0)
    """Weight of the k3 KL to the reference."""
    importance_cap: float | None = Field(2.0, gt=0, le=1e6)
    """Truncated importance sampling against the sampler's log-probs; null = off."""
    token_mean: bool = False
    """Divide by the tokens of the global batch instead of by its completions."""
    entropy: float = Field(0.0, ge=0)
    """Weight of the entropy bonus."""


Objective = Annotated[DPOConfig | IPOConfig | GRPOConfig, Field(discriminator="type")]


class KindGap(Config):
    """A value for each kind of seed."""

    harmful: float = Field(0.0, ge=0)
    """For harmful seeds."""
    benign: float = Field(0.0, ge=0)
    """For benign seeds."""


class PairsConfig(Config):
    """Credit for DPO and IPO: the best of a group against its worst."""

    type: Literal["pairs"] = "pairs"
    top: int = Field(1, ge=1)
    """The best `top` against the worst `top`, every combination; 1 = argmax against argmin."""
    min_gap: KindGap = KindGap()
    """Skip pairs whose reward gap is not above this (ties are always skipped)."""
    cut_truncated: bool = True
    """Cut a truncated rejected side to the chosen one's length."""


class AdvantagesConfig(Config):
    """Credit for GRPO: reward − mean, no division by the deviation."""

    type: Literal["advantages"] = "advantages"
    baseline: Literal["step", "seed"] = "step"
    """The mean runs over all seeds of an update, or over one group. With `train.update: split` an
    update is of one kind, with `minibatches` of every n-th seed."""
    train_on_faults: bool = True
    """False: the published behaviour, where a fault's −1 only shifts the baseline."""


Credit = Annotated[PairsConfig | AdvantagesConfig, Field(discriminator="type")]


class LearnConfig(Config):
    """How a player is trained."""

    objective: Objective = DPOConfig()
    """dpo, ipo or grpo, with its options."""
    credit: Credit | None = None
    """null = pairs for dpo and ipo, advantages for grpo."""
    sample_from: Literal["ema", "policy"] = "ema"
    """Whose weights play: the EMA (mirror descent) or the trained policy (on-policy)."""
    reference: Literal["ema", "frozen", "recorded"] = "ema"
    """What the objective regularises to. recorded = the sampler's own log-probs."""
    minibatches: int = Field(1, ge=1, le=64)
    """Optimiser steps in place of each one: a part of the step's seeds in each."""
    ema_decay: float = Field(0.95, ge=0, lt=1)
    """EMA ← decay · EMA + (1 − decay) · policy, once a step."""
    lr: float = Field(1e-6, gt=0, le=1e6)
    """Peak learning rate of AdamW."""
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    """AdamW's moment decays."""
    weight_decay: float = Field(0.1, ge=0)
    """AdamW's decoupled weight decay."""
    decay: Literal["cosine", "constant"] = "cosine"
    """Learning-rate schedule over train.steps, or over train.budget_tokens."""
    final_lr: Fraction = 0.2
    """The cosine ends at this share of lr."""
    warmup_steps: int = Field(0, ge=0)
    """Linear warm-up over so many optimiser updates; `minibatches` and `update: split` make several
    of a step."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Global gradient-norm clip."""
    micro_batch_tokens: int = Field(4_096, ge=16)
    """Tokens in one packed forward; more examples accumulate gradients."""
    checkpointing: bool = False
    """Recompute activations in the backward pass."""

    @model_validator(mode="after")
    def _credit_fits(self) -> LearnConfig:
        wants = "advantages" if self.objective.type == "grpo" else "pairs"
        if self.credit is not None and self.credit.type != wants:
            raise ValueError(f"objective {self.objective.type} needs credit.type={wants}")
        return self

    @property
    def credit_or_default(self) -> PairsConfig | AdvantagesConfig:
        """The credit that fits the objective."""
        if self.credit is not None:
            return self.credit
        return AdvantagesConfig() if self.objective.type == "grpo" else PairsConfig()


class GuideConfig(Config):
    """Guided sampling: some replies are drawn after a guide that is left out when training."""

    harmful: int = Field(0, ge=0)
    """How many of a harmful prompt's replies are guided at step 0."""
    benign: int = Field(0, ge=0)
    """How many of a benign prompt's replies are guided at step 0."""
    weights: Literal["playing", "start"] = "playing"
    """Whose hand is guided: the player's as it plays, or as it began, which no update can spoil."""
    anneal_steps: int | None = Field(None, ge=1)
    """The count falls linearly to 0 over this many steps; null = constant."""
    harmful_text: str = ""
    """A system prompt for harmful seeds; empty = the shipped demonstrations."""
    benign_text: str = ""
    """A system prompt for benign seeds; empty = the shipped demonstrations."""


class PlayerConfig(Config):
    """One player."""

    model: str = "smollm2-135m-instruct"
    """A packaged asset's name, a local folder, or a hub name."""
    engine: Engine = HfEngine()
    """hf (in process) or openai (frozen only)."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where the hardware multiplies it fast (CUDA, AMX, AVX512-BF16), else
    float32."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: cuda, then mps, then cpu."""
    adapter: AdapterConfig | None = AdapterConfig()
    """null = full fine-tuning."""
    format: str = "plain"
    """How a move is written and parsed: see prompts/formats.py."""
    system: str | None = None
    """System prompt of the player itself, in training and after."""
    sampling: SamplingConfig = SamplingConfig()
    """How it draws."""
    guide: GuideConfig = GuideConfig()
    """Guided sampling of this player's moves (the Defender's)."""
    learn: LearnConfig = LearnConfig()
    """How it learns."""
