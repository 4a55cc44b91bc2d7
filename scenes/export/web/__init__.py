"""Target `web`: a page that shows the players, plays them, and lets one walk among them.

It opens from a disk with one click and asks no network for anything. Scenes of up to a minute are
one file; longer ones have a folder of media beside it. The page's own sources are in scenes/page.
"""

from scenes.export.web.write import write

__all__ = ["write"]
