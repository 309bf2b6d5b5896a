//! Whatever happens in whatever order on however bad a network: what a client believes was true, and once it
//! is calm, everyone knows everything.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tickcast::client::Phase;
use tickcast::config::{Config, TickRate};
use tickcast::wire::Player;

use crate::draw::Draw;
use crate::pair::{Fate, Net};

#[test]
fn on_any_network_clients_believe_only_what_was_true_and_end_with_all_of_it() {
    let mut met = HashSet::new();
    for seed in 0..200 {
        met.extend(play(Script::new(seed, 10, 1_200), 80));
    }
    for reason in ["unknown_peer", "session", "sequence", "proof", "stale_hello", "client_id_in_use"] {
        assert!(met.contains(reason), "no storm had a drop for {reason}: they are too mild");
    }
}

#[test]
fn so_it_is_where_not_all_players_fit_into_a_datagram() {
    for seed in 1_000..1_040 {
        play(Script::new(seed, 40, 256), 60);
    }
}

#[test]
fn so_it_is_where_clients_are_shown_only_what_is_around_them() {
    for seed in 2_000..2_040 {
        play(
            Script::with_view(seed, 10 + seed as u32 % 2 * 20, [1_200, 256][seed as usize / 2 % 2], 300),
            80,
        );
    }
}

#[test]
fn the_same_seed_plays_the_same_game() {
    let outcome = |seed| {
        let mut script = Script::new(seed, 10, 1_200);
        script.storm(60);
        (script.net.truth(), script.net.totals())
    };
    assert_eq!(outcome(7), outcome(7));
    assert_ne!(outcome(7), outcome(8));
}

/// Plays a script to its end; gives the reasons for which datagrams were dropped.
fn play(mut script: Script, ticks: u64) -> Vec<&'static str> {
    println!("seed {}", script.seed);
    script.storm(ticks);
    script.calm();
    script.check_everyone_knows_everything();
    script.net.server.gate().drops().met().map(|(reason, _)| reason.name()).collect()
}

/// A game drawn from a seed: clients who join, move, leave, wander from address to address and claim each
/// other's ids, a network that loses, doubles and delays, ticks that are skipped, a server that starts anew.
///
/// Every move says a larger x than all before, so that a player set back shows.
struct Script {
    seed: u64,
    net: Net,
    draw: Draw,
    moves: i32,
    /// The players of each tick, by epoch and tick.
    truth: HashMap<(u64, u64), HashMap<u32, Player>>,
    /// The tick that a seat was last told of a client id for, by seat, epoch and client id.
    told: HashMap<(usize, u64, u32), u64>,
    /// How far each client id has come.
    furthest: HashMap<u32, i32>,
}

impl Script {
    /// With so many seats, of which a few share a client id.
    fn new(seed: u64, seats: u32, datagram_bytes: usize) -> Self {
        Self::make(seed, seats, datagram_bytes, None)
    }

    /// The same, with clients who see so far.
    fn with_view(seed: u64, seats: u32, datagram_bytes: usize, radius: u32) -> Self {
        Self::make(seed, seats, datagram_bytes, Some(radius))
    }

    fn make(seed: u64, seats: u32, datagram_bytes: usize, view: Option<u32>) -> Self {
        let tick_rate = TickRate::from_hz(10.0).expect("a tick rate");
        let timeout = Duration::from_secs(2);
        let mut net = Net::new(Config {
            tick_rate,
            timeout,
            datagram_bytes,
            max_peers: 64,
            checksums: true,
            view,
            ..Config::default()
        });
        for seat in 0..seats {
            net.seat(seat * 4 / 5);
        }
        let (truth, told, furthest) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { seed, net, draw: Draw::new(seed), moves: 0, truth, told, furthest }
    }

    /// So many ticks of everything at once.
    fn storm(&mut self, ticks: u64) {
        let mut draw = Draw::new(self.seed ^ 1 << 63);
        let [loss, twice, late] = [40, 20, 30].map(|most| draw.below(most));
        self.net.weather(move |_, _| match draw.below(100) {
            n if n < loss => Fate::Lost,
            n if n < loss + twice => Fate::Twice,
            n if n < loss + twice + late => Fate::Late(draw.below(6)),
            _ => Fate::Arrives,
        });
        for _ in 0..ticks {
            (0..self.net.seats.len()).for_each(|seat| self.act(seat));
            self.act_of_god();
            self.step();
        }
    }

    fn act(&mut self, seat: usize) {
        match (self.net.phase(seat), self.draw.below(100)) {
            (Phase::Playing, 0..2) => self.net.leave(seat),
            (Phase::Playing, 2..4) => self.net.rejoin(seat),
            (Phase::Playing, 4..70) => self.advance(seat),
            (_, 90..92) => self.net.change_address(seat),
            (Phase::Left | Phase::Refused(_) | Phase::Closed(_), 0..15) => self.net.rejoin(seat),
            _ => {}
        }
    }

    fn act_of_god(&mut self) {
        match self.draw.below(200) {
            0 => self.net.restart(),
            1..6 => self.net.pass(self.net.period() * 3),
            _ => {}
        }
    }

    fn advance(&mut self, seat: usize) {
        self.moves += 1;
        let y = self.draw.below(1_000) as i32;
        self.net.move_to(seat, self.moves, y);
    }

    /// Nothing is lost any more, and everyone who has not left wants to play. After everything that the storm
    /// has left behind has timed out, all stand still for as long as a full turn or forgetting may take.
    fn calm(&mut self) {
        self.net.weather(|_, _| Fate::Arrives);
        for _ in 0..45 {
            for seat in 0..self.net.seats.len() {
                match self.net.phase(seat) {
                    Phase::Playing => self.advance(seat),
                    Phase::Refused(_) | Phase::Closed(_) => self.net.rejoin(seat),
                    Phase::Joining | Phase::Left => {}
                }
            }
            self.step();
        }
        for _ in 0..40 {
            (0..self.net.seats.len()).for_each(|seat| self.stay(seat));
            self.step();
        }
    }

    fn stay(&mut self, seat: usize) {
        let client_id = self.net.seats[seat].client_id;
        if let Some(here) = self.net.true_at(client_id) {
            self.net.move_to(seat, here.x, here.y);
        }
    }

    fn step(&mut self) {
        self.net.step();
        let players: HashMap<u32, Player> = self.net.server.players().map(|p| (p.client_id, p)).collect();
        for (client_id, player) in &players {
            let furthest = self.furthest.entry(*client_id).or_insert(player.at.x);
            assert!(player.at.x >= *furthest, "player {client_id} was set back to {player:?}");
            *furthest = player.at.x;
        }
        self.truth.insert((self.net.server.epoch(), self.net.tick_now()), players);
        (0..self.net.seats.len()).for_each(|seat| self.check_beliefs(seat));
    }

    fn check_beliefs(&mut self, seat: usize) {
        let client = &self.net.seats[seat].client;
        let Some(epoch) = client.welcome().map(|welcome| welcome.epoch) else { return };
        assert_eq!((client.malformed(), client.blocks().desyncs), (0, 0), "seat {seat}");
        let newest = client.world().newest();
        let here =
            self.truth.get(&(epoch, newest.0)).and_then(|truth| truth.get(&self.net.seats[seat].client_id));
        for known in client.world().players() {
            let (client_id, tick) = (known.player.client_id, known.told.0);
            let truth = self.truth[&(epoch, tick)].get(&client_id);
            assert_eq!(truth, Some(&known.player), "seat {seat}, told for tick {tick}");
            if let Some(radius) = self.view() {
                let here = here
                    .filter(|_| known.told == newest)
                    .map(|here| here.at.distance_squared(known.player.at));
                let is_hidden = here.map_or(known.told == newest, |square| square > (radius * 5 / 4).pow(2));
                assert!(!is_hidden, "seat {seat} is told of {known:?}, who is out of view");
            }
            let before = self.told.insert((seat, epoch, client_id), tick);
            assert!(before <= Some(tick), "seat {seat}: {client_id} of {before:?} after one of {tick}");
        }
    }

    fn check_everyone_knows_everything(&self) {
        let truth = self.net.truth();
        let playing: Vec<usize> =
            (0..self.net.seats.len()).filter(|&seat| self.net.phase(seat) == Phase::Playing).collect();
        let mut ids: Vec<u32> = playing.iter().map(|&seat| self.net.seats[seat].client_id).collect();
        ids.sort_unstable();
        assert_eq!(truth.iter().map(|player| player.client_id).collect::<Vec<_>>(), ids);
        assert_eq!(self.net.server.gate().peers(), ids.len());
        for &seat in &playing {
            let known = self.net.known(seat);
            match self.view() {
                None => assert_eq!(known, truth, "seat {seat}"),
                Some(radius) => self.check_view(seat, &known, radius),
            }
        }
        let compared = self.net.seats.iter().map(|seat| seat.client.blocks().checksums);
        assert!(compared.sum::<u64>() > 0, "checksums are compared");
    }

    fn view(&self) -> Option<u64> {
        self.net.server.config().view.map(u64::from)
    }

    /// All within the radius are known, and nobody beyond the margin.
    fn check_view(&self, seat: usize, known: &[Player], radius: u64) {
        let here = self.net.true_at(self.net.seats[seat].client_id).expect("it plays");
        for player in self.net.truth() {
            let square = here.distance_squared(player.at);
            let is_known = known.contains(&player);
            assert!(is_known || square > radius.pow(2), "seat {seat} does not know {player:?}");
            assert!(!is_known || square <= (radius * 5 / 4).pow(2), "seat {seat} knows {player:?}");
        }
        assert!(known.iter().all(|known| self.net.true_at(known.client_id) == Some(known.at)), "seat {seat}");
    }
}
