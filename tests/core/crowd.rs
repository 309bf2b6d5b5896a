//! Many peers of the compact snapshots, without a server between: a world, what is made from it, and clients that are
//! handed the datagrams.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig};
use tickcast::secret::Secret;
use tickcast::snapshot::{CompactSnapshots, Told};
use tickcast::wire::{
    Bounds, FromClient, FromServer, Position, SnapshotHeader, Tick, Welcome, decode_client, encode_server,
};
use tickcast::world::{PlayerSlot, World};

use crate::draw::Draw;

const PERIOD: Duration = Duration::from_millis(100);

/// How bad one peer's network is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// Of 100 datagrams so many are lost, doubled, and up to `jitter` ticks later than the others.
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    pub(crate) late: u64,
    pub(crate) jitter: u64,
    /// In ticks; that of an acknowledgement.
    pub(crate) delay: u64,
}

/// A client and what the server remembers of it.
pub(crate) struct Peer {
    pub(crate) id: u32,
    slot: PlayerSlot,
    session: u64,
    told: Told,
    pub(crate) client: Client,
    pub(crate) way: Way,
    /// What is on its way to the client, and to the server, with the tick in which it arrives.
    down: VecDeque<(u64, Vec<u8>)>,
    up: VecDeque<(u64, Vec<u8>)>,
    /// When it joined.
    since: u64,
}

/// Players at places, each with a peer.
///
/// [`Crowd::join`], [`Crowd::place`], [`Crowd::leave`], then [`Crowd::step`], which checks that every datagram decodes
/// and that everything that a client believes was true.
pub(crate) struct Crowd {
    pub(crate) peers: Vec<Peer>,
    pub(crate) snapshots: CompactSnapshots,
    pub(crate) tick: u64,
    world: World,
    datagram_bytes: usize,
    draw: Draw,
    now: Instant,
    sessions: u64,
    /// By tick, the places of all.
    truth: VecDeque<(u64, HashMap<u32, Position>)>,
    /// How far peers see.
    view: Option<u32>,
    /// How long a tick is said to take, in percent of its period.
    pub(crate) load: u32,
}

impl Crowd {
    pub(crate) fn new(seed: u64, datagram_bytes: usize, view: Option<u32>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
        let now = Instant::now();
        Self {
            peers: Vec::new(),
            snapshots: match view {
                None => CompactSnapshots::new(datagram_bytes, false),
                Some(radius) => CompactSnapshots::with_view(datagram_bytes, false, radius),
            },
            view,
            load: 0,
            tick: 1,
            world: World::new(Bounds::ALL, &Secret::from_seed(seed)),
            datagram_bytes,
            draw: Draw::new(seed),
            now,
            sessions: 0,
            truth: VecDeque::new(),
        }
    }

    pub(crate) fn join(&mut self, id: u32, at: Position, way: Way) {
        let slot = self.world.admit(id);
        self.world.place(slot, at, 0).expect("everywhere is a place");
        let mut config = ClientConfig::new(id);
        config.interpolation = None;
        let client = Client::new(config, &Secret::from_seed(u64::from(id)), self.now);
        let told = Told::new(self.datagram_bytes);
        let (down, up) = (VecDeque::new(), VecDeque::new());
        self.peers.push(Peer { id, slot, session: 0, told, client, way, down, up, since: self.tick });
        self.welcome(self.peers.len() - 1);
    }

    /// Gives the peer a new session, of which the server knows nothing yet, and the client all that it knew.
    pub(crate) fn rejoin(&mut self, peer: usize) {
        self.peers[peer].client.rejoin(self.now);
        self.peers[peer].told = Told::new(self.datagram_bytes);
        self.welcome(peer);
    }

    fn welcome(&mut self, peer: usize) {
        self.sessions += 1;
        let peer = &mut self.peers[peer];
        peer.session = self.sessions;
        peer.up.clear();
        peer.since = self.tick;
        let mut hello = Vec::new();
        assert!(peer.client.poll(self.now, &mut hello));
        let Ok(FromClient::Hello(hello)) = decode_client(&hello) else { panic!("no hello") };
        let welcome = Welcome {
            nonce: hello.nonce,
            session: self.sessions,
            epoch: 1,
            tick: Tick(self.tick),
            period_ns: PERIOD.as_nanos() as u64,
            timeout_ms: 10_000,
            datagram_bytes: self.datagram_bytes as u32,
            moves_per_second: 100,
            client_id: peer.id,
            bounds: Bounds::ALL,
            at: Position { x: 0, y: 0 },
            placed: 1,
        };
        let mut bytes = Vec::new();
        encode_server(&FromServer::Welcome(welcome), &mut bytes);
        peer.client.receive(self.now, &bytes);
    }

    pub(crate) fn place(&mut self, peer: usize, at: Position) {
        self.world.place(self.peers[peer].slot, at, 0).expect("everywhere is a place");
    }

    pub(crate) fn at(&self, peer: usize) -> Position {
        self.world.player(self.peers[peer].slot).expect("it stands somewhere").at
    }

    pub(crate) fn leave(&mut self, peer: usize) {
        let peer = self.peers.swap_remove(peer);
        self.world.remove(peer.slot);
        self.snapshots.on_gone(Tick(self.tick), peer.slot);
    }

    /// One tick, and `skipped` that nobody is told of.
    pub(crate) fn step(&mut self, skipped: u64) {
        self.tick += 1 + skipped;
        if skipped > 0 {
            self.peers.iter_mut().for_each(|peer| peer.down.clear());
        }
        self.now += PERIOD;
        let players = self.world.standing().map(|(_, player)| (player.client_id, player.at)).collect();
        self.truth.push_back((self.tick, players));
        while self.truth.front().is_some_and(|(tick, _)| tick + 400 < self.tick) {
            self.truth.pop_front();
        }
        self.snapshots.begin(Tick(self.tick), &self.world);
        for peer in 0..self.peers.len() {
            self.tell(peer);
            self.hear(peer);
        }
        self.snapshots.on_worked(PERIOD * self.load / 100, PERIOD);
    }

    fn tell(&mut self, peer: usize) {
        let players = self.world.standing_count() as u32;
        let peer = &mut self.peers[peer];
        arrived(&mut peer.up, self.tick, |bytes| {
            let Ok(FromClient::Move(step)) = decode_client(bytes) else { panic!("no move") };
            peer.told.on_ack(step.ack);
        });
        let header =
            SnapshotHeader { session: peer.session, tick: Tick(self.tick), players, ..Default::default() };
        let mut bytes = Vec::new();
        self.snapshots.write(&header, &self.world, peer.slot, &mut peer.told, &[], &mut bytes);
        assert!(bytes.len() <= self.datagram_bytes, "{} bytes", bytes.len());
        send(&mut self.draw, peer.way, self.tick, &mut peer.down, bytes);
    }

    fn hear(&mut self, index: usize) {
        let (tick, now) = (self.tick, self.now);
        let peer = &mut self.peers[index];
        arrived(&mut peer.down, tick, |bytes| _ = peer.client.receive(now, bytes));
        assert_eq!(peer.client.malformed(), 0, "peer {} at {tick}", peer.id);
        let mut bytes = Vec::new();
        peer.client.move_to(Position { x: 0, y: 0 }, 0, &mut bytes);
        let way = Way { jitter: 0, ..peer.way };
        let mut up = Vec::new().into();
        send(&mut self.draw, way, tick, &mut up, bytes);
        peer.up.extend(up.into_iter().map(|(due, bytes)| (due + way.delay, bytes)));
        let first = self.truth[0].0;
        for known in peer.client.world().players().filter(|known| known.told.0 >= first) {
            let at =
                self.truth.binary_search_by_key(&known.told.0, |(tick, _)| *tick).expect("a tick that was");
            let was = self.truth[at].1.get(&known.player.client_id);
            assert_eq!(was, Some(&known.player.at), "peer {} of {known:?} at {tick}", peer.id);
            let told_in_view = self.view.is_none_or(|radius| {
                let here = self.truth[at].1.get(&peer.id);
                here.is_some_and(|here| is_within(*here, known.player.at, u64::from(radius) * 5 / 4))
            });
            assert!(told_in_view, "peer {} is told of {known:?}", peer.id);
        }
    }

    /// What peers that have been here for so long do not know, or not as it is: the peer, how many players within its
    /// view, and how many it knows who are not there, or are beyond the margin of its view.
    pub(crate) fn ignorant(&self, ticks: u64) -> Vec<(u32, usize, usize)> {
        let (_, truth) = self.truth.back().expect("a tick");
        let old = self.peers.iter().filter(|peer| peer.since + ticks <= self.tick);
        let ignorant = old.map(|peer| {
            let world = peer.client.world();
            let is_near = |at: Position, percent: u64| {
                self.view
                    .is_none_or(|radius| is_within(truth[&peer.id], at, u64::from(radius) * percent / 100))
            };
            let is_right =
                |id: &u32, at: &Position| world.player(*id).is_some_and(|known| known.player.at == *at);
            let wrong = truth.iter().filter(|(id, at)| is_near(**at, 100) && !is_right(id, at)).count();
            let is_there = |id: &u32| truth.get(id).is_some_and(|at| is_near(*at, 125));
            let ghosts = world.players().filter(|known| !is_there(&known.player.client_id)).count();
            (peer.id, wrong, ghosts)
        });
        ignorant.filter(|(_, wrong, ghosts)| wrong + ghosts > 0).collect()
    }
}

fn is_within(a: Position, b: Position, distance: u64) -> bool {
    a.distance_squared(b) <= distance.pow(2)
}

fn arrived(queue: &mut VecDeque<(u64, Vec<u8>)>, tick: u64, mut receive: impl FnMut(&[u8])) {
    queue.retain(|(due, bytes)| {
        let is_due = *due <= tick;
        if is_due {
            receive(bytes);
        }
        !is_due
    });
}

fn send(draw: &mut Draw, way: Way, tick: u64, queue: &mut VecDeque<(u64, Vec<u8>)>, bytes: Vec<u8>) {
    if draw.chance(way.lost) {
        return;
    }
    let late = if draw.chance(way.late) { draw.below(way.jitter + 1) } else { 0 };
    if draw.chance(way.twice) {
        queue.push_back((tick + late + 1, bytes.clone()));
    }
    queue.push_back((tick + late, bytes));
}
