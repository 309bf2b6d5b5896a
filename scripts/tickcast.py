"""A client of tickcast, with the standard library alone. PROTOCOL.md and PROTOCOL-COMPACT.md explain each byte.

    client = tickcast.Client("127.0.0.1", 12345, client_id=7)
    client.join()                 # shakes hands; client.welcome has the corners of the world, and more
    client.move(3, 4)             # once a tick is plenty; it also says what has arrived, and that one is there
    snapshot = client.snapshot()  # waits for the next one: its tick, the newest move applied, how many players
    client.known[7].x             # everyone that it knows, by client id, as new as that snapshot
    client.send(b"hello")         # says something to the game, with the next moves
    client.messages.popleft()     # what the game has said, oldest first; see level_of
    client.correction             # where the game has put the player, if the last snapshot brought news of that
    client.leave()

What goes wrong is an `Error`, in words. To use it elsewhere, copy this file and block.py. Whatever the datagrams
say, taking one in is bounded work, and no more than `PLAYERS_MAX` players are known.
"""
import collections
import secrets
import socket
import struct
import time

import block

VERSION, NO_PROOF = 1, bytes(24)
ENCODINGS = {"plain": 0, "compact": 1}
HELLO, MOVE, LEAVE = range(3)  # the tags of what a client sends
HELLO_FORM = struct.Struct("<IIQIIQ24s")  # tag, version, nonce, client id, encoding, session, proof
MOVE_FORM = struct.Struct("<IIQIiiIQQ")  # tag, client id, session, sequence, x, y, state, ack newest, ack history
LEAVE_FORM = struct.Struct("<IIQ")  # tag, client id, session
CHALLENGE, WELCOME, REFUSAL, CLOSED, PLAIN, COMPACT, PLAIN_EXTRAS = *range(6), 8  # the tags of what a server sends
FORMS = {
    CHALLENGE: struct.Struct("<IQ24s"),  # tag, nonce, proof
    WELCOME: struct.Struct("<IQQQQQIIIiiiiIIii"),  # tag, nonce, and what a Welcome has
    REFUSAL: struct.Struct("<IQII"),  # tag, nonce, reason, detail
    CLOSED: struct.Struct("<IQI"),  # tag, session, reason
    PLAIN: struct.Struct("<IQQIII"),  # tag, session, tick, applied, applied history, players; then two lists
    COMPACT: struct.Struct("<IQQIII"),  # the same; then the widths and blocks
    PLAIN_EXTRAS: struct.Struct("<IQQIII"),  # the same; then extras and two lists
}
EXTRAS = 256  # in a hello, with the encoding: it reads and sends extras
MOVE_EXTRAS, MESSAGE = struct.Struct("<II"), struct.Struct("<IH")  # correction, received; number, length
LEVEL, CORNERS = 4, struct.Struct("<iiii")  # what a message of the standard game says of a level, behind its name
SNAPSHOT_EXTRAS = struct.Struct("<HIiiI")  # length of what follows, correction, x, y, received
COUNT, GONE, TOLD = struct.Struct("<Q"), struct.Struct("<I"), struct.Struct("<IiiI")  # client id, x, y, state
REFUSED = dict(enumerate((
    "it speaks version {}", "it is full", "another plays as this client id; try again in {} s",
    "this client id may not play", "it does not know this encoding", "it is about to stop",
    "it wants a ticket: see sealed.py", "the ticket is not good here: fault {} of PROTOCOL-SEALED.md",
    "the game does not let it play: its reason {}")))
CLOSED_FOR = dict(enumerate((
    "it has stopped", "it heard nothing for too long", "another plays in this place", "it has left",
    "the game has removed the player, for its reason {}")))
REMOVED, DETAIL = 4, struct.Struct("<I")  # the reason of a Closed behind which the detail stands

RETRY_SECONDS, PROOF_SECONDS, PATIENCE_SECONDS = 0.25, 1, 5  # hello again, a new proof, no answer at all
BEHIND_SECONDS = 0.001  # what has come with a snapshot, and is newer
BASELINE_TICKS = 64
PLAYERS_MAX = 1 << 20  # who comes beyond them is not known
AGAIN_SECONDS, AGAIN_SECONDS_MIN, AGAIN_SECONDS_MAX = 0.25, 0.1, 1  # a reliable message that is not acknowledged
AGAIN_SOON = 4  # times that it is sent before each wait is twice the one before
WAITING_MAX, WAITING_BYTES_MAX = 64, 8192  # messages to be sent, or to be read
MEMBERS_MAX = 1 << 16  # that one datagram may tell of; an honest one has some thousands

Welcome = collections.namedtuple("Welcome", "session epoch tick period_ns timeout_ms datagram_bytes moves_per_second"
                                 " min_x min_y max_x max_y client_id placed x y")
Snapshot = collections.namedtuple("Snapshot", "tick applied players")
Level = collections.namedtuple("Level", "name min_x min_y max_x max_y")
# motion: (x, y), in sixteenths of a unit per tick; told: the tick of all this; cluster: where it was at tick `since`.
Player = collections.namedtuple("Player", "x y state kind motion told cluster since")


class Error(Exception):
    """What keeps a client from playing, in words."""


class Refused(Error):
    """The server does not let it join; `reason` and `detail` are those of the Refusal."""

    def __init__(self, reason, detail):
        words = REFUSED.get(reason, "for a reason it does not explain").format(detail)
        super().__init__("The server refuses: " + words)
        self.reason, self.detail = reason, detail


class Ended(Error):
    """The server has ended the session; `reason` and `detail` are those of the Closed. `Client.join` joins anew, which
    one that was `REMOVED` does only if its user wants it to."""

    def __init__(self, reason, detail=0):
        words = CLOSED_FOR.get(reason, "for another reason").format(detail)
        super().__init__("The server has ended the session: " + words)
        self.reason, self.detail = reason, detail


class Client:
    """Plays one client id on one server, from one thread.

    After `join`, call `move` and `snapshot` in turn, once a tick; a client that is still moves to where it stands.
    `welcome` and `known` are as new as the last call.
    """

    def __init__(self, host, port, client_id, encoding="compact"):
        family, kind, _, _, self.server = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self.socket, self.client_id, self.encoding = socket.socket(family, kind), client_id, ENCODINGS[encoding]
        self.session, self.welcome, self.world = 0, None, World(1)  # session 0: it does not play
        self.mail, self.told, self.sequence = Mail(), {}, 0

    @property
    def known(self):
        """Everyone that it knows: a dict from client ids to players."""
        return self.world.players

    @property
    def messages(self):
        """What the game has said: bytes, oldest first. Take them out; while many wait, none is taken in."""
        return self.mail.inbox

    @property
    def lost(self):
        """Reliable messages, oldest first, that were on their way when the server forgot the session: who knows."""
        return self.mail.lost

    @property
    def correction(self):
        """Where the game has put the player, (x, y), if that is news: the next `move` goes from there."""
        return self.mail.correction

    def send(self, message, reliable=True):
        """Says something to the game with the next moves: bytes. `Error` if it is too long, or if too much waits."""
        self._require_session()
        self.mail.send(bytes(message), reliable)

    def join(self):
        """Shakes hands. With a session it takes its player over. `Refused` if it may not play."""
        nonce, proof, proof_end, end = secrets.randbits(64), NO_PROOF, 0, time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if time.monotonic() > proof_end:
                proof = NO_PROOF  # perhaps another server has started
            encoding = self.encoding | EXTRAS
            self._send(HELLO_FORM, HELLO, VERSION, nonce, self.client_id, encoding, self.session, proof)
            for tag, fields, _ in self._received(nonce, RETRY_SECONDS):
                if tag == CHALLENGE and proof == NO_PROOF:
                    proof, proof_end = fields[0], time.monotonic() + PROOF_SECONDS
                    break  # and the same hello with the proof at once
                if tag == WELCOME:
                    return self._on_welcome(Welcome(*fields))
                if tag == REFUSAL:
                    raise Refused(*fields)
        raise Error("The server does not answer.")

    def _on_welcome(self, welcome):
        if self.welcome is None or self.welcome.epoch != welcome.epoch:
            self.world = World(1e9 / max(welcome.period_ns, 1))
        self.welcome, self.session, self.sequence = welcome, welcome.session, 0
        self.silence = max(1, 4 * welcome.period_ns / 1e9)
        self.mail.on_welcome(welcome)
        self.told = {}  # by tick, then cluster: what every datagram of the last 64 ticks told

    def move(self, x, y, state=0):
        """Says where the player is, and what has arrived. Gives the sequence, for `applied` to be compared with."""
        self._require_session()
        self.sequence = (self.sequence + 1) % 2**32
        fields = MOVE, self.client_id, self.session, self.sequence, x, y, state, *self._arrived()
        self.mail.patience.on_move(self.sequence, time.monotonic())
        self._send(MOVE_FORM, *fields, behind=self.mail.behind_move(time.monotonic()))
        return self.sequence

    def _arrived(self):
        """The newest tick of which it has a snapshot, and a bit for each of the 64 before."""
        newest = max(self.told, default=0)
        return newest, sum(1 << newest - 1 - tick for tick in self.told if tick != newest)

    def snapshot(self):
        """Waits for a snapshot newer than the last, and takes in what has come behind it. `Ended` if it is all over.

        After a silence it joins anew: the server has started again, or the address of the client has changed."""
        self._require_session()
        for _ in range(3):
            if snapshot := self._next_snapshot(self.silence):
                for _ in range(BASELINE_TICKS):
                    later = self._next_snapshot(BEHIND_SECONDS)
                    if not later:
                        break
                    snapshot = later
                return snapshot
            self.join()
        raise Error("The server sends nothing.")

    def _next_snapshot(self, seconds):
        for tag, fields, rest in self._received(self.session, seconds):
            if tag == CLOSED:
                self.session = 0
                raise Ended(*fields, *(DETAIL.unpack(rest) if rest else ()))
            if tag in (PLAIN, COMPACT, PLAIN_EXTRAS) and (snapshot := self._take_in(tag, fields, rest)):
                return snapshot

    def _take_in(self, tag, fields, rest):
        """The snapshot, if it is newer than all before. One that is late is a baseline, no more."""
        tick, newest = fields[0], max(self.told, default=-1)
        if tick in self.told or tick < newest - BASELINE_TICKS:
            return None
        try:
            extras, rest = split_extras(tag, rest)
            is_compact = tag == COMPACT
            clusters, left, is_partial = decode_compact(rest, tick, self.told) if is_compact else decode_plain(rest)
        except (ValueError, struct.error):
            return None  # and it is not acknowledged
        self.told[tick] = clusters
        self.mail.take_in(extras, tick > newest, time.monotonic())
        if tick < newest:
            return None
        self.told = {kept: told for kept, told in self.told.items() if kept >= tick - BASELINE_TICKS}
        snapshot = Snapshot(tick, fields[1], fields[3])
        self.mail.patience.on_applied(snapshot.applied, fields[2], time.monotonic())
        self.world.take_in(snapshot, clusters, left, is_partial)
        return snapshot

    def leave(self):
        """Takes the player out of the world, if it plays; says so again until it is answered, three times at most."""
        for _ in range(3 if self.session else 0):
            self._send(LEAVE_FORM, LEAVE, self.client_id, self.session)
            if any(tag == CLOSED for tag, _, _ in self._received(self.session, RETRY_SECONDS)):
                break
        self.session = 0

    def _require_session(self):
        if not self.session:
            raise Error("The client does not play; it has to join first.")

    def _send(self, form, *fields, behind=b""):
        self.socket.sendto(self._pack(form, *fields, behind=behind), self.server)

    def _pack(self, form, *fields, behind=b""):
        """A datagram; sealed.py seals what is in it."""
        return form.pack(*fields) + behind

    def _unpack(self, data):
        """The message in a datagram, or None; sealed.py opens what is sealed."""
        return data

    def _received(self, key, seconds):
        """The messages that arrive in time and carry the key, a nonce or session: tag, other fields, what follows."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data = self._unpack(self.socket.recv(65535)) or b""
            except socket.timeout:
                return
            tag = int.from_bytes(data[:4], "little")
            form = FORMS.get(tag)
            if form and len(data) >= form.size:
                _, its_key, *fields = form.unpack_from(data)
                behind = DETAIL.size if tag == CLOSED and fields[0] == REMOVED else 0
                if its_key == key and (tag >= PLAIN or len(data) == form.size + behind):
                    yield tag, fields, data[form.size:]


class Mail:
    """What is said beside the snapshots: messages both ways, and where the game has put the player."""

    def __init__(self):
        self.inbox, self.lost = collections.deque(), collections.deque()
        self.waiting, self.unreliable = collections.deque(), collections.deque()  # letters, and messages
        self.patience = Patience()
        self.room = 0  # for the extras of a datagram
        self._begin()

    def _begin(self):
        self.last, self.received, self.owes, self.kept = 0, 0, False, {}  # kept: by number, what came before its turn
        self.correction, self.number, self.is_open = None, 0, False

    def on_welcome(self, welcome):
        """A session begins. What the one before has said goes on, or both ends begin anew."""
        self.room, self.patience.asked = min(welcome.datagram_bytes, 4096) // 4, None
        if welcome.placed & 2:
            return
        self._begin()
        waiting, self.waiting = self.waiting, collections.deque()
        for letter in waiting:
            if not letter.times and len(letter.message) <= self.room - 40:
                self._push(letter.message)
            else:
                self.lost.append(letter.message)

    def send(self, message, reliable):
        if not 0 < len(message) <= self.room - 40:
            raise Error(f"A message has 1 to {self.room - 40} bytes here.")
        if not has_room([letter.message for letter in self.waiting] + list(self.unreliable) + list(self.lost), message):
            raise Error("Too much waits to be said; the server does not keep up, or `lost` is not read.")
        self._push(message) if reliable else self.unreliable.append(message)

    def _push(self, message):
        self.last = next_number(self.last)
        self.waiting.append(Letter(self.last, message))

    def behind_move(self, now):
        """What the next move is to say besides; often nothing. Whoever moves on has seen the correction."""
        self.correction, said, room = None, b"", self.room - MOVE_EXTRAS.size - MESSAGE.size
        for letter in self.waiting:
            if letter.again_at <= now:
                if len(said) + len(letter.message) > room:
                    break
                said += MESSAGE.pack(letter.number, len(letter.message)) + letter.message
                letter.times, letter.last_at = letter.times + 1, now
                letter.again_at = now + self.patience.after(letter.times)
        while self.unreliable and len(said) + len(self.unreliable[0]) <= room:
            message = self.unreliable.popleft()
            said += MESSAGE.pack(0, len(message)) + message
        if not (said or self.owes or self.is_open):
            return b""
        self.owes = False
        return MOVE_EXTRAS.pack(self.number if self.is_open else 0, self.received) + said

    def take_in(self, extras, is_newest, now):
        """The extras of a snapshot, the first of its tick: None, or correction, x, y, received, messages."""
        number, x, y, received, messages = extras or (0, 0, 0, 0, [])
        if is_newest:
            self.is_open = number != 0
            if number not in (0, self.number):
                self.number, self.correction = number, (x, y)
        for letter in [letter for letter in self.waiting if letter.number == received and letter.times]:
            while self.waiting.popleft() is not letter:
                pass
            if self.waiting and self.waiting[0].last_at < letter.last_at:
                self.waiting[0].again_at = now  # it was sent before, and lost
        for number, message in messages:
            self.owes |= number != 0
            if number == 0 and has_room(self.inbox, message):
                self.inbox.append(message)
            elif number and 0 < (number - self.received) % 2**32 <= WAITING_MAX and has_room(self.kept.values(), message):
                self.kept[number] = message
        while (message := self.kept.get(next_number(self.received))) and has_room(self.inbox, message):
            self.received, self.owes = next_number(self.received), True
            self.inbox.append(self.kept.pop(self.received))


class Letter:
    """A reliable message that has not arrived, as far as one knows."""

    def __init__(self, number, message):
        self.number, self.message, self.times, self.last_at, self.again_at = number, message, 0, 0, 0


class Patience:
    """How long an acknowledgement is waited for: as the way there and back takes, and some more (RFC 6298)."""

    def __init__(self):
        self.smoothed, self.varies, self.asked = None, 0, None

    def after(self, times):
        known = self.smoothed is not None
        first = self.smoothed + max(4 * self.varies, self.smoothed / 2) if known else AGAIN_SECONDS
        return min(max(first, AGAIN_SECONDS_MIN) * 2 ** min(max(times - AGAIN_SOON, 0), 8), AGAIN_SECONDS_MAX)

    def on_move(self, sequence, now):
        """A move is sent; the answer of one at a time is waited for."""
        self.asked = self.asked or (sequence, now)

    def on_applied(self, applied, history, now):
        """The newest snapshot shows these moves. One that is not applied, though a later one is, says nothing."""
        behind = applied - self.asked[0] if self.asked else -1
        if behind < 0:
            return
        if not (history << 1 | 1) >> behind & 1:
            self.asked = None
            return
        took, self.asked = min(now - self.asked[1], AGAIN_SECONDS_MAX), None
        known = self.smoothed is not None
        self.varies = (3 * self.varies + abs(self.smoothed - took)) / 4 if known else took / 2
        self.smoothed = (7 * self.smoothed + took) / 8 if known else took


def next_number(number):
    """The number of the message behind: 0 is none."""
    return number % (2**32 - 1) + 1


def has_room(waiting, message):
    """Whether one more message may wait."""
    return len(waiting) < WAITING_MAX and sum(map(len, waiting)) + len(message) <= WAITING_BYTES_MAX


def split_extras(tag, data):
    """The extras in what follows the header of a snapshot, or None, and the rest without them."""
    if tag == PLAIN or tag == COMPACT and not (data and data[0] & 32):
        return None, data
    start = 0 if tag == PLAIN_EXTRAS else 9 if data[0] & 64 else 1  # behind the widths and a checksum
    length, *fields = SNAPSHOT_EXTRAS.unpack_from(data, start)
    at, end, messages = start + SNAPSHOT_EXTRAS.size, start + 2 + length, []
    while at < end:
        number, size = MESSAGE.unpack_from(data, at)
        at += MESSAGE.size + size
        messages.append((number, data[at - size:at]))
        block.require(size > 0, "a message that says nothing")
    block.require(at == end <= len(data), "extras that end too early or too late")
    return (*fields, messages), data[:start] + data[end:]


def level_of(message):
    """The level that the standard game says is played from now on (kind 4 of docs/MESSAGES.md), or None."""
    if len(message) < 2 or message[0] != LEVEL or len(message) != 2 + message[1] + CORNERS.size:
        return None
    at = len(message) - CORNERS.size
    return Level(message[2:at].decode(errors="replace"), *CORNERS.unpack_from(message, at))


class World:
    """What is known of the players. To be told of every snapshot that is newer than all before."""

    def __init__(self, second):
        self.players, self.second = {}, second  # the ticks in a second
        self.whole = {}  # by cluster: when all of it was told last
        self.awaited = {}  # by client id: since when it is missed in a cluster that was told without it
        self.next_tidy = 0

    def take_in(self, snapshot, clusters, left, is_partial):
        """`clusters`: who was told of. `left`: to which cluster who departed has moved; None if it has gone."""
        for client_id, cluster in left.items():
            if cluster is None:
                self.players.pop(client_id, None)
            elif client_id in self.players:
                moved = self.players[client_id]._replace(cluster=cluster, since=snapshot.tick)
                self.players[client_id] = moved
        for cluster, members in clusters.items():
            if not is_partial:
                self.whole[cluster] = snapshot.tick
            for client_id, x, y, state, motion_x, motion_y, kind in members:
                if client_id in self.players or len(self.players) < PLAYERS_MAX:
                    motion, tick = (motion_x, motion_y), snapshot.tick
                    self.players[client_id] = Player(x, y, state, kind, motion, tick, cluster, tick)
        if snapshot.tick >= self.next_tidy:
            self._tidy(snapshot.tick, snapshot.players / max(sum(map(len, clusters.values())), 1))

    def _tidy(self, tick, turn):
        """Drops who has not been told of for too long, and who is awaited in vain."""
        forget, wait = max(2 * self.second, 4 * turn), max(self.second, 2 * turn)
        is_missed = lambda player: self.whole.get(player.cluster, 0) > player.since
        missed = [client_id for client_id, player in self.players.items() if is_missed(player)]
        self.awaited = {client_id: self.awaited.get(client_id, tick) for client_id in missed}
        for client_id, player in list(self.players.items()):
            if tick - player.told > forget or tick - self.awaited.get(client_id, tick) > wait:
                del self.players[client_id]
        self.next_tidy = tick + self.second // 8 + 1


def decode_plain(data):
    """What follows the header of a Plain, as one cluster that is never whole."""
    gone_end = COUNT.size + COUNT.unpack_from(data)[0] * GONE.size
    told_start = gone_end + COUNT.size
    if gone_end > len(data) or COUNT.unpack_from(data, gone_end)[0] * TOLD.size != len(data) - told_start:
        raise ValueError("the lists do not fill the datagram")
    gone = {client_id: None for client_id, in GONE.iter_unpack(data[COUNT.size:gone_end])}
    return {None: [[*told, 0, 0, 0] for told in TOLD.iter_unpack(data[told_start:])]}, gone, True


def decode_compact(data, tick, told):
    """What follows the header of a compact snapshot: the clusters that it tells of, who departed, if one is partial."""
    cluster_bits, is_partial = (data[0] & 31, data[0] > 127) if data else (0, False)
    block.require(1 <= cluster_bits <= 16, "no width of clusters")
    clusters, left, members_count = {}, {}, 0
    at = 9 if data[0] & 64 else 1  # behind a checksum
    while at < len(data):
        baseline = lambda cluster, age: told.get(tick - age, {}).get(cluster)
        cluster, members, departed, length = block.decode(data[at:at + block.BYTES_MAX], cluster_bits, baseline)
        members_count += len(members)
        block.require(cluster not in clusters and members_count <= MEMBERS_MAX, "a cluster twice, or too many members")
        clusters[cluster], at = members, at + length
        left.update(departed)
    for client_id, cluster in left.items():
        if not clusters.get(cluster, True):
            left[client_id] = None  # it has gone out of view
    return clusters, left, is_partial
