"""The commands of `python -m local`, one module each.

A command's module has three names, which `local.__main__` reads:

    HELP                    one sentence for the list of commands
    add_arguments(parser)   its arguments, added to an `argparse.ArgumentParser`
    run(arguments)          does the work and returns the exit status: 0 all is well, 1 the work failed,
                            2 it could not begin (wrong arguments, no running stack)
"""

from __future__ import annotations
