"""The report of a rehearsal as one page, without anything beside it."""

from __future__ import annotations

import datetime as dt
import html

from jupyter_deploy.traffic.charts import draw_curve
from jupyter_deploy.traffic.figures import Outcome
from jupyter_deploy.traffic.report import list_figures, verdict

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h2 { font-size: 1rem; margin: 1.5rem 0 .3rem; } svg { width: 100%; font: 11px system-ui, sans-serif; fill: #666; }
path { fill: none; stroke-width: 1.5; } .axis { stroke: #bbb; stroke-width: 1; }
.c0 { stroke: #1a73c8; } .n0 { fill: #1a73c8; } .c1 { stroke: #c2410c; } .n1 { fill: #c2410c; }
.c2 { stroke: #7c3aed; } .n2 { fill: #7c3aed; } .c3 { stroke: #b42318; } .n3 { fill: #b42318; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
.passed { color: #18794e; } .failed { color: #b42318; }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd; } svg { fill: #999; } .axis { stroke: #555; }
  .c0 { stroke: #6cb2f5; } .n0 { fill: #6cb2f5; } .c1 { stroke: #f59e6c; } .n1 { fill: #f59e6c; }
  .passed { color: #4cc38a; } .failed { color: #ff8577; }
}
"""


def write_page(outcome: Outcome) -> str:
    """Write the page."""
    seconds = outcome.seconds
    charts: list[tuple[str, str, list[tuple[str, list[float | None]]]]] = [
        ("Requests answered a second", "/s", [("answered", [float(one.good) for one in seconds]),
                                              ("rejected", [float(one.rejected) for one in seconds]),
                                              ("lost", [float(one.lost) for one in seconds]),
                                              ("wrong", [float(one.wrong) for one in seconds])]),
        ("Latency, from the moment at which a request was due", "ms",
         [(f"p{share * 100:g}", [None if (value := one.quantile(share)) is None else value * 1000 for one in seconds])
          for share in (0.5, 0.99)]),
        ("Workers", "", [("workers", [one.workers for one in seconds])]),
    ]
    drawn = "\n".join(f"<h2>{title}</h2>{draw_curve(series, unit=unit, seconds=len(seconds))}"
                      for title, unit, series in charts)
    rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
                   for name, text in list_figures(outcome))
    title = f"{html.escape(outcome.name)}: {html.escape(outcome.shape)}"
    began = dt.datetime.fromtimestamp(outcome.began).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    played = f"{'A copy of version' if outcome.copied else 'Version'} {html.escape(outcome.version)}, {began}"
    state = "passed" if outcome.holds else "failed"
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Rehearsal of {title}</title>\n'
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
            f'<body><h1>{title}</h1>\n<p>{played}</p>\n'
            f'<p class="{state}">{html.escape(verdict(outcome))}</p>\n{drawn}\n'
            f"<h2>Figures</h2><table>{rows}</table>\n</body></html>\n")
