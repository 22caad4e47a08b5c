"""Inference runtimes: PyTorch and OpenVINO."""
