"""Measures of quality: content, style and Gram distances, temporal warping error, int8 parity."""
