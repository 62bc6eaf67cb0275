#!/usr/bin/env python3
"""What an unauthenticated peer with the port can try, over real sockets; to see that none of it matters. Only against your own runs.

  attack.py flood   HOST PORT SECONDS [THREADS]  all of these by turns, as fast as it goes:
                                                 connections that end at once, that send garbage, half a greeting,
                                                 a good greeting and then garbage, frames that claim 2^60 bytes
  attack.py hold    HOST PORT SECONDS COUNT      keeps so many connections open that say nothing
  attack.py relay   LISTEN_PORT HOST PORT FILE   stands between one client and the port, and keeps what it sends
  attack.py replay  HOST PORT FILE COUNT         sends that again

Prints one JSON object with what came of it. Needs Python's standard library only.
"""
import itertools
import json
import select
import socket
import sys
import threading
import time

GREETING = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL".ljust(64, b"\0")
CURVE_GREETING = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE".ljust(64, b"\0")
PAYLOADS = [
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    bytes(range(256)) * 16,
    CURVE_GREETING[:20],
    GREETING + b"\xff" * 4096,
    CURVE_GREETING + b"\xff" * 4096,
    # A message, and a command, of 2^60 bytes.
    GREETING + b"\x02\x10\0\0\0\0\0\0\0" + b"x" * 4096,
    CURVE_GREETING + b"\x06\x10\0\0\0\0\0\0\0" + b"x" * 4096,
    # A HELLO of the right length, with nothing in it.
    CURVE_GREETING + b"\x04\xc8\x05HELLO\x01\0" + b"\0" * 192,
]


def connect(host, port, seconds=1.0):
    return socket.create_connection((host, int(port)), timeout=seconds)


def flood(host, port, seconds, threads="4"):
    until = time.monotonic() + float(seconds)
    counts = {"connected": 0, "refused": 0}
    lock = threading.Lock()

    def attack(first):
        connected = refused = 0
        for payload in itertools.islice(itertools.cycle(PAYLOADS), first, None):
            if time.monotonic() > until:
                break
            try:
                with connect(host, port, 0.5) as connection:
                    connected += 1
                    if payload:
                        connection.sendall(payload)
            except OSError:
                refused += 1
        with lock:
            counts["connected"] += connected
            counts["refused"] += refused

    workers = [threading.Thread(target=attack, args=(i,)) for i in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return counts


def hold(host, port, seconds, count):
    held, refused = [], 0
    until = time.monotonic() + float(seconds)
    while len(held) + refused < int(count) and time.monotonic() < until:
        try:
            held.append(connect(host, port, 0.2))
        except OSError:
            refused += 1
    time.sleep(max(0, until - time.monotonic()))
    ended = 0
    for connection in held:
        connection.setblocking(False)
        try:
            # Its greeting comes first.
            while connection.recv(4096):
                pass
            ended += 1
        except BlockingIOError:
            pass
        except OSError:
            ended += 1
    return {"connected": len(held), "refused": refused, "ended_by_the_other_side": ended}


def relay(listen_port, host, port, path):
    with socket.create_server(("", int(listen_port))) as listener:
        listener.settimeout(60)
        client, _ = listener.accept()
    sent = 0
    with client, connect(host, port) as server, open(path, "wb") as file:
        while True:
            readable, _, _ = select.select([client, server], [], [], 60)
            for side in readable:
                data = side.recv(65536)
                if not data:
                    return {"captured": sent}
                if side is client:
                    file.write(data)
                    file.flush()
                    sent += len(data)
                (server if side is client else client).sendall(data)
            if not readable:
                return {"captured": sent}


def replay(host, port, path, count):
    with open(path, "rb") as file:
        captured = file.read()
    answers, ended = [], 0
    for _ in range(int(count)):
        with connect(host, port, 10) as connection:
            try:
                connection.sendall(captured)
                received = 0
                while data := connection.recv(65536):
                    received += len(data)
                ended += 1
                answers.append(received)
            except ConnectionError:
                ended += 1
            except TimeoutError:
                pass
    return {"sent": len(captured), "times": int(count), "ended_by_the_other_side": ended, "bytes_back": answers[:3]}


COMMANDS = {"flood": flood, "hold": hold, "relay": relay, "replay": replay}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
