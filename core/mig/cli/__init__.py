"""The command line: thin click commands over the engine."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from mig import __version__
from mig.cli.adopt import adopt
from mig.cli.archive import archive
from mig.cli.check import check
from mig.cli.common import say_error
from mig.cli.demo import demo
from mig.cli.failures import failures
from mig.cli.ids import ids
from mig.cli.plan import plan
from mig.cli.plugins import plugins
from mig.cli.report import report
from mig.cli.rollback import rollback
from mig.cli.run import run
from mig.cli.sandbox import sandbox
from mig.cli.status import status
from mig.errors import MigError, Paused, Refused, Usage, polite
from mig.plugins import Registry

EXIT_USAGE, EXIT_REFUSED, EXIT_PAUSED, EXIT_BUG = 2, 3, 4, 70


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mig")
def cli() -> None:
    """Move a customer-support desk from one platform to another, completely and once, and prove what arrived."""


for _command in (check, plan, run, failures, rollback, adopt, status, report, archive, ids, plugins, sandbox, demo):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `mig` command; exits with the code of the command line's contract."""
    sys.exit(_main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    try:
        registry = Registry()
        registry.manager.hook.mig_commands(group=cli)
        result = cli.main(args=arguments, prog_name="mig", standalone_mode=False, obj=registry)
        return int(result or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except MigError as error:
        return _refused(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left: nothing more to say
        return 0
    except Exception as error:
        said = polite(error) if isinstance(error, ExceptionGroup) else None
        if said is not None:
            return _refused(said)
        _say_bug(error)
        return EXIT_BUG


def _refused(error: MigError) -> int:
    say_error(error)
    return {Usage: EXIT_USAGE, Refused: EXIT_REFUSED, Paused: EXIT_PAUSED}.get(type(error), EXIT_REFUSED)


def _say_bug(error: BaseException) -> None:
    """Where it happened, never with what: values can be bodies or secrets."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    where = "\n".join(f"    {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames[-6:])
    click.echo(f"mig: a fault of mig itself ({type(error).__name__})\n{where}", err=True)
    click.echo("  What was committed is safe. Please report these lines; the same command goes on from here.", err=True)
