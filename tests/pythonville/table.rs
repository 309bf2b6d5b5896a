//! Monsters that bite, answers to wishes, and the end of a server: a server core and clients in memory. Ticks are made here.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use tickcast::Config;
use tickcast::client::{Client, ClientConfig, Event, Phase};
use tickcast::gate::PeerAddr;
use tickcast::level::Level;
use tickcast::mail::Delivery;
use tickcast::secret::Secret;
use tickcast::server::{Batch, Changes, Server};
use tickcast::wire::{ClosedReason, Position, Tick};
use tickcast::work::Work;

use crate::rules::Pythonville;
use crate::rules::fight::HEALTH;
use crate::rules::items::Item;
use crate::rules::trade::{End, No};
use crate::rules::words::{News, Wish};
use crate::tie::Tie;

const PERIOD: Duration = Duration::from_millis(50);

/// A server, and who plays there.
struct Table {
    server: Server,
    now: Instant,
    tick: u64,
    players: Vec<Player>,
}

struct Player {
    client: Client,
    tie: Tie,
    addr: PeerAddr,
    at: Position,
    news: Vec<News>,
}

impl Player {
    fn new(client_id: u32, now: Instant) -> Self {
        let addr = PeerAddr::udp(([10, 0, 0, 1], client_id as u16).into(), None).expect("an address");
        let client = Client::new(ClientConfig::new(client_id), &Secret::from_seed(client_id.into()), now);
        Self { client, tie: Tie::default(), addr, at: Position::default(), news: Vec::new() }
    }

    fn ask(&mut self, wish: Wish) {
        self.client.send(Delivery::Reliable, &wish.bytes()).expect("there is room");
    }
}

impl Table {
    fn new(monsters: usize, players: &[u32]) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant has no other origin; only differences count"
        )]
        let now = Instant::now();
        let players = players.iter().map(|id| Player::new(*id, now)).collect();
        Self { server: server(monsters, 1, now), now, tick: 0, players }
    }

    /// One tick, with all thoughts of monsters.
    fn step(&mut self) {
        self.now += PERIOD;
        self.tick += 1;
        for player in &mut self.players {
            let mut bytes = Vec::new();
            player.tie.hold(self.now, &mut player.client);
            if player.client.poll(self.now, &mut bytes)
                || player.client.move_to(player.at, 0, &mut bytes).is_some()
            {
                let answer =
                    self.server.gate().receive(self.now, player.addr, &bytes).map(|said| said.to_vec());
                answer.into_iter().for_each(|bytes| player.receive(self.now, &bytes));
            }
        }
        self.server.tick(self.now, Tick(self.tick));
        for started in self.server.take_work().collect::<Vec<_>>() {
            let Work::Thread(think) = started.work else { panic!("monsters compute") };
            self.server.finish(started.id, Ok(think(&started.stop)));
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        let mut batch = Batch::new(self.server.config().datagram_bytes);
        while self.server.poll(&mut batch) {
            for (to, bytes) in batch.iter() {
                let player = self.players.iter_mut().find(|player| player.addr == to);
                player.into_iter().for_each(|player| player.receive(self.now, bytes));
            }
        }
    }

    /// Until something is so, for at most so many ticks.
    fn step_until(&mut self, ticks: u64, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..ticks {
            if is_so(self) {
                return;
            }
            self.step();
        }
        let news: Vec<&[News]> = self.players.iter().map(|player| &player.news[..]).collect();
        panic!("not within {ticks} ticks: {news:?}");
    }
}

impl Player {
    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(event) = self.client.receive(now, bytes) {
            self.tie.on_event(now, &event);
        }
        if let Some(welcome) = self.client.welcome().filter(|welcome| welcome.is_placed())
            && self.at == Position::default()
        {
            self.at = welcome.at;
        }
        while let Some(message) = self.client.take_message() {
            self.news.extend(News::read(&message));
        }
    }

    /// Whether it has been told all that is so.
    fn is_settled(&self) -> bool {
        self.news.iter().any(|news| matches!(news, News::Anew { .. }))
    }
}

fn server(monsters: usize, seed: u64, now: Instant) -> Server {
    let level = Level::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/yard.tmx")).expect("a level");
    let tick_rate = "20".parse().expect("a rate");
    let config = Config { enemies: monsters, max_peers: 8, tick_rate, ..Config::default() };
    let config = config.in_level(Arc::new(level));
    let game = Pythonville::new(&config);
    Server::with_game(config, Box::new(game), &Secret::from_seed(seed), now).expect("it can be served")
}

#[test]
fn a_monster_bites_who_stands_still_until_that_is_its_death_and_no_bite_moves_anybody() {
    let mut table = Table::new(1, &[7]);
    table.step_until(100, |table| table.players[0].is_settled());
    let stood = table.players[0].at;
    let mut healths = Vec::new();
    for _ in 0..20 * 120 {
        table.step();
        let player = &mut table.players[0];
        let has_died = player.news.contains(&News::Died);
        healths.extend(player.news.drain(..).filter_map(|news| match news {
            News::Health(health) => Some(health),
            _ => None,
        }));
        let corrected = player.client.take_correction();
        if has_died {
            assert_eq!(healths, (1..HEALTH).rev().collect::<Vec<_>>(), "each bite costs one");
            assert!(corrected.is_some_and(|home| home != stood), "it wakes up somewhere else");
            return;
        }
        assert_eq!(corrected, None, "with a health of {healths:?}");
    }
    panic!("it lives for ever, with {healths:?}");
}

#[test]
fn an_offer_of_the_last_server_takes_nothing_from_the_next() {
    let mut numbers = Vec::new();
    for seed in [1, 2] {
        let mut table = Table::new(0, &[5, 6]);
        table.server = server(0, seed, table.now);
        table.step_until(100, |table| table.players.iter().all(Player::is_settled));
        table.players[0].ask(Wish::Offer { to: 6, gives: Item::Apple, wants: Item::Sword });
        let offered =
            |news: &News| if let News::Offered { number, .. } = news { Some(*number) } else { None };
        table.step_until(100, |table| table.players[1].news.iter().any(|news| offered(news).is_some()));
        for number in &numbers {
            table.players[1].ask(Wish::Accept(*number));
        }
        let over =
            |table: &Table| table.players[1].news.iter().filter(|news| **news == News::No(No::Over)).count();
        table.step_until(100, |table| over(table) == numbers.len());
        numbers.extend(table.players[1].news.iter().filter_map(offered));
    }
}

#[test]
fn who_comes_again_while_its_old_session_lasts_plays_as_soon_as_that_has_ended() {
    let mut table = Table::new(0, &[5]);
    table.step_until(100, |table| table.players[0].is_settled());
    // Killed, and started again at another address.
    let mut again = Player::new(5, table.now);
    again.client = Client::new(ClientConfig::new(5), &Secret::from_seed(99), table.now);
    again.addr = PeerAddr::udp(([10, 0, 0, 1], 99).into(), None).expect("an address");
    table.players = vec![again];
    table.step_until(40, |table| matches!(table.players[0].client.phase(), Phase::Refused(_)));
    table.step_until(300, |table| table.players[0].is_settled());
}

#[test]
fn who_is_told_that_the_server_goes_plays_at_the_next() {
    let mut table = Table::new(0, &[5]);
    table.step_until(100, |table| table.players[0].is_settled());
    table.server.close(ClosedReason::ShuttingDown);
    table.deliver();
    assert!(matches!(table.players[0].client.phase(), Phase::Closed(_)));
    table.server = server(0, 2, table.now);
    table.players[0].news.clear();
    table.step_until(100, |table| table.players[0].is_settled());
}

#[test]
fn what_the_standard_game_keeps_of_players_is_kept_here_too() {
    let mut table = Table::new(0, &[5]);
    table.server.remember([]);
    table.server.remember_profiles(Vec::new(), 1);
    table.step_until(100, |table| table.players[0].is_settled());
    let named = [&[1, 5][..], b"Brian"].concat();
    table.players[0].client.send(Delivery::Reliable, &named).expect("there is room");
    let mut changes = Changes::default();
    for _ in 0..100 {
        table.step();
        table.server.take_changes(&mut changes);
        if changes.profiles.iter().any(|profile| profile.name.as_str() == "Brian") {
            return;
        }
    }
    panic!("nobody is called Brian: {changes:?}");
}

#[test]
fn the_question_for_all_that_is_so_waits_until_there_is_room_for_it() {
    let mut table = Table::new(0, &[5]);
    table.step_until(100, |table| table.players[0].is_settled());
    let player = &mut table.players[0];
    player.news.clear();
    let say = Wish::Say("spam".into()).bytes();
    while player.client.send(Delivery::Reliable, &say).is_ok() {}
    let welcome = *player.client.welcome().expect("it plays");
    player.tie.on_event(table.now, &Event::Welcomed(welcome));
    table.step_until(400, |table| table.players[0].is_settled());
}

/// What came of an offer, or of an answer to the offer of that number, as its player is told.
fn is_answer(news: &News, me: u32, wish: &Wish) -> bool {
    match (news, wish) {
        (News::No(_), _) => true,
        (News::Offered { from, .. }, Wish::Offer { .. }) => *from == me,
        (News::Ended { number, how: End::Taken | End::Declined | End::Withdrawn, .. }, wish) => {
            [Wish::Accept(*number), Wish::Decline(*number)].contains(wish)
        }
        _ => false,
    }
}

#[test]
fn every_wish_to_trade_has_one_answer() {
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut table = Table::new(0, &[5, 6, 7]);
    table.step_until(100, |table| table.players.iter().all(Player::is_settled));
    let (mut numbers, mut taken) = (vec![0], 0);
    for turn in 0..600 {
        let index = draw.random_range(0..3);
        let number = numbers[numbers.len() - 1 - draw.random_range(0..numbers.len().min(3))];
        let [gives, wants] = [(); 2].map(|()| Item::ALL[draw.random_range(0..Item::ALL.len())]);
        let wish = match draw.random_range(0..10) {
            0..5 => Wish::Offer { to: draw.random_range(4..8), gives, wants },
            5..9 => Wish::Accept(number),
            _ => Wish::Decline(number),
        };
        let player = &mut table.players[index];
        player.news.clear();
        player.ask(wish.clone());
        // There and back, and long enough that the next is not too fast.
        (0..4).for_each(|_| table.step());
        let (me, news) = (5 + index as u32, &table.players[index].news);
        let answers = news.iter().filter(|news| is_answer(news, me, &wish)).count();
        assert_eq!(answers, 1, "turn {turn}: {me} wishes {wish:?}, and is told {news:?}");
        for news in news {
            match news {
                News::Offered { number, .. } => numbers.push(*number),
                News::Ended { how: End::Taken, .. } => taken += 1,
                _ => {}
            }
        }
    }
    assert!(taken > 10, "{taken} trades are too few to say anything");
}
