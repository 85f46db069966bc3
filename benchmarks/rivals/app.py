"""The breast cancer model as an image of others would serve it: a few lines by hand, on uvicorn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import orjson
import uvicorn

classifier = joblib.load(Path(__file__).parent / "cancer.joblib")


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    row = np.array(orjson.loads(body)["row"])
    answer = orjson.dumps({"benign": float(classifier.predict_proba(row.reshape(1, -1))[0, 1])})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(application, host="0.0.0.0", port=int(sys.argv[1]), log_level="warning")
