"""Tuning of the decoder of the slim network to one style, in about a minute on a CPU."""
