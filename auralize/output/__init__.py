"""Renders as files: formats, loudness, true peak, stems, headphone equalisation."""
