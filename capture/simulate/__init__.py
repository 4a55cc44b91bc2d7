"""Simulated takes: players with bodies and instruments, an Azure Kinect, a score, a room."""
