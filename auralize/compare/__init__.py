"""What changed between two sounds or two scenes."""
