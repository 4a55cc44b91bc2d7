"""Rooms: materials, early reflections by images, a late part by rays, and their rendering."""
