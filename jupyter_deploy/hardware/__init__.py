"""What a service wants of the machine: a GPU, memory, system libraries; found by evidence, not by flags."""

from __future__ import annotations

from jupyter_deploy.hardware.builds import is_runtime
from jupyter_deploy.hardware.detection import describe_hardware, detect_hardware
from jupyter_deploy.hardware.libraries import SystemLibrary, name_cuda_package, system_libraries
from jupyter_deploy.hardware.size import Size, Usage, describe_usage, measure_usage, parse_usage, suggest_size
from jupyter_deploy.hardware.wheels import Wheel, Wheels, choose_wheels
from jupyter_deploy.runtime.manifest import Evidence, Hardware

__all__ = [
    "Evidence",
    "Hardware",
    "Size",
    "SystemLibrary",
    "Usage",
    "Wheel",
    "Wheels",
    "choose_wheels",
    "describe_hardware",
    "describe_usage",
    "detect_hardware",
    "is_runtime",
    "measure_usage",
    "name_cuda_package",
    "parse_usage",
    "suggest_size",
    "system_libraries",
]
