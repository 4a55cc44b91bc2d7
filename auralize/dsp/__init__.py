"""Signal processing that knows nothing of scenes: spectra, convolution, delays, harmonics."""
