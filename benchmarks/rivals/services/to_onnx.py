"""Convert a model with skl2onnx, in single precision: `to_onnx.py MODEL FILE`."""

import sys
from pathlib import Path

import joblib
import numpy as np
from skl2onnx import to_onnx

path, file = sys.argv[1:]
example = np.zeros((1, 30), np.float32)
converted = to_onnx(joblib.load(path), example, options={"zipmap": False})
Path(file).write_bytes(converted.SerializeToString())
