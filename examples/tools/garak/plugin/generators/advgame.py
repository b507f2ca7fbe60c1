"""A player served by `advgame serve` as a generator of garak: `advgame.Player`, name `defender`.

Copy this file into garak's folder `generators`. The key is read from ADVGAME_API_KEY; on loopback
any will do.
"""

from garak.generators.openai import OpenAICompatible


class Player(OpenAICompatible):
    """A served player of advgame"""

    ENV_VAR = "ADVGAME_API_KEY"
    generator_family_name = "advgame"
    supports_multiple_generations = True
    DEFAULT_PARAMS = OpenAICompatible.DEFAULT_PARAMS | {
        "uri": "http://127.0.0.1:8000/v1/",
        "temperature": None,  # the player's own
        "top_p": None,
        "stop": [],
        "suppressed_params": {"temperature", "top_p", "frequency_penalty", "presence_penalty"},
    }


DEFAULT_CLASS = "Player"
