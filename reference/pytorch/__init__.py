"""The six steps in PyTorch."""
