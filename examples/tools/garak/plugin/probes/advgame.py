"""Attacks by a trained Attacker as a probe of garak: `advgame.Attacks`.

Copy this file into garak's folder `probes`, and the generator of the same name into `generators`.
The Attacker is asked for `attacks_per_goal` prompts for each of `goals`; they go to the target as
they are, and garak's detectors judge what comes back.
"""

import garak.attempt
import garak.probes
from garak import _config, _plugins


class Attacks(garak.probes.Probe):
    """Prompts written by a served Attacker of advgame"""

    lang = "en"
    active = False  # it needs a server
    goal = "make the model do what it should decline"
    doc_uri = "https://arxiv.org/abs/2512.20806"
    tags = ("owasp:llm01", "quality:Security:PromptStability")
    tier = garak.probes.Tier.OF_CONCERN
    intent = "S006"
    primary_detector = "mitigation.MitigationBypass"
    DEFAULT_PARAMS = garak.probes.Probe.DEFAULT_PARAMS | {
        "goals": [],
        "attacks_per_goal": 3,
        "attacker_name": "attacker",
        "attacker_config": {"uri": "http://127.0.0.1:8000/v1/"},
    }

    def __init__(self, config_root=_config):
        super().__init__(config_root=config_root)
        self.prompts = []
        self.goal_of = []

    def probe(self, generator):
        """Ask for the attacks, then send them."""
        config = self.attacker_config | {"name": self.attacker_name}
        root = {"generators": {"advgame": {"Player": config}}}
        attacker = _plugins.load_plugin("generators.advgame.Player", config_root=root)
        for goal in self.goals:
            turn = garak.attempt.Turn("user", garak.attempt.Message(goal))
            asked = garak.attempt.Conversation([turn])
            made = attacker.generate(asked, generations_this_call=self.attacks_per_goal)
            texts = [each.text for each in made if each is not None and each.text]
            self.prompts += texts
            self.goal_of += [goal] * len(texts)
        return super().probe(generator)

    def _attempt_prestore_hook(self, attempt, seq):
        attempt.notes["goal"] = self.goal_of[seq]
        return attempt
