# SPDX-License-Identifier: Apache-2.0
"""Daemons that live no longer than the test run that needs them.

`main` gives a script two commands, `start DIR [PID]` and `stop DIR`. start
leaves a keeper behind, one process that is the parent of all daemons. It
kills them, the last started first, and removes DIR, which must not have been
there or have been empty, when it is told to stop or when process PID (by
default the caller of start) is gone. The daemons run in the foreground and are
killed by the kernel should the keeper itself die, so that nothing is ever left
behind. No process is looked for by its name.
"""
import contextlib
import ctypes
import fcntl
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback

START_SECONDS = 60
# What runs on this machine is not reached through a proxy.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.lower().endswith("_proxy")}
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class ServerError(Exception):
    """A server could not be started; the message says why."""


def write_file(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def free_port():
    """A port of 127.0.0.1 below those that the kernel gives to outgoing connections."""
    for _ in range(200):
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise ServerError("no free port on 127.0.0.1")


def run(argv):
    """Run a command to its end and return its output; what it said if it fails."""
    try:
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, check=False,
                                timeout=START_SECONDS, preexec_fn=become_daemon,
                                env=ENVIRONMENT)
    except OSError as error:
        raise ServerError(f"{argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ServerError(f"{shlex.join(argv)}: not done in {START_SECONDS} s") from error
    if result.returncode:
        raise ServerError(f"{shlex.join(argv)}: exit code {result.returncode}\n{result.stdout}")
    return result.stdout


def become_daemon():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Keeper:
    def __init__(self, directory):
        self.directory = directory
        self.daemons = []

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def spawn(self, name, argv):
        """Start a daemon that stays in the foreground; it writes to DIR/log/NAME.out."""
        os.makedirs(self.path("log"), exist_ok=True)
        with open(self.path("log", name + ".out"), "wb") as log:
            try:
                daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          preexec_fn=become_daemon, env=ENVIRONMENT)
            except OSError as error:
                raise ServerError(f"{argv[0]}: {error.strerror}") from error
        self.daemons.append((name, daemon))

    def wait_until(self, what, ready):
        """Call `ready` until it is true; an error if that takes long or a daemon has ended."""
        end = time.monotonic() + START_SECONDS
        while not ready():
            for name, daemon in self.daemons:
                if daemon.poll() is not None:
                    raise ServerError(f"{name} ended with {daemon.returncode}\n{self.logs(name)}")
            if time.monotonic() > end:
                raise ServerError(f"no {what} after {START_SECONDS} s\n{self.logs('')}")
            time.sleep(0.02)

    def wait_port(self, port, address="127.0.0.1"):
        def is_open():
            with socket.socket() as probe:
                return probe.connect_ex((address, port)) == 0
        self.wait_until(f"server at {address}:{port}", is_open)

    def logs(self, prefix):
        """The ends of the logs, for a message."""
        lines = []
        for name in sorted(os.listdir(self.path("log"))):
            if name.startswith(prefix):
                with open(self.path("log", name), encoding="utf-8", errors="replace") as log:
                    lines += [f"{name}: {line.rstrip()}" for line in log.readlines()[-10:]]
        return "\n".join(lines)

    def write_env(self, values):
        """DIR/env: assignments for a shell. It appears when all is ready."""
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
        with open(self.path("env.new"), "w", opener=private, encoding="utf-8") as file:
            file.writelines(lines)
        os.rename(self.path("env.new"), self.path("env"))

    def stop(self):
        """Nothing that they keep is worth an orderly end, which takes some of them seconds."""
        for _, daemon in reversed(self.daemons):
            daemon.kill()
            daemon.wait()
        self.daemons = []


def private(path, flags):
    return os.open(path, flags, 0o600)


def process_start(pid):
    """When a process started, in the kernel's ticks; None if it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def keep(directory, owner, set_up, answer):
    """The keeper's life. Answers "ok" or an error once, through the descriptor `answer`."""
    started = process_start(owner)
    keeper = Keeper(directory)
    message = "ok"
    try:
        set_up(keeper)
    except ServerError as error:
        message = str(error)
    except Exception:  # the caller must hear of it, whatever it is
        message = traceback.format_exc()
    with contextlib.suppress(BrokenPipeError):
        os.write(answer, message.encode())
    os.close(answer)
    while message == "ok":
        if started is None or process_start(owner) != started:
            break
        if signal.sigtimedwait(SIGNALS, 0.5):
            break
    keeper.stop()
    shutil.rmtree(directory, ignore_errors=True)


def start(directory, owner, set_up):
    os.makedirs(directory, mode=0o700, exist_ok=True)
    if os.listdir(directory):
        raise ServerError(f"{directory} is not empty")
    lock = os.open(os.path.join(directory, "pid"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with open(reader, encoding="utf-8") as pipe:
            message = pipe.read()
        if message != "ok":
            raise ServerError(message or "the keeper died")
        return
    # From here on this is the keeper. Descriptors of the caller must not stay open in it: those
    # who read its output, or wait for its locks, would wait for the servers' end.
    os.setsid()
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    held = {lock, writer}
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in held:
            with contextlib.suppress(OSError):
                os.close(int(name))
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    try:
        keep(directory, owner, set_up, writer)
    finally:
        os._exit(0)


def stop(directory):
    """End the keeper of DIR, if there is one, and wait until all is gone."""
    try:
        lock = os.open(os.path.join(directory, "pid"), os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        # Who holds the lock is alive, so its number is not another process's by now.
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        os.kill(int(os.read(lock, 20)), signal.SIGTERM)
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        os.close(lock)


def make_certificate(keeper):
    """A CA and a server's certificate for this run; returns (CA, certificate, key)."""
    paths = [keeper.path(name) for name in ("ca.pem", "server.pem", "server.key")]
    authority, certificate, key = paths
    config = keeper.path("openssl.cnf")
    write_file(config, "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=xcache test server\n"
               "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
               "subjectKeyIdentifier=hash\n"
               "[server]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
               "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
               "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:s3.localhost,DNS:*.s3.localhost\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run(["openssl", "req", "-x509", "-config", config, *new_key, "-days", "2",
         "-subj", "/CN=xcache test CA", "-extensions", "ca",
         "-keyout", keeper.path("ca.key"), "-out", authority])
    run(["openssl", "req", "-new", "-config", config, *new_key, "-keyout", key,
         "-out", keeper.path("server.csr")])
    run(["openssl", "x509", "-req", "-in", keeper.path("server.csr"), "-CA", authority,
         "-CAkey", keeper.path("ca.key"), "-set_serial", "1", "-days", "2",
         "-extfile", config, "-extensions", "server", "-out", certificate])
    return paths


def main(set_up):
    usage = f"usage: {sys.argv[0]} start DIR [PID] | stop DIR"
    if len(sys.argv) not in (3, 4):
        sys.exit(usage)
    directory = os.path.abspath(sys.argv[2])
    try:
        if sys.argv[1] == "start":
            owner = int(sys.argv[3]) if len(sys.argv) > 3 else os.getppid()
            start(directory, owner, set_up)
        elif sys.argv[1] == "stop":
            stop(directory)
        else:
            sys.exit(usage)
    except ServerError as error:
        sys.exit(f"{sys.argv[0]}: {error}")
