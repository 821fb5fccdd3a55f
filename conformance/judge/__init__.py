"""How two observations are compared; needs NumPy and SciPy only."""
