"""Entry of the worker process: takes its lock first, then loads what is heavy."""

import argparse
import contextlib
import os
import signal

from filelock import Timeout

from explorer.base.errors import ExplorerError
from explorer.jobs import client
from explorer.runtime import logs, process


def main() -> None:
    """Start the worker for one device, unless there is one."""
    parser = argparse.ArgumentParser(prog="python -m explorer.worker.main", description=__doc__)
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda or cuda:1")
    parser.add_argument("--parent", type=int, default=None, help="stop when this process is gone")
    arguments = parser.parse_args()
    process.prepare()
    logs.begin("worker")
    try:
        with client.worker_lock(arguments.device).acquire(timeout=3):
            with contextlib.suppress(OSError, AttributeError):
                os.nice(10)  # pages answer first
            from explorer.worker.loop import Worker  # torch, only once the lock is ours

            with logs.told("worker", device=arguments.device, **logs.versions()):
                worker = Worker(arguments.device, arguments.parent)
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, lambda *_: worker.leave())
                worker.run()
    except Timeout:
        logs.log.info(logs.line("another worker has the device", device=arguments.device))
    except ExplorerError as error:  # a disk that refuses, a device that is not there
        logs.log.error(logs.line("no worker", **logs.reason(error)))


if __name__ == "__main__":
    main()
