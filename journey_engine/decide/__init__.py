"""The decision: plan, state and input to the next state and what follows from it. Pure."""
