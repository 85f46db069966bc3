"""Serves the entries of service.py: POST /<entry> with a JSON object of arguments. Needs nothing but Python."""

import inspect
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import service

ENTRIES = {}  # written at export


def read_argument(annotation, value):
    name = getattr(annotation, "__name__", "")
    if name == "DataFrame":
        import pandas as pd

        return pd.DataFrame(value)
    if name in ("ndarray", "array"):
        import numpy as np

        return np.asarray(value)
    return value


def write_answer(value):
    if hasattr(value, "to_dict"):
        return value.to_dict("records") if hasattr(value, "columns") else value.tolist()
    for method in ("tolist", "item"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"JSON cannot carry a {type(value).__name__}")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {"entries": sorted(ENTRIES)})

    def do_POST(self):
        entry = ENTRIES.get(self.path.strip("/"))
        if entry is None:
            self.answer(404, {"error": f"there is no entry {self.path}; there are {', '.join(sorted(ENTRIES))}"})
            return
        try:
            function = getattr(service, entry)
            arguments = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            parameters = inspect.signature(function, eval_str=True).parameters
            bound = {name: read_argument(parameters[name].annotation, value) for name, value in arguments.items()}
        except (KeyError, TypeError, ValueError) as error:
            self.answer(422, {"error": f"{type(error).__name__}: {error}"})
            return
        try:
            self.answer(200, function(**bound))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            self.log_error("%s failed: %r", entry, error)
            self.answer(500, {"error": f"{entry} failed; the log says why"})

    def answer(self, status, body):
        data = json.dumps(body, default=write_answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    host, port = (sys.argv[1:] + ["127.0.0.1", "8080"][len(sys.argv) - 1:])[:2]
    server = ThreadingHTTPServer((host, int(port)), Handler)
    print(f"serving {', '.join(sorted(ENTRIES))} at http://{host}:{server.server_port}", flush=True)
    server.serve_forever()
