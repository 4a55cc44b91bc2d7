"""Show a scene in a browser while it is edited: export the page, serve it here, and reload it."""

from auralize.view.server import SceneServer

__all__ = ["SceneServer"]
