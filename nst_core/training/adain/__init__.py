"""Training of arbitrary-style networks with AdaIN (Huang & Belongie 2017)."""
