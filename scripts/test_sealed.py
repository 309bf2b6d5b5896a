"""Tests of sealed.py, which needs the package cryptography. With a file of keys and the address of a server that has
them, host:port, as the last two arguments it plays there too."""
import pathlib
import re
import sys
import time
import unittest

import sealed
import tickcast

SERVER = sys.argv.pop() if ":" in sys.argv[-1] else None
KEYS = sys.argv.pop() if SERVER else None
PAGE = (pathlib.Path(__file__).parent.parent / "PROTOCOL-SEALED.md").read_text()
PATIENCE_SECONDS = 20  # far more than it takes
MOVE = (tickcast.MOVE, 7, None, 1, -100, 2500, 9, 1, 0)


def vector(name):
    """A datagram that the page shows."""
    lines = re.search(f"`{name}`\n\n```vector\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    return bytes.fromhex("".join(line.split()[0] for line in lines))


def made(what):
    """A key that the page shows."""
    return bytes.fromhex(re.search(f"\\| {what} \\| ([0-9a-f]+) \\|", PAGE)[1])


def page_pass():
    return sealed.mint(bytes(range(32)), 7, 1_800_000_000, random=bytes(range(0x20, 0x58)))


class Page(unittest.TestCase):
    def test_a_ticket_is_that_of_the_page(self):
        its_pass = page_pass()
        self.assertEqual(its_pass.ticket, vector("ticket"))
        self.assertEqual(its_pass.session_key, made("session key"))
        self.assertEqual(sealed.Pass.parse(its_pass.text() + "\n"), its_pass)
        self.assertRaises(ValueError, sealed.Pass.parse, its_pass.text()[:-2])
        hello = vector("ticket hello")
        self.assertEqual(its_pass.bearer_tag(hello[:160]), hello[160:])

    def test_a_session_opens_and_seals_what_the_page_shows(self):
        welcome = vector("sealed welcome")
        client = sealed.Client("127.0.0.1", 9, page_pass(), "plain")
        self.addCleanup(client.socket.close)
        self.assertIsNone(client._unpack(welcome), "nobody has asked")
        client.nonce = int.from_bytes(welcome[4:12], "little")
        self.assertIsNone(client._unpack(welcome[:-1] + b"x"))
        inside = client._unpack(welcome)
        self.assertEqual(inside, vector("inside of the sealed welcome"))
        self.assertIsNone(client._unpack(inside), "in clear")
        fields = [int.from_bytes(inside[12:20], "little") if field is None else field for field in MOVE]
        self.assertEqual(client._pack(tickcast.MOVE_FORM, *fields), vector("sealed move"))
        closed = vector("sealed closed")
        self.assertEqual(len(client._unpack(closed)), 16)
        self.assertIsNone(client._unpack(closed), "again")
        self.assertIsNone(client._unpack(vector("sealed move")), "thrown back")


@unittest.skipUnless(SERVER, "needs keys and the address of a server that has them")
class Playing(unittest.TestCase):
    def client(self, its_pass, encoding="compact"):
        host, _, port = SERVER.rpartition(":")
        client = sealed.Client(host, port, its_pass, encoding)
        self.addCleanup(client.socket.close)
        return client

    def mint(self, client_id, lasts=60, **more):
        return sealed.mint(sealed.read_key(pathlib.Path(KEYS).read_text().splitlines()), client_id, time.time() + lasts, **more)

    def test_who_has_a_pass_plays_and_sees_the_others(self):
        clients = [self.client(self.mint(7)), self.client(self.mint(8), "plain")]
        for client in clients:
            client.join()
            self.addCleanup(client.leave)
        end = time.monotonic() + PATIENCE_SECONDS
        while not all(set(client.known) == {7, 8} for client in clients):
            self.assertLess(time.monotonic(), end)
            for client in clients:
                client.move(client.client_id, 5)
                client.snapshot()
        before = clients[0].session
        clients[0].join()  # as one whose address has changed
        self.assertNotEqual(clients[0].session, before)
        clients[0].move(70, 5)
        while clients[1].known[7].x != 70:
            self.assertLess(time.monotonic(), end)
            clients[1].move(8, 5)
            clients[1].snapshot()

    def test_who_has_none_that_is_good_is_told_why(self):
        other = self.mint(9)._replace(session_key=bytes(32))
        wrong = {1: self.mint(9, lasts=-1), 2: self.mint(9, server="x"), 4: other}
        for fault, its_pass in wrong.items():
            with self.assertRaises(tickcast.Refused) as refused:
                self.client(its_pass).join()
            self.assertEqual((refused.exception.reason, refused.exception.detail), (7, fault))
        host, _, port = SERVER.rpartition(":")
        client = tickcast.Client(host, port, 9)
        self.addCleanup(client.socket.close)
        with self.assertRaises(tickcast.Refused) as refused:
            client.join()
        self.assertEqual(refused.exception.reason, 6)


if __name__ == "__main__":
    unittest.main()
