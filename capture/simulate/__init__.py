"""Simulated takes: players with bodies and instruments, an Azure Kinect, a score, a room."""

from capture.instruments import INSTRUMENTS
from capture.simulate.clouds import (
    PerformerView,
    random_performer_cloud,
    random_performer_views,
)
from capture.simulate.ensemble import simulate_take
from capture.simulate.player import Player

__all__ = [
    "INSTRUMENTS",
    "PerformerView",
    "Player",
    "random_performer_cloud",
    "random_performer_views",
    "simulate_take",
]
