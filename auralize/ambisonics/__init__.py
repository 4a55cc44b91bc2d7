"""Spherical harmonics around the listener: rendering, rotation, and decoding."""
