"""FastAPI tuned, with the very model that nbdeploy compiled: validated, answered by orjson without a response model."""

import sys

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel

bundle, name, port = sys.argv[1:]
sys.path.insert(0, bundle)

from runtime.state import load_state  # noqa: E402 - stands in the bundle

model = load_state(name)
app = FastAPI()


class Request(BaseModel):
    rows: list[list[float]]


@app.post("/predict")
async def predict(request: Request) -> Response:
    chances = model.predict_proba(np.array(request.rows))[:, 1]
    return Response(orjson.dumps(chances.tolist()), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", ws="none", lifespan="off", access_log=False,
                log_level="warning", server_header=False, date_header=False, proxy_headers=False)
