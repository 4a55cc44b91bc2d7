"""What a network is told or shown of the players while it trains."""

from separation.training.conditions.clouds import SeenConditions
from separation.training.conditions.labels import LabelConditions
from separation.training.conditions.movement import MovementConditions
from separation.training.conditions.opening import Banks, Conditions, open_conditions

__all__ = [
    "Banks",
    "Conditions",
    "LabelConditions",
    "MovementConditions",
    "SeenConditions",
    "open_conditions",
]
