"""An HTTP server that costs little: `python -m tests.bench.answering PORT…` answers 200 and "ok" on every address.

One epoll and no framework, so that what asks it is measured, and not this.
"""

import select
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
BACKLOG = 4096


class Server:
    """Listens on every port given, and prints a line when it does."""

    def __init__(self, ports: list[int]) -> None:
        self._epoll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self._listeners: dict[int, socket.socket] = {}
        for port in ports:
            listener = socket.create_server(("0.0.0.0", port), backlog=BACKLOG)
            listener.setblocking(False)
            self._listeners[listener.fileno()] = listener
            self._epoll.register(listener.fileno(), select.EPOLLIN)

    def ports(self) -> list[int]:
        return [listener.getsockname()[1] for listener in self._listeners.values()]

    def run(self) -> None:
        while True:
            for number, _ in self._epoll.poll():
                if number in self._listeners:
                    self._accept(self._listeners[number])
                else:
                    self._answer(number)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            self._open[connection.fileno()] = connection
            self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _answer(self, number: int) -> None:
        connection = self._open[number]
        try:
            if connection.recv(4096):
                connection.send(ANSWER)
                return
        except OSError:
            pass
        del self._open[number]
        connection.close()


if __name__ == "__main__":
    server = Server([int(text) for text in sys.argv[1:]])
    print("listening on", *server.ports(), flush=True)
    server.run()
