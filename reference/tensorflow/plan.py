"""What TensorFlow ran: the operators of the graph that it optimized and executed, with their dtypes and devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context  # the graphs that are executed have no public name

# Ends of the graph, and what calculates nothing.
_NOT_OPERATORS = ("_Arg", "_Retval", "NoOp")


def executed(build: Callable[[], Callable[[], Any]]) -> dict[str, dict[str, int]]:
    """How often what is in the graph of the function that `build` returns: `operators`, `dtypes`, `devices`.

    The graph is the one that is executed: after Grappler and oneDNN have replaced operators by their own.
    """
    function = tf.function(build())
    context.context().enable_graph_collection()
    try:
        function()
        metadata = context.context().export_run_metadata()
    finally:
        context.context().disable_graph_collection()
    operators: Counter[str] = Counter()
    dtypes: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    for graph in metadata.partition_graphs:
        nodes = [*graph.node, *(node for called in graph.library.function for node in called.node_def)]
        for node in nodes:
            if node.op in _NOT_OPERATORS:
                continue
            operators[node.op] += 1
            kind = node.attr["T"].type or node.attr["dtype"].type
            if kind:
                dtypes[tf.as_dtype(kind).name] += 1
            if node.device:
                devices[node.device.rpartition("device:")[2].partition(":")[0].lower()] += 1
    return {"operators": dict(operators), "kernels": {}, "dtypes": dict(dtypes), "devices": dict(devices)}
