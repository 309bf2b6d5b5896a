"""Joins a tickcast server, takes some steps and prints every snapshot. PROTOCOL.md explains each byte."""
import argparse
import secrets
import socket
import struct
import sys
import time

VERSION, PLAIN_ENCODING, NO_PROOF = 1, 0, bytes(24)
HELLO, MOVE, LEAVE = range(3)  # the tags of what a client sends
HELLO_FORM = struct.Struct("<IIQIIQ24s")  # tag, version, nonce, client id, encoding, session, proof
MOVE_FORM = struct.Struct("<IIQIiiIQQ")  # tag, client id, session, sequence, x, y, state, acks (none)
LEAVE_FORM = struct.Struct("<IIQ")  # tag, client id, session
CHALLENGE, WELCOME, REFUSAL, CLOSED, PLAIN = range(5)  # the tags of what a server sends
FORMS = {
    CHALLENGE: struct.Struct("<IQ24s"),  # tag, nonce, proof
    WELCOME: struct.Struct("<IQQQQQIIIiiiiIIii"),  # tag, nonce, session, ..., bounds, client id, placed, x, y
    REFUSAL: struct.Struct("<IQII"),  # tag, nonce, reason, detail
    CLOSED: struct.Struct("<IQI"),  # tag, session, reason
    PLAIN: struct.Struct("<IQQIII"),  # tag, session, tick, applied, applied history, players; then two lists
}
COUNT, GONE_BYTES, PLAYER = struct.Struct("<Q"), 4, struct.Struct("<IiiI")  # client id, x, y, state
REFUSED = dict(enumerate((
    "it speaks version {}", "it is full", "another plays as this client id; try again in {} s",
    "this client id may not play", "it does not know this encoding", "it is about to stop")))
CLOSED_FOR = dict(enumerate((
    "it has stopped", "it heard nothing for too long", "another plays in this place", "it has left")))


class Client:
    def __init__(self, host, port, client_id):
        family, kind, _, _, self.server = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self.socket, self.client_id, self.session, self.silence = socket.socket(family, kind), client_id, 0, 1

    def join(self):
        """Shakes hands; gives the bounds of the world and the player's place."""
        nonce, proof = secrets.randbits(64), NO_PROOF
        for attempt in range(20):
            if attempt % 5 == 4:
                proof = NO_PROOF  # a second without an answer: perhaps another server has started
            self.send(HELLO_FORM, HELLO, VERSION, nonce, self.client_id, PLAIN_ENCODING, self.session, proof)
            for tag, fields, _ in self.received(nonce, 0.25):
                if tag == CHALLENGE and proof == NO_PROOF:
                    proof = fields[0]
                    break  # and the same hello with the proof at once
                if tag == WELCOME:
                    self.session, self.sequence, self.silence = fields[0], 0, max(1, 4 * fields[3] / 1e9)
                    return fields[7:11], fields[13:15]
                if tag == REFUSAL:
                    sys.exit("The server refuses: " + REFUSED.get(fields[0], "for a reason it does not explain").format(fields[1]))
        sys.exit("The server does not answer.")

    def move(self, x, y, state=0):
        self.sequence = (self.sequence + 1) % 2**32
        self.send(MOVE_FORM, MOVE, self.client_id, self.session, self.sequence, x, y, state, 0, 0)

    def leave(self):
        self.send(LEAVE_FORM, LEAVE, self.client_id, self.session)

    def snapshot(self):
        """The next snapshot: its tick, the newest move applied, how many players there are, and those it tells of."""
        for tag, fields, lists in self.received(self.session, self.silence):
            if tag == CLOSED:
                sys.exit("The server has ended the session: " + CLOSED_FOR.get(fields[0], "for another reason"))
            if tag == PLAIN:
                told_from = COUNT.size + COUNT.unpack_from(lists)[0] * GONE_BYTES + COUNT.size
                return fields[0], fields[1], fields[3], list(PLAYER.iter_unpack(lists[told_from:]))
        self.join()  # after a silence: the server has started anew, or our address has changed
        return self.snapshot()

    def send(self, form, *fields):
        self.socket.sendto(form.pack(*fields), self.server)

    def received(self, key, seconds):
        """The messages that arrive in time and carry the key, a nonce or session: tag, other fields, what follows."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65507)
            except socket.timeout:
                return
            form = FORMS.get(int.from_bytes(data[:4], "little"))
            if form and (len(data) == form.size or form is FORMS[PLAIN] and len(data) > form.size):
                tag, its_key, *fields = form.unpack_from(data)
                if its_key == key:
                    yield tag, fields, data[form.size:]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("server", help="host:port")
    options.add_argument("--client-id", type=int, default=7)
    options.add_argument("--steps", type=int, default=30)
    options = options.parse_args()
    host, _, port = options.server.rpartition(":")
    client = Client(host.strip("[]"), port, options.client_id)
    (min_x, min_y, max_x, max_y), (x, y) = client.join()
    try:
        for _ in range(options.steps):
            x, y = min(max(x + 1, min_x), max_x), min(max(y, min_y), max_y)
            client.move(x, y)
            tick, applied, players, told = client.snapshot()
            places = ", ".join(f"{i} at ({a}, {b})" for i, a, b, _ in told[:8])
            print(f"tick {tick}: move {applied} applied, {players} players: {places}", flush=True)
    finally:
        client.leave()


if __name__ == "__main__":
    main()
