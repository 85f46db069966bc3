"""Ray Serve with one replica, alone or with batching: `ray_app.py MODEL PORT alone|batching`."""

import sys
import time

import joblib
import numpy as np
import ray
from ray import serve
from starlette.requests import Request

path, port, mode = sys.argv[1:]


@serve.deployment(num_replicas=1, max_ongoing_requests=200)
class Alone:
    def __init__(self):
        self.model = joblib.load(path)

    async def __call__(self, request: Request):
        rows = np.array((await request.json())["rows"])
        return self.model.predict_proba(rows)[:, 1].tolist()


@serve.deployment(num_replicas=1, max_ongoing_requests=200)
class Batching:
    def __init__(self):
        self.model = joblib.load(path)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)
    async def ask(self, tables):
        chances = self.model.predict_proba(np.concatenate(tables))[:, 1]
        return np.split(chances, np.cumsum([len(rows) for rows in tables])[:-1])

    async def __call__(self, request: Request):
        return (await self.ask(np.array((await request.json())["rows"]))).tolist()


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)}, logging_config={"enable_access_log": False})
    serve.run({"alone": Alone, "batching": Batching}[mode].bind(), route_prefix="/predict")
    while True:
        time.sleep(60)
