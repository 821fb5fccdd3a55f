"""What runs inside a worker: the standard library, NumPy and one framework, on Python 3.9 or later."""
