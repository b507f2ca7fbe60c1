"""Looking at a run: one self-contained page, or a small server for all of its rollouts.

`build_report(run)` writes `report.html`; `advgame.report.view.serve_view` serves the browser.
Both render the same template parts with the same scripts and style.
"""

from advgame.report.build import build_report

__all__ = ["build_report"]
