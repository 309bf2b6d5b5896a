"""Tickets and sealed sessions for tickcast.py. PROTOCOL-SEALED.md explains each byte.

    key = sealed.read_key(open("keys"))    # in the game's backend: what `tickcast key` has made
    line = sealed.mint(key, client_id=7, expires=time.time() + 3600).text()    # for the player alone
    client = sealed.Client("127.0.0.1", 12345, sealed.Pass.parse(line))        # at the player's; then as in tickcast.py

It needs the package `cryptography`: pip install cryptography.
"""
import collections
import hashlib
import hmac
import secrets
import struct

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError as error:
    raise ImportError("sealed.py needs the package cryptography: pip install cryptography") from error

import tickcast

TICKET_VERSION, SERVER, WINDOW = 1, "tickcast", 256
SEQUENCE_MAX = 1 << 28  # then a session is over, and the client joins anew
TICKET_HELLO, SEALED_UP, SEALED_DOWN, SEALED_WELCOME = 3, 4, 6, 7
TICKET_HEAD, TICKET_BODY = struct.Struct("<IQ24s"), struct.Struct("<QQI32s")
TICKET_BYTES = TICKET_HEAD.size + TICKET_BODY.size + 16
SEALED_HEAD, WELCOME_HEAD = struct.Struct("<IQ"), struct.Struct("<IQQQQ")
KEY_PREFIX, PASS_PREFIX = "tickcast-key-1:", "tickcast-pass-1:"


def derive(key, salt, info):
    """HKDF-SHA256: the 32 bytes that are for one purpose."""
    return HKDF(SHA256(), 32, salt or None, info.encode()).derive(key)


def nonce(sequence):
    """Four bytes of zeros, and the sequence."""
    return bytes(4) + sequence.to_bytes(8, "little")


def read_key(lines):
    """The newest key of a file: 32 bytes."""
    for line in map(str.strip, lines):
        if line.startswith(KEY_PREFIX):
            return bytes.fromhex(line[len(KEY_PREFIX):])
        if line and not line.startswith("#"):
            break
    raise ValueError("there is no key in it")


def mint(key, client_id, expires, server=SERVER, random=None):
    """A pass for a client that may join until `expires`, in seconds since 1970. Leave `random` to this function."""
    random = random or secrets.token_bytes(56)
    salt, session_key = random[:24], random[24:]
    head = TICKET_HEAD.pack(TICKET_VERSION, int.from_bytes(derive(key, b"", "tickcast key id")[:8], "little"), salt)
    number = int.from_bytes(hashlib.sha256(server.encode()).digest()[:8], "little")
    body = TICKET_BODY.pack(int(expires), number, client_id, session_key)
    seal = AESGCM(derive(key, salt, "tickcast ticket"))
    return Pass(client_id, head + seal.encrypt(nonce(0), body, head), session_key)


class Pass(collections.namedtuple("Pass", "client_id ticket session_key")):
    """What a backend hands to a player: bytes for the server, and the key that is in them."""

    def text(self):
        """On one line."""
        return f"{PASS_PREFIX}{self.client_id}:{self.ticket.hex()}:{self.session_key.hex()}"

    @classmethod
    def parse(cls, text):
        """Reads what `text`, or `tickcast ticket`, has written. `ValueError` if it is something else."""
        if not text.startswith(PASS_PREFIX):
            raise ValueError("this is no pass")
        client_id, ticket, key = text[len(PASS_PREFIX):].strip().split(":")
        read = cls(int(client_id), bytes.fromhex(ticket), bytes.fromhex(key))
        if (len(read.ticket), len(read.session_key)) != (TICKET_BYTES, 32):
            raise ValueError("this is no pass")
        return read

    def bearer_tag(self, hello):
        """Shows that whoever says the hello knows the session key."""
        return hmac.digest(derive(self.session_key, b"", "tickcast hello"), hello, "sha256")


class Session:
    """A session's two keys at the client: what it seals, and what it opens, each sequence once."""

    def __init__(self, session_key, drawn):
        self.up = AESGCM(derive(session_key, drawn, "tickcast to server"))
        self.down = AESGCM(derive(session_key, drawn, "tickcast to client"))
        self.sequence, self.newest, self.seen = 0, 0, set()

    def seal(self, message):
        """The next datagram, with the message in it."""
        if self.sequence >= SEQUENCE_MAX:
            raise tickcast.Error("The session has lasted too long; join anew.")
        self.sequence += 1
        head = SEALED_HEAD.pack(SEALED_UP, self.sequence)
        return head + self.up.encrypt(nonce(self.sequence), message, head)

    def open(self, data, head_size):
        """What is in a datagram whose sequence stands before the end of its head. None if it is not to be believed."""
        head, body = data[:head_size], data[head_size:]
        sequence = int.from_bytes(head[-8:], "little")
        if sequence <= self.newest - WINDOW or sequence in self.seen or sequence == 0 or len(body) < 16:
            return None
        try:
            message = self.down.decrypt(nonce(sequence), body, head)
        except InvalidTag:
            return None
        self.newest = max(self.newest, sequence)
        self.seen = {seen for seen in self.seen if seen > self.newest - WINDOW} | {sequence}
        return message


class Client(tickcast.Client):
    """A client with a pass, for a server that wants tickets. It is used as `tickcast.Client` is."""

    def __init__(self, host, port, its_pass, encoding="compact"):
        super().__init__(host, port, its_pass.client_id, encoding)
        self.its_pass, self.sealed, self.nonce = its_pass, None, None

    def _pack(self, form, *fields, behind=b""):
        data = form.pack(*fields) + behind
        if fields[0] != tickcast.HELLO:
            return self.sealed.seal(data)
        self.nonce = fields[2]
        if fields[-1] == tickcast.NO_PROOF:
            return data
        hello = TICKET_HELLO.to_bytes(4, "little") + data[4:] + self.its_pass.ticket
        return hello + self.its_pass.bearer_tag(hello)

    def _unpack(self, data):
        tag = int.from_bytes(data[:4], "little")
        if tag == SEALED_DOWN and self.sealed and len(data) > SEALED_HEAD.size:
            return self.sealed.open(data, SEALED_HEAD.size)
        if tag == SEALED_WELCOME and self.nonce is not None and len(data) > WELCOME_HEAD.size:
            return self._open_welcome(data)
        return data if tag in (tickcast.CHALLENGE, tickcast.REFUSAL) and self.nonce is not None else None

    def _open_welcome(self, data):
        if WELCOME_HEAD.unpack_from(data)[1] != self.nonce:
            return None
        session = Session(self.its_pass.session_key, data[4:28])
        message = session.open(data, WELCOME_HEAD.size)
        if message:
            self.sealed, self.nonce = session, None
        return message
