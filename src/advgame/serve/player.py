"""A player as a server shows it: how a tool's chat becomes a move, and what comes back.

A tool sends chats; the Attacker learned to be asked in its own format. So the request is taken from
the chat (`shapes.py`), put in that format, and the reply is read by its parser: what the tool gets
is the prompt alone, laid out as it wants it. A chat that goes on (the tool shows what the target
said to the last attempt) asks for another attempt at the same request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from advgame.config.players import SamplingConfig
from advgame.errors import StoreError
from advgame.evals.loaded import Loaded, load_target
from advgame.evals.target import Target, target_of
from advgame.prompts import Format, get_format
from advgame.serve.shapes import Shape, wanted
from advgame.store.select import Which
from advgame.types import Kind, Message, Role, SampleRequest, Sampling, Weights

_FEWSHOT = "fewshot"  # how a model that was never an Attacker is asked to be one


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a player is asked and drawn."""

    role: Role
    format: Format
    system: str | None
    sampling: Sampling
    accept_truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A loaded player. `draw` gives completions; `context` is its positions in tokens."""

    name: str
    source: str
    manner: Manner
    loaded: Loaded

    @property
    def context(self) -> int:
        """The most tokens of a prompt and its reply together."""
        return self.loaded.sampler.positions

    def tokens(self, request: SampleRequest) -> int:
        """Tokens of a prompt.

        Raises:
            ModelError: the model's chat template refuses the chat.
        """
        return self.loaded.length(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One model id of a server: a player, and what a chat sent to it means.

    `move` puts the player's move in its own format; without it the chat is the model's as it is.
    `kind` is what the Attacker is told that requests are; `injected` that its prompt is to stand in
    a document.
    """

    player: Player
    move: bool
    kind: Kind = Kind.HARMFUL
    injected: bool = False

    def ask(self, chat: tuple[Message, ...]) -> tuple[tuple[Message, ...], Shape | None]:
        """The chat the model sees, and the shape its reply is wanted in.

        Raises:
            NotServedError: an attack is asked for and the chat does not say on what.
        """
        manner = self.player.manner
        if not self.move:
            return chat, None
        if manner.role is Role.ATTACKER:
            request, shape = wanted(chat)
            asked = manner.format.messages(request, self.kind, manner.system, self.injected)
            return asked, shape
        return manner.format.chat(chat, manner.system), None

    def read(self, text: str) -> str | None:
        """The move in what the model wrote; None where its format holds none."""
        if not self.move:
            return text
        parsed = self.player.manner.format.parse(text)
        return parsed.text if parsed else None

    def describe(self) -> str:
        """What it is, in a few words."""
        if not self.move:
            return f"the weights of {self.player.source}, asked as the chat stands"
        if self.player.manner.role is Role.DEFENDER:
            return f"{self.player.source}, asked in its own format"
        if self.injected:
            return f"{self.player.source}: writes a text that brings it about from in a document"
        return f"{self.player.source}: rewrites the first user message, told that it is {self.kind}"

    @property
    def whole(self) -> bool:
        """Whether a reply is readable only when it is complete, so that it cannot be streamed."""
        return self.move and self.player.manner.format.name != "plain"

    @property
    def prefill(self) -> str:
        """What opens the model's turn."""
        return self.player.manner.format.prefill if self.move else ""

    def sampling(
        self, temperature: float | None, top_p: float | None, tokens: int | None, most: int
    ) -> Sampling:
        """What a client asks for, and the player's own where it does not say.

        An attack is never longer than in training: the Attacker goes on about something else.
        """
        own = self.player.manner.sampling
        attack = self.move and self.player.manner.role is Role.ATTACKER
        limit = own.max_new_tokens if attack else most
        return Sampling(
            temperature=own.temperature if temperature is None else temperature,
            top_p=own.top_p if top_p is None else top_p,
            max_new_tokens=min(limit, tokens or own.max_new_tokens),
        )


def modes(players: tuple[Player, ...]) -> dict[str, Mode]:
    """The model ids of a server.

    `attacker` and `defender` are the players as they play; `attacker:benign` makes benign requests
    look harmful; `attacker:injection` writes texts that are put into documents;
    `attacker:chat` and `defender:chat` are their weights on the chat as it is.
    """
    found: dict[str, Mode] = {}
    for player in players:
        found[player.name] = Mode(player=player, move=True)
        if player.manner.role is Role.ATTACKER:
            found[f"{player.name}:benign"] = Mode(player=player, move=True, kind=Kind.BENIGN)
            found[f"{player.name}:injection"] = Mode(player=player, move=True, injected=True)
        found[f"{player.name}:chat"] = Mode(player=player, move=False)
    return found


def manner_of(target: Target) -> Manner:
    """How the player that `target` names is asked: as in its run, or as its export says.

    A model that was never a player is asked plainly as a Defender, by examples as an Attacker.
    """
    role = target.role
    if target.config is not None:
        asked = target.config.player(role)
        return _manner(role, asked.format, asked.system, asked.sampling)
    card = target.exported
    if card is not None and card.role is role:
        return _manner(role, card.format, card.system, card.sampling)
    own = SamplingConfig(truncation="accept" if role is Role.ATTACKER else "fault")
    return _manner(role, _FEWSHOT if role is Role.ATTACKER else "plain", None, own)


def open_player(
    source: str,
    role: Role,
    *,
    step: Which = None,
    weights: Weights | None = None,
    load: Callable[[Target], Loaded] = load_target,
) -> Player:
    """Load a player: a run's, an exported one, or any model put in the role.

    Raises:
        AdvGameError: there is no such thing, or it is served elsewhere.
    """
    target = target_of(source, role=role, step=step, weights=weights)
    if target.endpoint is not None:
        raise StoreError(f"{source} is served already: give its address to the tool")
    if target.run is None:
        target = replace(target, role=role)
    return Player(name=role.value, source=source, manner=manner_of(target), loaded=load(target))


def _manner(role: Role, form: str, system: str | None, how: SamplingConfig) -> Manner:
    return Manner(
        role=role,
        format=get_format(role, form),
        system=system,
        sampling=how.draws,
        accept_truncated=how.truncation == "accept",
    )
