"""Training of arbitrary-style networks (Huang & Belongie 2017)."""
