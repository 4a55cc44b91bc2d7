"""A head: its measured impulse responses, and what lies between the measured directions."""
