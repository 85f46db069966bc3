"""The report as one page without anything beside it: the summary, and the notebooks as they ran."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jupyter_deploy.check.budgets import format_seconds
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.judgement import Check
from jupyter_deploy.check.summary import describe_move, list_figures, write_total
from jupyter_deploy.errors import UsageError

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h2 { border-top: 1px solid #ddd; padding-top: 1rem; }
.passed { color: #18794e; } .failed, .error { color: #b42318; } .warning { color: #9a6700; } .note { color: #666; }
pre { background: #f6f6f6; padding: .6rem; overflow-x: auto; } code, pre { font-size: 13px; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; }
.jp-Cell, .cell { margin: .8rem 0; } .prompt, .jp-InputPrompt, .jp-OutputPrompt { color: #888; font-size: 12px; }
.anchor-link { display: none; } img { max-width: 100%; }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd; } pre { background: #242424; }
  .passed { color: #4cc38a; } .failed, .error { color: #ff8577; } .warning { color: #e2b33c; } .note { color: #999; }
}
"""


def check_exporter() -> None:
    """Look whether nbconvert is installed, without loading it (raises `UsageError`)."""
    if find_spec("nbconvert") is None or find_spec("pygments") is None:
        raise UsageError("--html needs nbconvert to write the executed notebooks",
                         advice="python -m pip install 'nbdeploy[check]'")


def write_page(checks: Sequence[Check]) -> str:
    """Write the page (raises `UsageError` where nbconvert is not installed)."""
    check_exporter()
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    exporter = HTMLExporter(template_name="basic", embed_images=True)
    style = _STYLE + HtmlFormatter().get_style_defs(".highlight")
    body = "\n".join(line for check in checks for line in _write_check(check, exporter))
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>nbdeploy check</title>\n'
            f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>\n'
            f"<body><h1>{html.escape(write_total(checks))}</h1>\n{body}\n</body></html>\n")


def _write_check(check: Check, exporter: Any) -> Iterator[str]:
    verdict = "passed" if check.passed else "failed"
    yield (f'<h2><span class="{verdict}">{verdict}</span> {html.escape(check.title)} '
           f"<small>{format_seconds(check.seconds)}</small></h2>")
    yield f"<p>{html.escape(', '.join(list_figures(check)))}</p>"
    yield f"<ul>{''.join(map(_write_finding, check.findings))}</ul>"
    if check.moved:
        rows = [[one.call, one.place or "itself", str(one.recorded), str(one.now), describe_move(one)]
                for one in check.moved]
        yield _write_table(["golden answer", "place", "recorded", "now", "change"], rows)
    if check.executed:
        text, _ = exporter.from_filename(check.executed)
        yield (f"<details><summary>The notebook as it ran: {html.escape(Path(check.executed).name)}</summary>\n{text}"
               "</details>")


def _write_finding(finding: Finding) -> str:
    first, _, rest = finding.message.partition("\n")
    place = f"{finding.cell}: " if finding.cell and not first.startswith(finding.cell) else ""
    more = f"<pre>{html.escape(rest.strip())}</pre>" if rest.strip() else ""
    advice = f"<br>→ {html.escape(finding.advice)}" if finding.advice else ""
    return (f'<li><b class="{finding.severity}">{finding.severity}</b> {html.escape(place + first)} '
            f"<code>{finding.code}</code>{more}{advice}</li>\n")


def _write_table(head: list[str], rows: list[list[str]]) -> str:
    def write(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"

    return f"<table>{write(head, 'th')}{''.join(write(row, 'td') for row in rows)}</table>"
