"""Packages as they were seen installed, as values."""

from __future__ import annotations

from jupyter_deploy.requirements import Distribution, Requirements

TORCH_CUDA_126 = {"torch": "2.9.0+cu126", "nvidia-cuda-runtime-cu12": "12.6.77", "nvidia-cudnn-cu12": "9.10.2.21",
                  "triton": "3.5.0", "torchvision": "0.24.0+cu126"}
"""From the index for CUDA 12.6."""
TORCH_INDEX = {"torch": "2.9.0", "nvidia-cuda-runtime-cu12": "12.8.90", "nvidia-cublas-cu12": "12.8.4.1",
               "triton": "3.5.0"}
"""From the usual index, on Linux."""
TORCH_CPU = {"torch": "2.13.0+cpu", "torchvision": "0.28.0+cpu"}
JAX_CUDA = {"jax": "0.7.2", "jaxlib": "0.7.2", "jax-cuda13-plugin": "0.7.2", "nvidia-cuda-runtime": "13.0.96"}
CUPY = {"cupy-cuda12x": "13.6.0"}
XGBOOST = {"xgboost": "3.2.0", "nvidia-nccl-cu12": "2.28.3"}
LIGHTGBM = {"lightgbm": "4.7.0"}
ONNX_GPU = {"onnxruntime-gpu": "1.23.0", "nvidia-cuda-runtime-cu12": "12.8.90"}
TENSORFLOW = {"tensorflow": "2.20.0", "nvidia-cuda-runtime-cu12": "12.5.82"}


def requirements(installed: dict[str, str]) -> Requirements:
    """Give the requirements of a service that needs these distributions."""
    first = next(iter(installed))
    return Requirements("3.11", "/usr/bin/python3", tuple(
        Distribution(name, version, "/site", "predict imports it" if name == first else f"required by {first}")
        for name, version in sorted(installed.items())))
