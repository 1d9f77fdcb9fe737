"""What a journey is: YAML to a checked, immutable plan. Pure but for the loader's text argument."""
