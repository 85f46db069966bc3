"""Save a model as MLflow serves it: `mlflow_model.py MODEL FOLDER`."""

import sys

import joblib
import mlflow.sklearn

path, folder = sys.argv[1:]
mlflow.sklearn.save_model(joblib.load(path), folder, pyfunc_predict_fn="predict_proba",
                          serialization_format="cloudpickle")
