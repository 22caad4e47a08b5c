"""Tuning of the decoder of the slim network to one style."""
