"""Training of one feed-forward network per style (Johnson et al. 2016)."""
