"""What the demo's users run: small web servers, some of them with a disk."""

import os
import stat
import sys
from pathlib import Path
from typing import Any

# A worker in a dozen lines, so that thirty of them start in a second: it answers with its name and what it stores.
WORKER = """
import os, socket, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((os.environ.get("HOST_ADDRESS", "0.0.0.0"), int(os.environ["PORT"]))); s.listen(64)
while True:
    c, _ = s.accept()
    try:
        c.settimeout(2); c.recv(4096)
        kept = open("data/kept").read() if os.path.exists("data/kept") else ""
        body = f"{os.environ['NAME']} {os.environ['MACHINE_ID']} {kept}".encode()
        c.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(body) + body)
    except OSError:
        pass
    finally:
        c.close()
"""
# The same with a first write to its volume: what a restore must bring back.
KEEPER = (
    """
import os
os.makedirs("data", exist_ok=True)
if not os.path.exists("data/kept"):
    open("data/kept", "w").write(os.environ["KEEP"])
"""
    + WORKER
)


def python_for_all() -> str:
    """A Python that a user without rights may run: machines run under a uid of their own."""
    for candidate in ("/usr/bin/python3", str(Path(sys.executable).resolve())):
        if Path(candidate).exists() and _reachable(Path(candidate).resolve()):
            return candidate
    return sys.executable


def _reachable(path: Path) -> bool:
    return os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


def worker(name: str, memory_mb: int = 256) -> dict[str, Any]:
    return _config(name, WORKER, memory_mb)


def keeper(name: str, volume: str, keep: str) -> dict[str, Any]:
    config = _config(name, KEEPER, 256)
    config["mounts"] = [{"volume": volume, "path": "/data", "name": "data"}]
    config["env"]["KEEP"] = keep
    return config


def _config(name: str, code: str, memory_mb: int) -> dict[str, Any]:
    return {
        "init": {"exec": [python_for_all(), "-S", "-E", "-c", code]},
        "env": {"NAME": name, "SECRET": f"only {name} may know this"},
        "guest": {"cpus": 1, "memory_mb": memory_mb, "cpu_kind": "shared"},
        "services": [{"protocol": "tcp", "internal_port": 8080}],
        "restart": {"policy": "always"},
        "metadata": {"recoverable": "true", "fly_platform_version": "v2"},
    }
