"""The renderer for headphones, block by block: for files and live."""
