"""Another clock for all processes of a run: how it is made, and whether they all see it."""
