"""Training of one network per style (Johnson et al. 2016)."""
