"""Sources as the listener gets them: place, distance, air, directivity, near field, extent."""
