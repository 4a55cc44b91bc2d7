"""Looking at a take: pictures and animations of it, and a live viewer."""

from capture.look.film import LookConfig, draw_film, draw_still
from capture.look.live import LIVE_EXTRA, show_live

__all__ = ["LIVE_EXTRA", "LookConfig", "draw_film", "draw_still", "show_live"]
