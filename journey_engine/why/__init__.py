"""Why somebody was sent something, or not, and what would have changed that."""
