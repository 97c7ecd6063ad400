"""A network namespace with a cable to this one, which a test can pull out and put back."""

import os
import subprocess
from dataclasses import dataclass

OURS, THEIRS = "10.213.77.1", "10.213.77.2"


class MayNotPartition(Exception):
    """This user, or this container, may not make network namespaces."""


def ip(*words):
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise MayNotPartition(str(error)) from error
    if done.returncode:
        raise MayNotPartition(f"ip {' '.join(words)}: {done.stderr.strip()}")


@dataclass
class Namespace:
    """Whoever runs inside reaches us at OURS, and nobody else."""

    name: str

    @classmethod
    def make(cls):
        made = cls(f"nightdesk-{os.getpid()}")
        ip("netns", "add", made.name)
        try:
            ip("link", "add", made._cable, "type", "veth", "peer", "name", "inside", "netns", made.name)
            ip("address", "add", f"{OURS}/30", "dev", made._cable)
            ip("link", "set", made._cable, "up")
            ip("-n", made.name, "address", "add", f"{THEIRS}/30", "dev", "inside")
            made.join()
        except BaseException:
            made.close()
            raise
        return made

    @property
    def _cable(self):
        return f"nd{os.getpid()}"

    def inside(self):
        return ["ip", "netns", "exec", self.name]

    def part(self):
        ip("-n", self.name, "link", "set", "inside", "down")

    def join(self):
        ip("-n", self.name, "link", "set", "inside", "up")

    def close(self):
        ip("netns", "delete", self.name)
