"""Export of networks to ONNX, OpenVINO and other formats."""
