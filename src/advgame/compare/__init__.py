"""Several runs side by side, their players against each other, and how exploitable one is."""
