"""advgame: an Attacker LM and a Defender LM, trained against each other, jointly and online."""

__version__ = "0.1.0"
