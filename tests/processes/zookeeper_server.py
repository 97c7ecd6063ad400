"""A ZooKeeper of our own on a free port, from the jars of Debian's package; no service of the machine is touched."""

import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

JAR = Path("/usr/share/java/zookeeper.jar")
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
JAVA = ["java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
TICK_MS = 200
"""A session lives for two to twenty of these."""


class NoZooKeeper(Exception):
    """The package, or a Java to run it, is not installed."""


@dataclass
class ZooKeeperServer:
    process: subprocess.Popen[bytes]
    address: str
    port: int

    @classmethod
    def start(cls, directory, address):
        if shutil.which("java") is None or not JAR.exists():
            raise NoZooKeeper("needs Debian's package zookeeper and a Java")
        with socket.socket() as free:
            free.bind((address, 0))
            port = free.getsockname()[1]
        directory.mkdir()
        config = directory / "zoo.cfg"
        config.write_text(
            f"tickTime={TICK_MS}\ndataDir={directory}\nclientPort={port}\nclientPortAddress={address}\n"
            "admin.enableServer=false\nforceSync=no\n"
        )
        with (directory / "out").open("ab") as out:
            words = [*JAVA, "-cp", str(JAR), MAIN, str(config)]
            server = cls(subprocess.Popen(words, stdout=out, stderr=out), address, port)
        server._answers(out_of=directory / "out")
        return server

    @property
    def hosts(self):
        return f"{self.address}:{self.port}"

    @contextmanager
    def stopped(self):
        """Stop it, not its sockets: a pause of its garbage collector, or of its host."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.process.kill()
        self.process.wait()

    def _answers(self, *, out_of):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection((self.address, self.port), timeout=1) as asked:
                    asked.sendall(b"srvr")
                    if asked.recv(100).startswith(b"Zookeeper version"):
                        return
            except OSError:
                time.sleep(0.05)
        self.close()
        raise AssertionError(f"ZooKeeper does not start: {out_of.read_text()[-2000:]}")
