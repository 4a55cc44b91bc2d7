"""Render scenes to sound; the pipeline and the `auralize` command."""
