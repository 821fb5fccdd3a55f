"""The step functions of one workload in one framework: the user's own where given, the reference's otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

STEP_MODULES = ("imports", "data", "model", "objective", "train", "evaluate")


class Steps:
    """Looks a step function up by name: `steps.build_model` is the workload's own, or the reference's."""

    def __init__(self, framework: str, module: str | None) -> None:
        package = "oracle" if framework == "numpy" else framework
        self.framework = framework
        self._modules = [importlib.import_module(f"reference.{package}.{step}") for step in STEP_MODULES]
        if module is not None and not module.startswith("reference."):
            self._modules.insert(0, load_module(module))

    def build_model(self, workload: Any, preprocessing: str = "outside") -> Any:
        """The workload's model; the subject `numpy` is the oracle's calculation done in float32."""
        build = self.__getattr__("build_model")
        if self.framework == "numpy":
            from reference.oracle.arithmetic import FLOAT32

            return build(workload, preprocessing, FLOAT32)
        return build(workload, preprocessing)

    def set_weights(self, model: Any, weights: Mapping[str, Any]) -> None:
        """Give the model these weights. Raises ValueError where the workload's parameters are not the model's."""
        shapes = {name: array.shape for name, array in self.get_weights(model).items()}
        for name, array in weights.items():
            if name not in shapes:
                raise ValueError(
                    f"the workload's parameter {name} is not in the {self.framework} model, which has "
                    f"{', '.join(shapes)}: correct its layouts, or the model"
                )
            if array.shape != shapes[name]:
                raise ValueError(
                    f"{name} has shape {shapes[name]} in the {self.framework} model, and {array.shape} by the "
                    "shape and axes of the workload: correct its layouts, or the model"
                )
        self.__getattr__("set_weights")(model, weights)

    def is_reference(self, name: str) -> bool:
        """Whether the function of this name is the reference's, and no module of the user's has one in its place."""
        return str(self.__getattr__(name).__module__).startswith("reference.")

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"neither the workload's module nor reference.{self.framework} defines {name}()")

    def variants(self, step: str) -> dict[str, Any]:
        """The variants of `train` or `evaluate`; a workload's own module may define `TRAIN_VARIANTS` and the like."""
        package = "oracle" if self.framework == "numpy" else self.framework
        module = importlib.import_module(f"reference.{package}.{step}")
        own = getattr(self._modules[0], f"{step.upper()}_VARIANTS", {})
        return {**module.VARIANTS, **own}


def load_module(name: str) -> ModuleType:
    """Import a dotted module, or one Python file by its path, whose folder becomes importable."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} cannot be imported as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
