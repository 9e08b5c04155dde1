"""Models that carry out plans: one protocol, three backends, one way to load them."""
