"""Video: reading, temporal consistency, painting, writing, muxing."""
