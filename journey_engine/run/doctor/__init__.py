"""`doctor`: what keeps an app from running well, found by looking, and what mends it."""
