"""Sensors and recordings: takes, point clouds, performers, and the types that flow."""
