"""Inference runtimes: PyTorch, OpenVINO, ONNX Runtime."""
