"""What the model providers that we give to Inspect have in common."""

from __future__ import annotations

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)


class OwnAPI(ModelAPI):  # type: ignore[misc]  # Inspect is not typed for us
    """A provider that reads no key from the environment."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  # as every provider of Inspect
    ) -> None:
        """The arguments are those by which Inspect makes a provider."""
        super().__init__(model_name, base_url, api_key, [], config)

    def said(self, text: str, stop: str, *, read: int, written: int) -> ModelOutput:
        """One reply as Inspect wants it.

        Args:
            text: the reply.
            stop: why it ended, a stop reason of Inspect.
            read: tokens of the prompt.
            written: tokens of the reply.
        """
        message = ChatMessageAssistant(content=text, model=self.model_name, source="generate")
        usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
        choice = ChatCompletionChoice(message=message, stop_reason=stop)
        return ModelOutput(model=self.model_name, choices=[choice], usage=usage)
