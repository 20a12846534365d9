# SPDX-License-Identifier: Apache-2.0
"""nginx on loopback, serving one folder, for as long as a `with` lasts."""
import contextlib
import socket
import subprocess
import tempfile
import time

from lib.system import BenchError, clean_environment, find_tool, is_root, run_tool

CONFIG = """\
{user}
daemon off;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(server, port):
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise BenchError("nginx does not answer")


@contextlib.contextmanager
def serve(folder, first=()):
    """Yields the URL of folder; `first` is argv before nginx's. In /tmp, as a path in nginx's configuration must be plain."""
    prefix = tempfile.mkdtemp(prefix="xcache-bench-nginx-", dir="/tmp")
    port = free_port()
    config = CONFIG.format(prefix=prefix, port=port, folder=folder,
                           user="user root;" if is_root() else "")
    try:
        with open(f"{prefix}/nginx.conf", "w", encoding="ascii") as out:
            out.write(config)
        argv = [*first, find_tool("nginx"), "-p", prefix, "-e", f"{prefix}/error.log",
                "-c", f"{prefix}/nginx.conf"]
        with subprocess.Popen(argv, env=clean_environment(), start_new_session=True,
                              stderr=subprocess.DEVNULL) as server:
            try:
                wait_until_up(server, port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()
    finally:
        run_tool("rm", "-rf", "--", prefix)
