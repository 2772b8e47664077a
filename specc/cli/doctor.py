"""``specc doctor``."""

from __future__ import annotations

import sys

import click

from specc.cli.exits import FINDINGS
from specc.cli.output import wants_color
from specc.verify.doctor import Status, diagnose

_STYLES = {Status.OK: "green", Status.MISSING: "yellow", Status.BROKEN: "red"}


def report() -> int:
    """Print every finding; a broken part is a finding, a missing optional one is not."""
    findings = diagnose()
    color = wants_color(sys.stdout.isatty())
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        status = click.style(f"{finding.status:<8}", fg=_STYLES[finding.status])
        click.echo(f"{finding.name:<{width}}  {status} {finding.detail}", color=color)
        if finding.remedy:
            click.echo(f"{'':<{width}}           {finding.remedy}")
    return FINDINGS if any(finding.status is Status.BROKEN for finding in findings) else 0
