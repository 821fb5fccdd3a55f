"""The six steps of programming a neural network, written once per framework and once without one."""
