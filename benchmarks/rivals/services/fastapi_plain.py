"""FastAPI as people write it by hand, with its faster parts: uvloop and httptools."""

import os
import sys

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(sys.argv[1])
app = FastAPI()


class Request(BaseModel):
    rows: list[list[float]]


@app.post("/predict")
async def predict(request: Request) -> list[float]:
    return model.predict_proba(np.array(request.rows))[:, 1].tolist()


if __name__ == "__main__":
    workers = int(os.environ.get("BENCH_WORKERS", "1"))
    uvicorn.run(app if workers == 1 else "fastapi_plain:app", port=int(sys.argv[2]), loop="uvloop", http="httptools",
                access_log=False, log_level="warning", workers=workers)
