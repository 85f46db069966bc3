"""LitServe with one worker, alone or with batching: `litserve_server.py MODEL PORT alone|batching`."""

import os
import sys

import joblib
import litserve
import numpy as np

path, port, mode = sys.argv[1:]


class Alone(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002 - LitServe's signature
        self.model = joblib.load(path)

    def decode_request(self, request):
        return np.array(request["rows"])

    def predict(self, rows):
        return self.model.predict_proba(rows)[:, 1]

    def encode_response(self, chances):
        return {"chances": chances.tolist()}


class Batching(Alone):
    def batch(self, requests):
        self.ends = np.cumsum([len(rows) for rows in requests])[:-1]
        return np.concatenate(requests)

    def unbatch(self, chances):
        return np.split(chances, self.ends)


if __name__ == "__main__":
    api = Batching(max_batch_size=64, batch_timeout=0.005) if mode == "batching" else Alone()
    workers = int(os.environ.get("BENCH_WORKERS", "1"))
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers, fast_queue=True)
    server.run(port=int(port), num_api_servers=1, log_level="warning", generate_client_file=False, access_log=False)
