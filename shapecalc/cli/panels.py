"""The help of a command with many options: in panels, by what they are for."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class InPanels(TyperCommand):
    """A command whose help lists the options of a `rich_help_panel` under that heading, after the others.

    typer itself does so where its help is rich's, which this command line does without.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        found: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                usual = f"{parameter.param_type_name}s".capitalize()
                panel = getattr(parameter, "rich_help_panel", None) or usual
                found.setdefault(panel, []).append(record)
        for panel in sorted(found, key=lambda panel: panel not in ("Arguments", "Options")):
            with formatter.section(panel):
                formatter.write_dl(found[panel])
