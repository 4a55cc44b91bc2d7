"""Scenes: the YAML file, its types, exporters."""
