"""Video style transfer: decoding, optical flow, temporal consistency, encoding, muxing."""
