"""The ceiling: a raw ASGI application with a compiled model. Nothing is validated, counted or limited.

`raw.py uvicorn|granian PORT onnx FILE` runs what skl2onnx made of the model, in single precision;
`raw.py uvicorn|granian PORT compiled BUNDLE NAME` runs the very model that nbdeploy compiled.
"""

import os
import sys

import numpy as np
import orjson

server, port, kind, place, *rest = sys.argv[1:] or os.environ["RAW"].split("\n")


def _load():
    if kind == "compiled":
        sys.path.insert(0, place)
        from runtime.state import load_state  # stands in the bundle

        ask = load_state(rest[0]).predict_proba
        return lambda rows: ask(np.array(rows))[:, 1]
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    run = onnxruntime.InferenceSession(place, options, providers=["CPUExecutionProvider"]).run
    return lambda rows: run(["probabilities"], {"X": np.array(rows, np.float32)})[0][:, 1]


ask = _load()


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    answer = orjson.dumps(ask(orjson.loads(body)["rows"]).tolist())
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    if server == "granian":
        from granian import Granian

        os.environ["RAW"] = "\n".join(sys.argv[1:])
        sys.argv[1:] = []
        Granian("raw:app", port=int(port), interface="asginl", log_enabled=False, workers=1, runtime_threads=1).serve()
    else:
        import uvicorn

        uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", ws="none", lifespan="off", interface="asgi3",
                    access_log=False, log_level="warning", server_header=False, date_header=False, proxy_headers=False)
