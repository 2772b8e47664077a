"""What every command of specc does with its options."""

from __future__ import annotations

import click

from specc.diagnostics import UsageError


class Command(click.Command):
    """A command that ignores no option: of one that is given again, click alone would take the last."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, given = self.make_parser(ctx).parse_args(list(args))
        helps = ctx.resilient_parsing or any(parameter.is_eager for parameter in given)  # completion; --help
        for option in () if helps else given:
            if isinstance(option, click.Option) and not option.multiple and given.count(option) > 1:
                times = "twice" if given.count(option) == 2 else f"{given.count(option)} times"
                raise UsageError(f"{'/'.join(option.opts)} is given {times}, and it can only be given once")
        return super().parse_args(ctx, args)
