"""End connections that answer too slowly.

Timeouts of sockets restart with each byte, so a server that sends a byte per second, or responses
`100 Continue` without end, would hold a client for days. Here a connection is shut down by another
thread if it is not established, or its response has no complete header, in a given time.
"""

import contextlib
import socket
import threading
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

SOCKET = "resed_socket"  # attribute of a response: the socket that its body arrives on


class Cutoff:
    """A context that shuts a socket down if it lasts longer than `seconds`; `restart` begins anew.

    `fired` is whether it has.
    """

    def __init__(self, connection: socket.socket | None, seconds: float) -> None:
        self._socket, self._seconds = connection, seconds
        self.fired = False
        self._timer: threading.Timer | None = None

    def __enter__(self) -> "Cutoff":
        self.restart()
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def restart(self) -> None:
        """Begin the time anew."""
        self.cancel()
        self._timer = threading.Timer(self._seconds, self._shut_down)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """Stop the time."""
        if self._timer:
            self._timer.cancel()

    def _shut_down(self) -> None:
        self.fired = True
        if self._socket is not None:
            # Of the plain socket: the reader of a TLS connection gets the end of the stream.
            with contextlib.suppress(OSError):  # closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _WithDeadline:
    """A connection of which connecting and the header of each response have a deadline."""

    seconds = 60.0
    sock: Any

    # type: ignore, because super() is the connection of urllib3 that stands beside this class.
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()  # type: ignore[misc]
        self._cutoff = Cutoff(made, self.seconds)
        self._cutoff.restart()
        return made

    def connect(self) -> None:
        """Connect, including TLS."""
        self._cutoff: Cutoff | None = None
        try:
            super().connect()  # type: ignore[misc]
        except Exception as error:
            self._raise_if_late(self._cutoff, error)
            raise
        finally:
            if self._cutoff:
                self._cutoff.cancel()

    def getresponse(self) -> Any:
        """The response with its header; the body has not been read."""
        connection = self.sock
        with Cutoff(connection, self.seconds) as cutoff:
            try:
                answer = super().getresponse()  # type: ignore[misc]
            except Exception as error:
                self._raise_if_late(cutoff, error)
                raise
        setattr(answer, SOCKET, connection)
        return answer

    @staticmethod
    def _raise_if_late(cutoff: Cutoff | None, error: Exception) -> None:
        if cutoff and cutoff.fired:
            raise TimeoutError("timed out: no complete answer") from error


def bounded_session(seconds: float) -> requests.Session:
    """A session whose connections have deadlines of `seconds`."""

    class _Connection(_WithDeadline, HTTPConnection): ...

    class _TLSConnection(_WithDeadline, HTTPSConnection): ...

    class _Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = _Connection

    class _TLSPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = _TLSConnection

    class _Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
            super().init_poolmanager(*arguments, **settings)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *arguments: Any, **settings: Any) -> Any:
            manager = super().proxy_manager_for(*arguments, **settings)
            manager.pool_classes_by_scheme = pools
            return manager

    pools = {"http": _Pool, "https": _TLSPool}
    _Connection.seconds = _TLSConnection.seconds = seconds
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session
