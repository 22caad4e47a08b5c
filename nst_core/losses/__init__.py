"""Perceptual losses for training and evaluation."""
