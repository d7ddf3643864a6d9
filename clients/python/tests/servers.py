"""Real servers for tests, each in a folder of its own and ended by its own pid, also when the test process dies."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

#: Ends the server when the pipe that it reads from closes, which it does with this process, however that ends.
_WATCHDOG = 'read _; kill -9 "$1" 2>/dev/null; rm -rf "$2"'


def command() -> list[str]:
    """The server under test: `SOJOURN_REDIS_SERVER`, or what is on PATH; empty where there is none."""
    named = os.environ.get("SOJOURN_REDIS_SERVER", "").split()
    if named:
        return named
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return [found] if found else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(is_so: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(redis.RedisError, OSError):
            if is_so():
                return
        time.sleep(0.02)
    raise TimeoutError("it did not come to be so")


class Server:
    """`port`: on 127.0.0.1; without one it listens on a unix socket only. `config`: a file that comes first."""

    def __init__(self, *args: str, port: int = 0, config: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sj-py-"))
        self.socket = str(self.folder / "redis.sock")
        self.port = port
        self.url = f"unix://{self.socket}"
        self._args = [*command()]
        if config is not None:
            (self.folder / "server.conf").write_text(config)
            self._args.append(str(self.folder / "server.conf"))
        self._args += ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", self.socket]
        self._args += ["--dir", str(self.folder), "--save", "", "--appendonly", "no", "--loglevel", "warning", *args]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        watch = ["sh", "-c", _WATCHDOG, "sh", str(self.process.pid), str(self.folder)]
        self._watchdog = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
        self.cli = redis.Redis(unix_socket_path=self.socket)
        until(self.cli.ping)

    def kill(self) -> None:
        """At once; `start` starts it again, empty."""
        self._watchdog.kill()
        self._watchdog.wait()
        self.process.kill()
        self.process.wait()
        self.cli.close()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


@contextlib.contextmanager
def cluster(masters: int = 3) -> Iterator[list[Server]]:
    """Masters that share the slots evenly."""
    with contextlib.ExitStack() as stack:
        nodes = []
        for _ in range(masters):
            options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "1000"]
            nodes.append(stack.enter_context(Server(*options, port=free_port())))
        first = nodes[0].cli
        for node in nodes[1:]:
            bus = node.cli.config_get("cluster-port")["cluster-port"]
            first.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        for i, node in enumerate(nodes):
            start, end = 16384 * i // masters, 16384 * (i + 1) // masters - 1
            node.cli.execute_command("CLUSTER", "ADDSLOTSRANGE", start, end)

        def is_whole(node: Server) -> bool:
            info = node.cli.execute_command("CLUSTER", "INFO")
            text = info.decode() if isinstance(info, bytes) else str(info)
            return ("cluster_state:ok" in text or "'cluster_state': 'ok'" in text) and (
                f"cluster_known_nodes:{masters}" in text or f"'cluster_known_nodes': '{masters}'" in text
            )

        until(lambda: all(is_whole(node) for node in nodes))
        yield nodes


@contextlib.contextmanager
def sentinel(name: str) -> Iterator[tuple[Server, Server, Server]]:
    """A primary, a replica, and one Sentinel, which is its own majority."""
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(Server(port=free_port()))
        args = ["--replicaof", "127.0.0.1", str(primary.port)]
        replica = stack.enter_context(Server(*args, port=free_port()))
        config = f"sentinel monitor {name} 127.0.0.1 {primary.port} 1\nsentinel down-after-milliseconds {name} 500\n"
        watcher = stack.enter_context(Server("--sentinel", port=free_port(), config=config))
        until(lambda: _fields(watcher.cli.execute_command("SENTINEL", "MASTER", name)).get("num-slaves") == "1")
        yield primary, replica, watcher


def _fields(answer: Any) -> dict[str, str]:
    flat = [each for pair in answer.items() for each in pair] if isinstance(answer, dict) else answer
    texts = [each.decode() if isinstance(each, bytes) else str(each) for each in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))
