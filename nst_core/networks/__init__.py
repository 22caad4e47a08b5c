"""Network architectures, their files and the registry of bundled weights."""
