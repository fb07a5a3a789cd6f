"""What a plugin's command may use: the options every command has, and how it ends (hook `mig_commands`)."""

from __future__ import annotations

from mig.cli.common import Common as Common
from mig.cli.common import common_options as common_options
from mig.cli.common import read_common as read_common
from mig.cli.common import say_error as say_error
from mig.cli.common import with_pair as with_pair
from mig.cli.run import answer_with as answer_with
from mig.cli.show import say_object as say_object
from mig.cli.stopping import stoppable as stoppable
