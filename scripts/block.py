#!/usr/bin/env python3
"""Decodes one block of a compact snapshot; see PROTOCOL-COMPACT.md. Standard library only.
A member is a list [id, x, y, state, motion x, motion y, kind]. What a client must refuse is a ValueError.
Run by itself it decodes the test vectors on its standard input: python3 scripts/block.py < tests/blocks/vectors.jsonl
"""
import json, sys

MEMBERS_MAX, BYTES_MAX = 64, 2048
LENGTHS = [  # of the code words of each shape, by symbol
    [1, 3, 7, 9, 2, 5, 9, 9, 7, 9, 10, 10, 9, 9, 9, 4], [1, 3, 6, 10, 2, 4, 7, 10, 6, 7, 9, 10, 10, 10, 10, 7],
    [1, 3, 7, 8, 2, 4, 9, 8, 7, 8, 9, 8, 8, 8, 8, 6], [1, 3, 4, 9, 3, 4, 6, 9, 4, 5, 8, 10, 9, 9, 10, 9],
    [2, 3, 5, 8, 2, 3, 5, 8, 4, 5, 7, 8, 8, 8, 8, 4], [2, 3, 4, 6, 3, 3, 4, 6, 4, 4, 5, 7, 6, 6, 7, 6],
    [3, 3, 4, 4, 3, 4, 4, 5, 4, 4, 5, 5, 4, 5, 5, 5]]
EXCESS_BITS = [4, 3, 1, 0, 3, 0, 0]  # of each shape

def signed(value, bits=32):  # goes around
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)

def unzigzag(folded):
    return -(folded + 1 >> 1) if folded & 1 else folded >> 1

def unzigzag_motion(folded):
    motion = unzigzag(folded)
    require(motion == signed(motion, 16), "a motion outside 16 bits")
    return motion

def require(is_so, otherwise):
    if not is_so:
        raise ValueError(otherwise)

def canonical(lengths):
    codes, code, last = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths)):
        code <<= length - last
        codes[length, code], code, last = symbol, code + 1, length
    return codes

CODES = [canonical(lengths) for lengths in LENGTHS]

class Bits:
    def __init__(self, data):
        self.value, self.left = int.from_bytes(data, "little"), len(data) * 8
    def take(self, width):
        require(width <= self.left, "the block ends too early")
        taken, self.value, self.left = self.value % (1 << width), self.value >> width, self.left - width
        return taken
    def gamma(self):
        width = 0
        while not self.take(1):
            width += 1
        require(width < 32, "a number of more than 32 bits")
        return (1 << width) + self.take(width)
    def subset(self, n):
        count, width = self.gamma(), max(n - 1, 0).bit_length()
        require(count <= n, "a subset of more than there are")
        is_listed = count * width <= n
        chosen = [self.take(width) for _ in range(count)] if is_listed else [i for i in range(n) if self.take(1)]
        require(len(chosen) == count and chosen == sorted(set(chosen)) and chosen[-1] < n, "no subset")
        return chosen
    def ranks(self, table):
        shift, shape = (0, table - 1) if table < 8 else ((table - 6) // 2, 5 + table % 2)
        length, code, extra = 1, self.take(1), EXCESS_BITS[shape]
        while (length, code) not in CODES[shape]:
            length, code = length + 1, code * 2 + self.take(1)
        symbol = CODES[shape][length, code]
        high = [c if c < 3 else 3 + (self.gamma() - 1 << extra | self.take(extra)) for c in (symbol & 3, symbol >> 2)]
        return [part << shift | self.take(shift) for part in high]

def decode(data, cluster_bits, baseline):
    """The block at the start of data: its cluster, its members, {id: cluster or None} of those who left, its length.
    baseline(cluster, age) gives the members that are held of `age` ticks ago, None if nothing is held of then."""
    bits = Bits(data := data[:BYTES_MAX])
    cluster, age = bits.take(cluster_bits), bits.take(6)
    was = baseline(cluster, age) if age else []
    require(was is not None, "a baseline that is not held")
    has_left, has_entered, has_motion, has_state = (bits.take(1) for _ in range(4))
    left = bits.subset(len(was)) if has_left else []
    departed = {was[index][0]: bits.take(cluster_bits) if bits.take(1) else None for index in left}
    members = [list(member) for member in was if member[0] not in departed]
    if has_motion:
        changed, width = bits.subset(len(members)), bits.take(5)
        for index, part in ((index, part) for index in changed for part in (4, 5)):
            members[index][part] = signed(members[index][part] + unzigzag_motion(bits.take(width)), 16)
    if has_state:
        changed, width = bits.subset(len(members)), bits.take(5) + 1
        for index in changed:
            members[index][3] = bits.take(width)
    if members:
        ticks, table = age * bits.take(1), bits.take(5)
        movers = [] if not table else bits.subset(len(members)) if bits.take(1) else range(len(members))
        for index, member in enumerate(members):
            for axis, rank in enumerate(bits.ranks(table) if index in movers else [0, 0]):
                led = member[4 + axis] * ticks
                whole, off = led + 8 >> 4, unzigzag(rank)
                member[1 + axis] = signed(member[1 + axis] + whole + (off if led < whole * 16 else -off))
    if has_entered:
        count, id_width, place_width = bits.gamma(), bits.take(5) + 1, bits.take(5) + 1
        require(count + len(members) <= MEMBERS_MAX, "too many members")
        motion_width, is_special = bits.take(5), bits.take(1)
        mean = [was[0][a] + sum(signed(m[a] - was[0][a]) for m in was) // len(was) for a in (1, 2) if was]
        origin = mean or [bits.take(32), bits.take(32)]
        for _ in range(count):
            member = [bits.take(id_width)] + [signed(o + unzigzag(bits.take(place_width))) for o in origin]
            motion = [unzigzag_motion(bits.take(motion_width)) for _ in range(2)]
            kind, state = (bits.take(8), bits.take(32)) if is_special else (0, 0)
            members.append(member + [state] + motion + [kind])
    require(len({member[0] for member in members}) == len(members), "an id twice")
    require(bits.take(bits.left % 8) == 0, "padding that is not zeros")
    return cluster, members, departed, len(data) - bits.left // 8

if __name__ == "__main__":
    for v in (vectors := [json.loads(line) for line in sys.stdin]):
        read = decode(bytes.fromhex(v["hex"]), v["cluster_bits"], lambda cluster, age: v["was"])
        expected = v["cluster"], v["is"], {d["id"]: d["to"] for d in v["departed"]}, len(v["hex"]) // 2
        assert read == expected, f"{read} is not {expected}"
    print(len(vectors), "blocks decoded")
