"""Style transfer by optimisation of pixels (Gatys et al. 2015)."""
