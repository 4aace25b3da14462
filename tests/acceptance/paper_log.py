"""The paper broker's own book, read independently of the product: what the broker was really told."""
import collections
import zlib


class PaperLog:
    """`placed` has a list of broker numbers for each order id: more than one is a doubled order."""

    def __init__(self, path):
        self.placed = collections.defaultdict(list)
        self.rejected = collections.defaultdict(list)
        self.blocked = set()
        self.fills = collections.defaultdict(dict)  # broker number → {fill id: quantity}
        self.repeated = 0
        self.closed = {}  # broker number → how
        self.orders = {}  # broker number → fields
        if not path.exists():
            return
        lines = path.read_bytes().split(b"\n")
        for line in lines[1:-1]:  # after the header; a torn last line has no newline
            checksum, rest = line[:8], line[8:]
            assert int(checksum, 16) == zlib.crc32(rest), line
            self._take(rest.decode("ascii").split(" ")[2:])

    def _take(self, fields):
        kind, first = fields[0], fields[1]
        if kind == "placed":
            self.placed[fields[2]].append(int(first))
            self.orders[int(first)] = {"order_id": fields[2], "account": int(fields[4]), "symbol": fields[6], "side": fields[7],
                                       "quantity": int(fields[11])}
        elif kind == "rejected":
            self.rejected[fields[3]].append(int(first))
        elif kind == "filled":
            assert fields[3] not in self.fills[int(first)], f"fill {fields[3]} twice"
            self.fills[int(first)][fields[3]] = int(fields[4])
        elif kind == "repeated":
            self.repeated += 1
        elif kind == "blocked":
            self.blocked.add(first)
        else:
            assert kind in ("canceled", "expired", "revoked"), kind
            self.closed[int(first)] = kind

    def doubled(self):
        return {order: numbers for order, numbers in self.placed.items() if len(numbers) > 1}

    def filled_quantity(self, order_id):
        return sum(sum(self.fills[number].values()) for number in self.placed.get(order_id, []))
