"""Targets: whoever the user names, behind one interface, every reply bounded."""
