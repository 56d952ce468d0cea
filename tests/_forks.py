"""Runs of code in separate processes that start quickly, because the process they are forked from has imported all."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TIMEOUT = 120  # seconds
_SERVE = """
import json, os, signal, sys
exec(sys.argv[1])
for line in sys.stdin:
    if not os.fork():
        signal.alarm(int(sys.argv[2]))
        print(json.dumps(run(*json.loads(line))), flush=True)
        os._exit(0)
    if os.wait()[1]:
        print("null", flush=True)
"""


@contextmanager
def fork_processes(code: str) -> Iterator[Callable[..., object]]:
    """Yield a function that calls the function `run` of some code, each time in a new process.

    Arguments and results must have types of JSON. It is an error if the process fails, is killed or takes two minutes.
    """
    command = [sys.executable, "-c", _SERVE, code, str(TIMEOUT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def run(*arguments: object) -> object:
            print(json.dumps(arguments), file=server.stdin, flush=True)
            result = json.loads(server.stdout.readline())
            assert result is not None, "the process ended before it returned a result"
            return result

        yield run
