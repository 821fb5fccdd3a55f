"""The six steps in TensorFlow with Keras."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported; 3: no log at all
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
