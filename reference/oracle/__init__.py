"""The six steps in NumPy, without a framework: in float64 the arbiter, in float32 the speed baseline."""
