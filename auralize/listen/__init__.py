"""A scene heard live: audio devices, keys, head trackers."""
