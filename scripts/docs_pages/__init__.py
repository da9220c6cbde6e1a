"""The pages of the docs site that are the project's own. Nothing on them comes from the network."""
