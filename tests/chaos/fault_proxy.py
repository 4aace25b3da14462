"""A TCP proxy between a node and PostgreSQL that does wrong on demand. A process of its own: `FaultProxy` starts it and
tells it what to do over a control socket.

It reads the messages of PostgreSQL's protocol, so that a fault strikes at a known place. A *request* is what a client sends
up to a Sync or a simple query; its *reply* ends with ReadyForQuery. One-shot faults are armed, and the next requests whose
bytes contain `match` take them:

    cut_request            nothing of the request arrives
    cut_in_request         half of it arrives
    cut_before_reply       it is done, and nothing of the reply comes back
    cut_in_reply           it is done, and half of the reply comes back
    cut_after_reply        it is done and answered, then the connection is gone
    late                   the client loses the connection, and the request arrives `ms` later: after what the client sends
                           on its next connection meanwhile
    duplicate              all that the client sent on this connection is sent once more, on a connection of its own; a request
                           on a connection that sent more than is recorded does not take it

TCP neither doubles nor reorders bytes of a connection, and the protocol rests on that, so chunks of one connection are
never shuffled: only PostgreSQL's parser would be tried. What does happen is that statements of *different* connections
overtake each other, and that one arrives again (a client's repetition, a proxy on the way); `late` and `duplicate` are those.

States last until `heal`:

    delay      each message waits `ms`, both ways
    stall      nothing moves, new connections are accepted; after heal all of it arrives, late
    half_open  likewise, but after heal these connections are cut without a byte more

The broker needs no proxy: the paper broker lives in the node's process, and its fault switches (broker_faults.* of the
settings: reject, slow, hang, drop, late, double) stand for everything that a connection to a broker can do."""
import argparse
import asyncio
import collections
import json
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile

CUTS = ("cut_request", "cut_in_request", "cut_before_reply", "cut_in_reply", "cut_after_reply")
FAULTS = CUTS + ("late", "duplicate")
RECORDED_BYTES_MAX = 8 << 20  # beyond it a connection cannot be doubled any more
COUNTED_WHEN_DONE = ("duplicate",)  # the others are done with certainty once a request has taken them
MESSAGE_BYTES_MAX = 256 << 20
DRAIN_S = 10
REPLY_END = b"Z"
UNTYPED, SYNC, QUERY, FLUSH, TERMINATE = b"", b"S", b"Q", b"H", b"X"
ANSWERED = (UNTYPED, SYNC, QUERY)  # what PostgreSQL answers up to REPLY_END


class Framer:
    """Bytes of one direction in, whole messages out: (type, bytes). The first message of a client has no type."""

    def __init__(self, untyped_first):
        self.untyped = untyped_first
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        while True:
            skip = 0 if self.untyped else 1
            if len(self.buffer) < skip + 4:
                return
            (length,) = struct.unpack_from("!I", self.buffer, skip)
            if not 4 <= length <= MESSAGE_BYTES_MAX:
                raise ValueError(f"a message of {length} bytes")
            if len(self.buffer) < skip + length:
                return
            kind = UNTYPED if self.untyped else bytes(self.buffer[:1])
            whole = bytes(self.buffer[:skip + length])
            del self.buffer[:skip + length]
            self.untyped = False
            yield kind, whole


class Link:
    """One client's connection and its own one to PostgreSQL."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.upstream_reader = self.upstream_writer = None
        self.replies = collections.deque()  # the fault of each request whose reply has not come
        self.sent = bytearray()  # None when it is too much to be sent again
        self.client_is_gone = False

    async def run(self):
        self.upstream_reader, self.upstream_writer = await asyncio.open_unix_connection(self.proxy.upstream)
        ways = [asyncio.create_task(self._requests()), asyncio.create_task(self._replies())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.cut()

    def cut(self):
        if self.upstream_writer is not None:
            self.upstream_writer.close()
        self.cut_client()

    def cut_client(self):
        if self.client_is_gone:
            return
        self.client_is_gone = True
        if self.proxy.dice.random() < 0.5:  # a reset, where otherwise it is an end like another
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _requests(self):
        framer = Framer(untyped_first=True)
        request = bytearray()
        while data := await self.reader.read(1 << 16):
            for kind, message in framer.feed(data):
                await self.proxy.passage()
                request += message
                if kind in ANSWERED or kind in (FLUSH, TERMINATE):
                    await self._request(bytes(request), expects_reply=kind in ANSWERED)
                    request.clear()

    async def _request(self, request, expects_reply):
        if self.sent is not None:
            self.sent += request
            if len(self.sent) > self.proxy.recorded_bytes_max:
                self.sent = None
        fault, after_s = self.proxy.take(request, can_repeat=self.sent is not None) if expects_reply else (None, 0)
        if fault == "cut_request":
            raise ConnectionAbortedError
        if fault == "cut_in_request":
            self.upstream_writer.write(request[:len(request) // 2])
            await self.upstream_writer.drain()
            raise ConnectionAbortedError
        if fault == "late":
            self.cut_client()
            await asyncio.sleep(after_s)
        if expects_reply:
            self.replies.append(fault)
        self.upstream_writer.write(request)
        await self.upstream_writer.drain()
        if fault == "late":
            await asyncio.sleep(DRAIN_S)  # until the reply ends the connection

    async def _replies(self):
        framer = Framer(untyped_first=False)
        held = bytearray()
        while data := await self.upstream_reader.read(1 << 16):
            for kind, message in framer.feed(data):
                await self.proxy.passage()
                fault = self.replies[0] if self.replies else None
                if fault in ("cut_before_reply", "cut_in_reply", "late"):
                    held += message
                elif not self.client_is_gone:
                    self.writer.write(message)
                    await self.writer.drain()
                if kind == REPLY_END and self.replies:
                    self.replies.popleft()
                    await self._replied(fault, bytes(held))

    async def _replied(self, fault, held):
        if fault == "duplicate" and self.sent is not None:
            self.proxy.spawn(self.proxy.repeat(bytes(self.sent)))
        if fault == "cut_in_reply":
            self.writer.write(held[:len(held) // 2])
            await self.writer.drain()
        if fault in ("cut_before_reply", "cut_in_reply", "cut_after_reply", "late"):
            raise ConnectionAbortedError


class Proxy:
    def __init__(self, upstream, seed, recorded_bytes_max):
        self.upstream = upstream
        self.recorded_bytes_max = recorded_bytes_max
        self.dice = random.Random(seed)
        self.links = set()
        self.tasks = set()
        self.armed = []
        self.taken = collections.Counter()
        self.requests = 0
        self.delay_s = 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.cut_at_heal = False

    def spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task):
        self.tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not isinstance(failure, (OSError, ValueError)):
            raise failure

    async def serve(self, reader, writer):
        link = Link(self, reader, writer)
        self.links.add(link)
        try:
            await link.run()
        except OSError:  # PostgreSQL is away
            link.cut_client()
        finally:
            self.links.discard(link)

    async def passage(self):
        """What every message waits for."""
        await self.flowing.wait()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)

    def take(self, request, can_repeat):
        """The armed fault for this request, and its time."""
        self.requests += 1
        for one in self.armed:
            if one["match"].encode() not in request or (one["fault"] == "duplicate" and not can_repeat):
                continue
            one["times"] -= 1
            if one["times"] <= 0:
                self.armed.remove(one)
            self.taken[one["fault"]] += one["fault"] not in COUNTED_WHEN_DONE
            return one["fault"], one["ms"] / 1000
        return None, 0

    async def repeat(self, sent):
        """All bytes of a connection once more, on another; its replies are read and nobody sees them."""
        reader, writer = await asyncio.open_unix_connection(self.upstream)
        try:
            writer.write(sent)
            both = asyncio.gather(writer.drain(), self._count_replies(reader, requests_in(sent)))
            await asyncio.wait_for(both, DRAIN_S)
        except asyncio.TimeoutError:
            pass
        finally:
            writer.close()

    async def _count_replies(self, reader, expected):
        """It was repeated when PostgreSQL has answered all of it."""
        framer = Framer(untyped_first=False)
        while expected > 0 and (data := await reader.read(1 << 16)):
            expected -= sum(kind == REPLY_END for kind, _ in framer.feed(data))
            self.taken["duplicate"] += expected <= 0

    def heal(self):
        self.armed.clear()
        self.delay_s = 0
        if self.cut_at_heal:
            self.cut_all()
        self.cut_at_heal = False
        self.flowing.set()

    def cut_all(self):
        for link in list(self.links):
            link.cut()

    def obey(self, order):
        what = order["do"]
        if what == "arm":
            if order["fault"] not in FAULTS:
                raise ValueError(order["fault"])
            self.armed.append({"match": "", "times": 1, "ms": 0, **order})
        elif what == "delay":
            self.delay_s = order["ms"] / 1000
        elif what in ("stall", "half_open"):
            self.flowing.clear()
            self.cut_at_heal = what == "half_open"
        elif what == "cut_all":
            self.cut_all()
        elif what == "heal":
            self.heal()
        elif what != "stats":
            raise ValueError(what)
        return {"connections": len(self.links), "requests": self.requests, "taken": dict(self.taken),
                "armed": sum(one["times"] for one in self.armed)}

    async def control(self, reader, writer):
        try:
            while line := await reader.readline():
                try:
                    answer = self.obey(json.loads(line))
                except (ValueError, KeyError) as failure:
                    answer = {"refused": repr(failure)}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


def requests_in(sent):
    """How many requests there are that PostgreSQL answers up to REPLY_END."""
    return sum(kind in ANSWERED for kind, _ in Framer(untyped_first=True).feed(sent))


async def run(arguments):
    proxy = Proxy(arguments.upstream, arguments.seed, arguments.recorded_bytes_max)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    await asyncio.start_unix_server(proxy.control, arguments.control)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # whoever started it is gone


class FaultProxy:
    """Starts the process. The connection string for a node is `conninfo(database)`."""

    def __init__(self, upstream, seed=1, recorded_bytes_max=RECORDED_BYTES_MAX):
        self.directory = tempfile.TemporaryDirectory(prefix="stocksblitz-proxy.")
        control = pathlib.Path(self.directory.name) / "control"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--upstream", str(upstream), "--control", str(control), "--seed", str(seed),
             "--recorded-bytes-max", str(recorded_bytes_max)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        first = self.process.stdout.readline()
        assert first, "the proxy does not start"
        self.port = int(first)
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(30)
        self.connection.connect(str(control))
        self.answers = self.connection.makefile("rb")

    def conninfo(self, database):
        return f"host=127.0.0.1 port={self.port} sslmode=disable gssencmode=disable dbname={database} user=stocksblitz"

    def tell(self, what, **more):
        """Sends one order; the answer has `connections`, `requests` and how often each fault was `taken`: done, where it can fail."""
        self.connection.sendall(json.dumps({"do": what, **more}).encode() + b"\n")
        answer = json.loads(self.answers.readline())
        assert "refused" not in answer, answer
        return answer

    def arm(self, fault, match="", times=1, ms=0):
        return self.tell("arm", fault=fault, match=match, times=times, ms=ms)

    def heal(self):
        return self.tell("heal")

    def taken(self):
        return collections.Counter(self.tell("stats")["taken"])

    def close(self):
        self.answers.close()
        self.connection.close()
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)
        self.process.stdout.close()
        self.directory.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recorded-bytes-max", type=int, default=RECORDED_BYTES_MAX)
    asyncio.run(run(parser.parse_args()))
