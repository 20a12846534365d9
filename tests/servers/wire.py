# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 messages as they stand on the wire, for servers that must be able to spoil them."""
import socket
import struct

CHUNK_BYTES = 256 << 10
HEAD_BYTES_MAX = 1 << 20


class Broken(Exception):
    """The peer went away, or what it sends is no HTTP."""


class Head:
    """A start line and headers, with all their bytes as received."""

    def __init__(self, data):
        lines = data.decode("latin-1").split("\r\n")
        self.start = lines[0]
        self.headers = [tuple(line.split(":", 1)) for line in lines[1:] if ":" in line]

    def get(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value.strip()
        return default

    def remove(self, name):
        self.headers = [(key, value) for key, value in self.headers if key.lower() != name.lower()]

    def set(self, name, value):
        self.remove(name)
        self.headers.append((name, f" {value}"))

    def encoded(self):
        lines = [self.start, *(f"{key}:{value}" for key, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Request(Head):
    def __init__(self, data):
        super().__init__(data)
        parts = self.start.split(" ")
        if len(parts) != 3:
            raise Broken(f"no request: {self.start!r}")
        self.method, self.target, self.version = parts
        self.path, _, self.query = self.target.partition("?")

    def framing(self):
        if "chunked" in self.get("Transfer-Encoding", "").lower():
            return "chunked"
        return int(self.get("Content-Length", "0"))

    def closes(self):
        return self.version == "HTTP/1.0" or self.get("Connection", "").lower() == "close"


class Response(Head):
    def __init__(self, data):
        super().__init__(data)
        try:
            self.status = int(self.start.split(" ")[1])
        except (IndexError, ValueError):
            raise Broken(f"no response: {self.start!r}") from None

    def framing(self, method):
        """How long the body is: in bytes, "chunked", or None if the end of the connection tells."""
        if method == "HEAD" or self.status in (204, 304) or self.status < 200:
            return 0
        if "chunked" in self.get("Transfer-Encoding", "").lower():
            return "chunked"
        length = self.get("Content-Length")
        return None if length is None else int(length)


class Stream:
    """A socket, with what was read of it too early."""

    def __init__(self, sock):
        self.sock = sock
        self.early = bytearray()
        self.room = bytearray(CHUNK_BYTES)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Broken(f"send: {error}") from None

    def receive(self, most):
        """At most so many bytes, as a view that is valid until the next call; empty at the end."""
        if self.early:
            data = bytes(self.early[:most])
            del self.early[:most]
            return memoryview(data)
        try:
            got = self.sock.recv_into(self.room, min(most, CHUNK_BYTES))
        except OSError as error:
            raise Broken(f"receive: {error}") from None
        return memoryview(self.room)[:got]

    def read_until(self, mark):
        """Everything up to and with a mark; None at the end of the connection."""
        found = self.early.find(mark)
        while found < 0:
            if len(self.early) > HEAD_BYTES_MAX:
                raise Broken("too long a head")
            try:
                data = self.sock.recv(65536)
            except OSError as error:
                raise Broken(f"receive: {error}") from None
            if not data:
                if self.early:
                    raise Broken("the end within a head")
                return None
            start = max(0, len(self.early) - len(mark))
            self.early += data
            found = self.early.find(mark, start)
        text = bytes(self.early[:found + len(mark)])
        del self.early[:len(text)]
        return text

    def pieces(self, framing):
        """The body without its framing, piece by piece."""
        if framing == "chunked":
            yield from self.chunks()
            return
        left = CHUNK_BYTES if framing is None else framing
        while left > 0:
            data = self.receive(left)
            if not data and framing is not None:
                raise Broken("the end within a body")
            if not data:
                return
            if framing is not None:
                left -= len(data)
            yield data

    def chunks(self):
        while True:
            line = self.read_until(b"\r\n")
            size = int((line or b"x").split(b";")[0], 16)
            if size == 0:
                while self.read_until(b"\r\n") not in (b"\r\n", None):
                    pass
                return
            yield from self.pieces(size)
            self.read_until(b"\r\n")

    def at_end(self):
        """Whether the peer closed an idle connection."""
        self.sock.setblocking(False)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.sock.setblocking(True)

    def close(self):
        self.sock.close()

    def reset(self):
        """End as a process that died: RST instead of FIN."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.sock.close()


def encode_piece(framing, piece):
    if framing != "chunked":
        return piece
    return b"%x\r\n" % len(piece) + bytes(piece) + b"\r\n"


def encode_end(framing):
    return b"0\r\n\r\n" if framing == "chunked" else b""
