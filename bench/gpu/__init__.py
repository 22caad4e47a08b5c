"""Check of the package on a graphics card, and its figures there: `python -m bench.gpu.check`.

Needs PyTorch, NumPy, Pillow and safetensors, and nothing else that the package depends on.
"""
