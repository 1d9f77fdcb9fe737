"""Services of channels in a few lines each; run one with `python -m`, `JOURNEY_BROKERS` set."""
