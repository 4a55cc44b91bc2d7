"""Source separation conditioned on performers: networks, training, metrics."""
