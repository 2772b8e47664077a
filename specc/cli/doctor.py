"""``specc doctor``."""

from __future__ import annotations

import sys

import click

from specc.cli.command import FINDINGS, Command


@click.command("doctor", cls=Command, short_help="Say what is installed and what really works.")
def command() -> int:
    """Say what is installed, which providers really work, and how to get what is missing."""
    # A broken part is a finding, a missing optional one is not.
    from specc.cli.output import wants_color
    from specc.verify.doctor import Status, diagnose

    styles = {Status.OK: "green", Status.MISSING: "yellow", Status.BROKEN: "red"}
    findings = diagnose()
    color = wants_color(sys.stdout.isatty())
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        status = click.style(f"{finding.status:<8}", fg=styles[finding.status])
        click.echo(f"{finding.name:<{width}}  {status} {finding.detail}", color=color)
        if finding.remedy:
            click.echo(f"{'':<{width}}           {finding.remedy}")
    return FINDINGS if any(finding.status is Status.BROKEN for finding in findings) else 0
