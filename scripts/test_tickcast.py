"""Tests of tickcast.py. With the address of a server, host:port, as the last argument it plays there too; with how far
that shows the world, --view=RADIUS, before it, only what is about that; with --talks, that its game says again what it
hears, and puts whoever goes beyond x = 1000 back there."""
import json
import pathlib
import random
import re
import struct
import sys
import time
import unittest

import tickcast

SERVER = sys.argv.pop() if ":" in sys.argv[-1] else None
VIEW = int(sys.argv.pop().partition("=")[2]) if sys.argv[-1].startswith("--view=") else None
TALKS = "--talks" in sys.argv and not sys.argv.remove("--talks")
PAGE = (pathlib.Path(__file__).parent.parent / "PROTOCOL.md").read_text()
VECTORS = pathlib.Path(__file__).parent.parent / "tests" / "blocks" / "vectors.jsonl"
PATIENCE_SECONDS = 20  # far more than it takes
EXAMPLES = [  # of PROTOCOL-COMPACT.md: tick and block
    (100, bytes.fromhex("03 80 68 08 c4 0c 00 00 c0 18 00 00 e0 46 50 80 e4 00 00 00")),
    (102, bytes.fromhex("03 02 24 1c")),
    (103, bytes.fromhex("03 c1 bc 20 38 4a c1 a1 06 3e")),
]


class LossySocket:
    """Drops what it receives, so many in a hundred, from a seed."""

    def __init__(self, inner, percent, seed):
        self.inner, self.percent, self.draw = inner, percent, random.Random(seed)

    def recv(self, size):
        while True:
            data = self.inner.recv(size)
            if self.draw.randrange(100) >= self.percent:
                return data

    def __getattr__(self, name):
        return getattr(self.inner, name)


def vector(name):
    """A datagram that the page shows."""
    lines = re.search(f"`{name}`\n\n```vector\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    return bytes.fromhex("".join(line.split()[0] for line in lines))


class WithServer(unittest.TestCase):
    def crowd(self, count, loss_percent=0):
        """So many clients, of either encoding in turn, all joined; they leave at the end of the test."""
        host, _, port = SERVER.rpartition(":")
        clients = []
        for client_id in range(100, 100 + count):
            encoding = ("plain", "compact")[client_id % 2]
            clients.append(client := tickcast.Client(host, port, client_id, encoding))
            client.socket = LossySocket(client.socket, loss_percent, seed=client_id)
            self.addCleanup(client.socket.close)
            self.addCleanup(client.leave)
            client.join()
        return clients

    def play(self, clients, place, is_done, what):
        """Moves all once a tick, to (x, y, state) by client id and round, until it is done."""
        end = time.monotonic() + PATIENCE_SECONDS
        for number in range(10**9):
            for client in clients:
                client.move(*place(client.client_id, number))
            for client in clients:
                client.snapshot()
            if is_done(number):
                return
            self.assertLess(time.monotonic(), end, f"waited in vain until {what}: {[c.known for c in clients]}")


@unittest.skipUnless(SERVER and not VIEW and not TALKS, "needs the address of a server that shows everything")
class Playing(WithServer):
    def meet(self, clients):
        """All walk about, some far from the others, and stand still; then all know the same world."""
        draw = random.Random(1)
        starts = {c.client_id: (draw.randrange(1000), draw.choice((0, 10**6, -2**31)), 0) for c in clients}
        def walking(client_id, number):
            x, y, _ = starts[client_id]
            return x + number * (client_id % 7), y + number, number // 10
        self.play(clients, walking, lambda number: number >= 40, "40 ticks have gone by")
        ends = {client_id: walking(client_id, 50) for client_id in starts}
        self.play(clients, lambda client_id, _: ends[client_id], lambda _: self.all_know(clients, ends), "all agree")
        return ends

    def all_know(self, clients, places):
        worlds = [{i: (p.x, p.y, p.state) for i, p in client.known.items()} for client in clients]
        return all(world == places for world in worlds)

    def leave_one(self, clients, places):
        gone = clients.pop()
        gone.leave()
        self.assertRaises(tickcast.Error, gone.move, 0, 0)
        del places[gone.client_id]
        stay = lambda client_id, _: places[client_id]
        self.play(clients, stay, lambda _: self.all_know(clients, places), "one is gone")

    def test_all_know_the_same_world_and_who_leaves_is_gone(self):
        clients = self.crowd(8)
        self.leave_one(clients, self.meet(clients))

    def test_lost_datagrams_cost_freshness_only(self):
        clients = self.crowd(6, loss_percent=20)
        self.leave_one(clients, self.meet(clients))

    def test_acknowledgements_are_believed(self):
        """Blocks lead from what was acknowledged: else everyone is told as if for the first time."""
        clients, ages, decode = self.crowd(5), [], tickcast.block.decode
        def spy(data, cluster_bits, baseline):
            ages.append(int.from_bytes(data[:4], "little") >> cluster_bits & 63)
            return decode(data, cluster_bits, baseline)
        tickcast.block.decode = spy
        self.addCleanup(setattr, tickcast.block, "decode", decode)
        self.play(clients, lambda client_id, number: (client_id, number), lambda number: number >= 20, "20 ticks")
        self.assertTrue(0 < ages.count(0) < len(ages) / 2, ages)

    def test_a_refusal_is_said_in_words(self):
        first, = self.crowd(1)
        host, _, port = SERVER.rpartition(":")
        second = tickcast.Client(host, port, first.client_id)
        self.addCleanup(second.socket.close)
        with self.assertRaisesRegex(tickcast.Refused, "another plays as this client id") as refused:
            second.join()
        self.assertEqual(refused.exception.reason, 2)


@unittest.skipUnless(SERVER and TALKS, "needs the address of a server whose game talks")
class Talking(WithServer):
    def test_what_is_said_comes_back_once_and_in_order(self):
        clients = self.crowd(4, loss_percent=20)
        said, heard, unreliable = ({c.client_id: [] for c in clients} for _ in range(3))
        def is_done(number):
            for client in clients:
                while client.messages:
                    message = client.messages.popleft()
                    (unreliable if message.startswith(b"u") else heard)[client.client_id].append(message)
                if number < 60:
                    said[client.client_id].append(b"%d" % number)
                    client.send(b"%d" % number)
                    client.send(b"u%d" % number, reliable=False)
            return number >= 60 and heard == said
        self.play(clients, lambda client_id, number: (client_id, number % 7, 0), is_done, "all has come back")
        for client in clients:
            once = unreliable[client.client_id]
            self.assertTrue(len(set(once)) == len(once) >= 20, once)
            self.assertEqual(list(client.lost), [])

    def test_a_player_that_is_put_elsewhere_goes_on_from_there(self):
        client, = self.crowd(1, loss_percent=20)
        corrected = []
        def is_put_back(_):
            corrected.append(client.correction)
            return client.correction == (1000, 3)
        self.play([client], lambda *_: (5000, 3, 0), is_put_back, "it is put back")
        is_there = lambda _: client.known[client.client_id][:2] == (999, 4)
        self.play([client], lambda *_: (999, 4, 0), is_there, "it goes on")
        self.assertFalse(client.correction, "it has been followed")

    def test_who_is_removed_is_told_why_and_stays_out_until_it_is_told_to_join(self):
        client, = self.crowd(1)
        client.send(b"remove me")
        with self.assertRaisesRegex(tickcast.Ended, "removed the player, for its reason 7") as ended:
            self.play([client], lambda *_: (0, 0, 0), lambda _: False, "it is removed")
        self.assertEqual((ended.exception.reason, ended.exception.detail), (tickcast.REMOVED, 7))
        self.assertRaisesRegex(tickcast.Error, "has to join first", client.snapshot)
        client.join()

    def test_what_is_too_long_is_said_in_words(self):
        client, = self.crowd(1)
        self.assertRaisesRegex(tickcast.Error, "1 to 260 bytes", client.send, bytes(261))
        with self.assertRaisesRegex(tickcast.Error, "Too much waits"):
            for _ in range(65):
                client.send(b"x")


class TakingIn(unittest.TestCase):
    def told(self, world, tick, clusters, left={}, is_partial=False, players=4):
        members = {c: [[i, i, 0, 0, 0, 0, 0] for i in ids] for c, ids in clusters.items()}
        world.take_in(tickcast.Snapshot(tick, 0, players), members, left, is_partial)
        return sorted(world.players)

    def test_who_left_before_its_entering_was_acknowledged_is_dropped_after_a_second(self):
        world = tickcast.World(second=30)
        self.told(world, 10, {3: [1, 2], 4: [5, 6]})
        for tick in range(11, 41):
            self.assertEqual(self.told(world, tick, {3: [1], 4: [5, 6]}), [1, 2, 5, 6])
        for tick in range(41, 50):
            known = self.told(world, tick, {3: [1], 4: [5, 6]})
        self.assertEqual(known, [1, 5, 6])

    def test_who_may_be_elsewhere_is_not_awaited(self):
        for left, is_partial in (({2: 4}, False), ({}, True)):
            world = tickcast.World(second=30)
            self.told(world, 10, {3: [1, 2]})
            self.told(world, 11, {3: [1]}, left, is_partial)
            for tick in range(12, 65):
                known = self.told(world, tick, {3: [1]}, is_partial=is_partial)
            self.assertEqual(known, [1, 2])
            self.assertEqual(self.told(world, 80, {3: [1]}), [1], "not told of for more than two seconds")

    def test_who_is_told_of_again_is_awaited_no_longer(self):
        world = tickcast.World(second=30)
        self.told(world, 10, {3: [1, 2]})
        for tick in range(11, 100):
            known = self.told(world, tick, {3: [1], 4: [2]} if tick % 25 == 0 else {3: [1]})
        self.assertEqual(known, [1, 2])

    def client(self):
        client = tickcast.Client("127.0.0.1", 9, 7)
        self.addCleanup(client.socket.close)
        client._on_welcome(tickcast.Welcome(*[1] * 15))
        return client

    def take_in(self, client, tick, block):
        """Whether a snapshot with this block is the newest one; who is known then, and where."""
        snapshot = client._take_in(tickcast.COMPACT, (tick, 0, 0, 2), b"\x08" + block)
        return snapshot is not None, {i: (p.x, p.y) for i, p in client.known.items()}

    def test_blocks_lead_from_what_has_arrived_and_only_that_is_acknowledged(self):
        client, (one, two, three) = self.client(), EXAMPLES
        self.assertEqual(client._arrived(), (0, 0))
        self.assertEqual(self.take_in(client, *one), (True, {7: (100, 200), 9: (104, 196)}))
        self.assertEqual(self.take_in(client, *three), (False, {7: (100, 200), 9: (104, 196)}), "it leads from two")
        self.assertEqual(client._arrived(), (100, 0))
        self.assertEqual(self.take_in(client, *two), (True, {7: (110, 200), 9: (104, 195)}))
        self.assertEqual(self.take_in(client, *three), (True, {7: (115, 200), 9: (104, 195), 12: (90, 210)}))
        self.assertEqual(client._arrived(), (103, 0b101))

    def test_a_late_datagram_is_a_baseline_and_no_more(self):
        client, (one, two, three) = self.client(), EXAMPLES
        self.take_in(client, *one)
        self.take_in(client, 104, b"")
        for late in (two, three):
            self.assertEqual(self.take_in(client, *late), (False, {7: (100, 200), 9: (104, 196)}))
        self.assertEqual(client._arrived(), (104, 0b1011))

    def test_mutated_datagrams_neither_break_nor_grow_anything(self):
        draw, client, seeds, taken = random.Random(7), self.client(), seed_datagrams(), 0
        for number in range(3000):
            data = bytearray(draw.choice(seeds))
            for _ in range(draw.choice((0, 1, 1, 3))):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            data = data[:draw.choice((len(data), draw.randrange(len(data)) + 1))]
            fields = (10**6 + number + draw.randrange(-70, 3), 0, 0, draw.randrange(2**32))
            tags = tickcast.PLAIN, tickcast.COMPACT, tickcast.PLAIN_EXTRAS
            taken += client._take_in(draw.choice(tags), fields, bytes(data)) is not None
            self.assertLessEqual(len(client.told), tickcast.BASELINE_TICKS + 1)
        self.assertTrue(50 < taken < 2900, taken)

    def test_extras_are_those_of_the_page(self):
        mail, datagram = tickcast.Mail(), vector("plain with extras, a correction and a message")
        header = tickcast.FORMS[tickcast.PLAIN_EXTRAS].size
        extras, rest = tickcast.split_extras(tickcast.PLAIN_EXTRAS, datagram[header:])
        self.assertEqual(extras, (2, -50, 40, 3, [(6, b"hello")]))
        clusters, _, _ = tickcast.decode_plain(rest)
        self.assertEqual([member[0] for member in clusters[None]], [7])
        mail.room, mail.received = 300, 5
        mail.take_in(extras, True, 0.5)
        self.assertEqual((mail.correction, list(mail.inbox), mail.received), ((-50, 40), [b"hello"], 6))
        mail.received, mail.last = 5, 2
        mail.send(b"hello", True)
        mail.send(b"hi", False)
        page = vector("long move, one of each")
        self.assertEqual(mail.behind_move(1.0), page[tickcast.MOVE_FORM.size:])
        self.assertEqual(mail.behind_move(1.2)[8:], b"", "they have been sent")
        self.assertEqual(mail.behind_move(1.3)[8:], page[56:67], "the reliable one again")
        mail.take_in((0, 0, 0, 3, []), True, 1.3)
        self.assertEqual((mail.behind_move(2.0), len(mail.waiting)), (b"", 0))

    def test_what_comes_before_its_turn_is_kept_until_then(self):
        mail = tickcast.Mail()
        take = lambda *numbers: mail.take_in((0, 0, 0, 0, [(number, bytes([number])) for number in numbers]), True, 0)
        take(3, 1, 3, 66, 1)
        self.assertEqual((list(mail.inbox), mail.received, list(mail.kept)), ([b"\1"], 1, [3]))
        take(2)
        self.assertEqual((list(mail.inbox), mail.received, list(mail.kept)), ([b"\1", b"\2", b"\3"], 3, []))

    def test_it_is_patient_as_answers_take(self):
        patience = tickcast.Patience()
        self.assertEqual([patience.after(times) for times in (1, 4, 5, 6, 99)], [0.25, 0.25, 0.5, 1, 1])
        for sequence in range(1, 101):
            patience.on_move(sequence, sequence * 0.3)
            patience.on_move(sequence + 1, 0)  # one at a time
            patience.on_applied(sequence - 1, 0, 0)
            patience.on_applied(sequence + 1, 1, sequence * 0.3 + 0.2)
            patience.on_move(sequence, 0)
            patience.on_applied(sequence + 1, 0, 9)  # it was refused
        self.assertAlmostEqual(patience.after(1), 0.3, 2)

    def test_a_level_is_read_to_the_last_byte(self):
        corners = struct.pack("<iiii", 0, -1, 511, 2)
        message = b"\x04\x08yard.tmx" + corners
        self.assertEqual(tickcast.level_of(message), ("yard.tmx", 0, -1, 511, 2))
        self.assertEqual(tickcast.level_of(b"\x04\x00" + corners).name, "")
        for other in (b"", b"\x04", message[:-1], message + b"!", b"\x03" + message[1:]):
            self.assertIsNone(tickcast.level_of(other))

    def test_extras_that_a_client_must_refuse(self):
        datagram = vector("plain with extras, a correction and a message")[tickcast.FORMS[tickcast.PLAIN].size:]
        split = lambda data: tickcast.split_extras(tickcast.PLAIN_EXTRAS, data)
        for end in range(29):
            with self.subTest(end), self.assertRaises((ValueError, struct.error)):
                split(datagram[:end])
        for place, value in ((0, 26), (0, 28), (22, 6), (22, 0), (23, 1)):
            wrong = datagram[:place] + bytes([value]) + datagram[place + 1:]
            with self.subTest((place, value)), self.assertRaises((ValueError, struct.error)):
                split(wrong)

    def test_a_new_session_goes_on_or_names_what_is_lost(self):
        mail, flags = tickcast.Mail(), lambda placed: tickcast.Welcome(*[1200] * 12, placed, 0, 0)
        mail.on_welcome(flags(1))
        mail.send(b"sent", True)
        mail.behind_move(1.0)
        mail.send(b"not sent", True)
        mail.on_welcome(flags(3))
        self.assertEqual([list(mail.lost), len(mail.waiting)], [[], 2])
        mail.on_welcome(flags(1))
        waiting = [(letter.number, letter.message) for letter in mail.waiting]
        self.assertEqual([list(mail.lost), waiting], [[b"sent"], [(1, b"not sent")]])

    def test_what_a_client_must_refuse(self):
        alone, decode = EXAMPLES[0][1], lambda data: tickcast.decode_compact(data, 100, {})
        clusters, _, _ = decode(b"\x08" + alone)
        self.assertEqual(clusters, {3: [[7, 100, 200, 0, 80, 0, 0], [9, 104, 196, 0, 0, 0, 0]]})
        hostile = {
            "nothing": b"", "no width": b"\x00" + alone, "a width of 17": b"\x11" + alone,
            "a cluster twice": b"\x08" + alone * 2, "too short": b"\x08" + alone[:-1],
            "padding": b"\x08" + alone[:-1] + b"\x80", "no baseline": b"\x08\x03\x02\x24\x1c",
            "an endless number": b"\x08\x03\x80" + bytes(60_000), "rest": b"\x08" + alone + b"\x01",
        }
        for what, data in hostile.items():
            with self.subTest(what), self.assertRaises(ValueError):
                decode(data)


@unittest.skipUnless(SERVER and VIEW, "needs the address of a server with a view")
class Viewing(WithServer):
    def test_who_walks_away_is_seen_no_longer_and_who_comes_back_is(self):
        clients = self.crowd(6)
        ids = [client.client_id for client in clients]
        walker = ids[-1]
        def stand(away):
            return lambda client_id, _: (client_id + away * (client_id == walker), 0, 0)
        def sees(expected):
            return lambda _: all(set(c.known) == set(expected(c.client_id)) for c in clients)
        self.play(clients, stand(0), sees(lambda _: ids), "all see all")
        for away in (2 * VIEW, -2**31):
            apart = lambda client_id: [walker] if client_id == walker else ids[:-1]
            self.play(clients, stand(away), sees(apart), "the walker is out of view")
            self.play(clients, stand(0), sees(lambda _: ids), "it is back")


def seed_datagrams():
    """Good ends of datagrams: the committed blocks that stand alone, and a Plain."""
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    compact = [bytes([v["cluster_bits"]]) + bytes.fromhex(v["hex"]) for v in vectors]
    plain = struct.pack("<QIQIiiI", 1, 12, 1, 7, -100, 2500, 9)
    extras = vector("plain with extras, a correction and a message")[tickcast.FORMS[tickcast.PLAIN].size:]
    return compact + [plain] * 5 + [extras] * 5 + [b"\x28" + extras[:29] + EXAMPLES[0][1]] * 5


if __name__ == "__main__":
    unittest.main()
