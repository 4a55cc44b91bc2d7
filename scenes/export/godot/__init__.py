"""Projects for the Godot engine, version 4 (`godot4`) and version 3 (`godot3`).

Both are written by the same code in the words of Godot 4; `dialect` knows what they are called in
Godot 3. Each project consists of text and WAV files only, so that it needs no plug-in and reads
well under version control.
"""
