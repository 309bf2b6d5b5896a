//! Messages between clients and a game, and corrections, through the seam: whatever the network does, and whoever lies.

use std::sync::{Arc, Mutex, MutexGuard};

use tickcast::config::Config;
use tickcast::game::{Game, Realm, Step, Verdict};
use tickcast::gate::DropReason;
use tickcast::mail::{Delivery, SendError, WAITING_BYTES_MAX, WAITING_MAX};
use tickcast::wire::{
    Encoding, Hello, HelloEncoding, MOVE_BYTES, Message, Position, message_bytes_max, put_message,
    put_move_extras, snapshot_extras,
};

use crate::draw::Draw;
use crate::pair::{Fate, Net, Way, at, bytes_of, hello, small, step};

/// What a game has heard, and is to say at its next tick.
#[derive(Default)]
struct Table {
    heard: Vec<(u32, Vec<u8>)>,
    to_say: Vec<(u32, Delivery, Vec<u8>)>,
    refused: Vec<SendError>,
    to_relocate: Option<(u32, Position)>,
}

struct Talker(Arc<Mutex<Table>>);

impl Game for Talker {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }

    fn on_message(&mut self, _realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        self.0.lock().expect("nobody panics").heard.push((player, message.to_vec()));
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        let mut table = self.0.lock().expect("nobody panics");
        for (player, delivery, message) in std::mem::take(&mut table.to_say) {
            if let Err(error) = realm.send(player, delivery, &message) {
                table.refused.push(error);
            }
        }
        if let Some((player, at)) = table.to_relocate.take() {
            assert!(realm.relocate(player, at));
        }
    }
}

/// A net with a talking game.
struct Chat {
    net: Net,
    table: Arc<Mutex<Table>>,
}

impl Chat {
    fn new(config: Config) -> Self {
        let table = Arc::new(Mutex::new(Table::default()));
        let game = Box::new(Talker(table.clone()));
        Self { net: Net::with_game(config, game), table }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("nobody panics")
    }

    /// The game says something at its next tick.
    fn say(&self, player: u32, delivery: Delivery, message: &[u8]) {
        self.table().to_say.push((player, delivery, message.to_vec()));
    }

    fn send(&mut self, seat: usize, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        self.net.seats[seat].client.send(delivery, message)
    }

    /// The client moves, and a tick goes by.
    fn turn(&mut self, seat: usize) {
        self.net.move_to(seat, 1, 1);
        self.net.step();
    }

    /// The numbers of the messages that the game has heard from a player.
    fn heard(&self, player: u32) -> Vec<u64> {
        self.table().heard.iter().filter(|(who, _)| *who == player).map(|(_, text)| number(text)).collect()
    }

    /// The numbers of those that a client has.
    fn read(&mut self, seat: usize) -> Vec<u64> {
        let client = &mut self.net.seats[seat].client;
        std::iter::from_fn(|| client.take_message()).map(|text| number(&text)).collect()
    }

    fn lost(&mut self, seat: usize) -> Vec<u64> {
        let client = &mut self.net.seats[seat].client;
        std::iter::from_fn(|| client.take_lost()).map(|text| number(&text)).collect()
    }
}

/// A message of some length that begins with its number.
fn text(number: u64, length: usize) -> Vec<u8> {
    let mut text = number.to_le_bytes().to_vec();
    text.resize(length.max(8), 7);
    text
}

fn number(text: &[u8]) -> u64 {
    u64::from_le_bytes(*text.first_chunk().expect("eight bytes"))
}

/// So many datagrams in a hundred are lost, as many come twice, and as many late.
fn storm(seed: u64, percent: u64) -> impl FnMut(Way, &[u8]) -> Fate {
    let mut draw = Draw::new(seed);
    move |_, _| match draw.below(100) / percent {
        0 => Fate::Lost,
        1 => Fate::Twice,
        2 => Fate::Late(draw.below(12)),
        _ => Fate::Arrives,
    }
}

#[test]
fn reliable_messages_arrive_once_and_in_order_both_ways_through_any_network() {
    for seed in 0..12 {
        println!("seed {seed}");
        // Small datagrams, which extras must leave room in.
        let datagram_bytes = [256, 500, 1_200][seed as usize % 3];
        let mut chat = Chat::new(Config { datagram_bytes, ..small() });
        let seats = [100, 101].map(|client_id| chat.net.join(client_id));
        let bystanders = [102, 103, 104, 105, 106, 107].map(|client_id| chat.net.join(client_id));
        chat.net.weather(storm(seed, 20));
        let (mut draw, most) = (Draw::new(seed + 1_000), message_bytes_max(datagram_bytes) as u64);
        let mut said = [[0_u64; 2]; 2];
        let mut read = [Vec::new(), Vec::new()];
        for tick in 0..600 {
            for (index, seat) in seats.into_iter().enumerate() {
                let length = 8 + draw.below(most - 7) as usize;
                if tick < 300
                    && draw.chance(30)
                    && chat.send(seat, Delivery::Reliable, &text(said[index][0], length)).is_ok()
                {
                    said[index][0] += 1;
                }
                if tick < 200 && draw.chance(20) {
                    chat.say(100 + index as u32, Delivery::Reliable, &text(said[index][1], length));
                    said[index][1] += 1;
                }
                chat.net.move_to(seat, tick, draw.below(50) as i32);
            }
            bystanders.into_iter().for_each(|seat| chat.net.move_to(seat, tick, -tick));
            chat.net.step();
            (0..2).for_each(|index| read[index].extend(chat.read(seats[index])));
        }
        assert_eq!(chat.table().refused, [], "seed {seed}");
        for index in 0..2 {
            assert_eq!(
                chat.heard(100 + index as u32),
                Vec::from_iter(0..said[index][0]),
                "seed {seed}: to the game"
            );
            assert_eq!(read[index], Vec::from_iter(0..said[index][1]), "seed {seed}: from the game");
            assert!(said[index][0] > 20 && said[index][1] > 20);
        }
        for seat in seats {
            let client = &chat.net.seats[seat].client;
            assert_eq!((client.malformed(), client.blocks().desyncs, client.waiting_messages()), (0, 0, 0));
        }
    }
}

#[test]
fn unreliable_messages_arrive_once_at_most_and_mostly() {
    let mut chat = Chat::new(small());
    let seat = chat.net.join(100);
    chat.net.weather(storm(5, 20));
    let mut read = Vec::new();
    for tick in 0..300 {
        chat.send(seat, Delivery::Unreliable, &text(tick, 20)).expect("they do not wait");
        chat.say(100, Delivery::Unreliable, &text(tick, 20));
        chat.turn(seat);
        read.extend(chat.read(seat));
    }
    for mut arrived in [read, chat.heard(100)] {
        let count = arrived.len();
        arrived.sort_unstable();
        arrived.dedup();
        assert!(arrived.len() == count && (150..300).contains(&count), "{count} of 300, each once");
    }
}

#[test]
fn messages_go_on_where_a_client_comes_from_another_address() {
    for seat_before in 0..2 {
        let mut chat = Chat::new(small());
        (0..seat_before).for_each(|number| _ = chat.net.join(90 + number));
        let seat = chat.net.join(100);
        let (mut said, mut read) = (0, Vec::new());
        for tick in 0..500 {
            if tick % 100 == 50 && tick < 300 {
                chat.net.change_address(seat);
            }
            if tick < 300 && tick % 3 == 0 && chat.send(seat, Delivery::Reliable, &text(said, 30)).is_ok() {
                chat.say(100, Delivery::Reliable, &text(said, 30));
                said += 1;
            }
            chat.turn(seat);
            read.extend(chat.read(seat));
        }
        assert!(chat.net.welcome(seat).is_resumed() && said > 60, "{said} said");
        let all = Vec::from_iter(0..said);
        assert_eq!((chat.heard(100), read, chat.lost(seat)), (all.clone(), all, Vec::new()));
    }
}

#[test]
fn who_was_forgotten_hears_what_is_lost_and_begins_anew() {
    let mut chat = Chat::new(small());
    let seat = chat.net.join(100);
    chat.send(seat, Delivery::Reliable, &text(0, 8)).expect("room");
    (0..3).for_each(|_| chat.turn(seat));
    // From here on nothing arrives, until the server has given up.
    chat.net.weather(|_, _| Fate::Lost);
    chat.send(seat, Delivery::Reliable, &text(1, 8)).expect("room");
    chat.say(100, Delivery::Reliable, &text(10, 8));
    chat.turn(seat);
    chat.send(seat, Delivery::Reliable, &text(2, 8)).expect("room");
    chat.net.run(400);
    assert_eq!(chat.net.server.gate().peers(), 0);
    chat.net.weather(|_, _| Fate::Arrives);
    chat.net.run(30);
    assert!(!chat.net.welcome(seat).is_resumed());
    assert_eq!(chat.lost(seat), [1], "it was sent; the one behind it never was");
    chat.say(100, Delivery::Reliable, &text(11, 8));
    (0..5).for_each(|_| chat.turn(seat));
    assert_eq!((chat.heard(100), chat.read(seat)), (vec![0, 2], vec![11]));
}

#[test]
fn nobody_is_there_who_does_not_play_or_reads_no_messages() {
    let mut chat = Chat::new(small());
    let addr = chat.net.address();
    let session = chat.net.welcomed(addr, hello(7, 1)).session;
    chat.say(7, Delivery::Reliable, b"to one whose hello had no such bit");
    chat.say(8, Delivery::Reliable, b"to nobody");
    chat.net.step();
    assert_eq!(chat.table().refused, [SendError::NobodyThere; 2]);
    let mut bytes = bytes_of(step(7, session, 1, 5));
    put_move_extras(0, 0, &mut bytes);
    chat.net.say_bytes(addr, &bytes);
    assert_eq!(chat.net.drops(DropReason::Extras), 1);
}

#[test]
fn so_much_waits_and_then_the_game_hears_that_it_is_full() {
    let mut chat = Chat::new(small());
    let seat = chat.net.join(100);
    (0..100).for_each(|number| chat.say(100, Delivery::Reliable, &text(number, 8)));
    chat.net.step();
    assert_eq!(chat.table().refused, vec![SendError::Full; 100 - WAITING_MAX]);
    (0..60).for_each(|_| chat.turn(seat));
    // The client has all, and reads none: what comes now waits behind them.
    (100..110).for_each(|number| chat.say(100, Delivery::Reliable, &text(number, 8)));
    (0..60).for_each(|_| chat.turn(seat));
    assert_eq!(chat.read(seat), Vec::from_iter((0..WAITING_MAX as u64).chain(100..110)));
    let long = [7; 256];
    let sent = (0..100).take_while(|_| chat.send(seat, Delivery::Unreliable, &long).is_ok()).count();
    assert_eq!(sent, WAITING_BYTES_MAX / long.len());
}

#[test]
fn a_flood_of_messages_is_cut_to_the_rate_and_reliable_ones_come_again() {
    let mut chat = Chat::new(Config { message_bytes_per_second: 1_024, ..small() });
    let [seat, other] = [100, 101].map(|client_id| chat.net.join(client_id));
    let mut said = 0;
    for tick in 0..300 {
        chat.send(seat, Delivery::Unreliable, &text(tick, 100)).expect("they do not wait");
        if tick == 200 || tick == 100 {
            chat.send(other, Delivery::Reliable, &text(said, 100)).expect("room");
            said += 1;
        }
        chat.net.move_to(seat, 1, 1);
        chat.turn(other);
    }
    let heard = chat.heard(100).len();
    assert!(
        (90..=110).contains(&heard),
        "{heard} of 106 bytes in ten seconds at 1,024 a second, and a burst"
    );
    assert_eq!(chat.net.drops(DropReason::MessageRate), 300 - heard as u64);
    assert_eq!(chat.heard(101), [0, 1], "another's is another's");
    while chat.send(seat, Delivery::Reliable, &text(1_000, 250)).is_ok() {}
    (0..400).for_each(|_| chat.turn(seat));
    assert_eq!(chat.heard(100).iter().filter(|number| **number == 1_000).count(), WAITING_BYTES_MAX / 250);
}

#[test]
fn whoever_says_hello_anew_may_say_no_more_for_that() {
    let mut chat = Chat::new(Config { message_bytes_per_second: 1_024, ..small() });
    let from = chat.net.address();
    for nonce in 1..=7 {
        let encoding = HelloEncoding { encoding: Encoding::Plain, extras: nonce % 3 > 0 }.number();
        let session = chat.net.welcomed(from, Hello { encoding, ..hello(7, nonce) }).session;
        for sequence in 1..=4 {
            let mut bytes = bytes_of(step(7, session, sequence, 5));
            put_move_extras(0, 0, &mut bytes);
            put_message(&Message { sequence: 0, bytes: &text(0, 250) }, &mut bytes);
            chat.net.say_bytes(from, &bytes);
        }
        chat.net.step();
        chat.net.mail(from);
    }
    let heard = chat.heard(7).len();
    assert!((4..=6).contains(&heard), "{heard} of 256 bytes in half a second");
}

#[test]
fn whoever_is_told_much_all_the_time_still_gets_to_know_the_world() {
    for (seats, datagram_bytes, view) in
        [(0, 256, None), (1, 256, None), (0, 256, Some(2_000)), (1, 256, Some(2_000)), (0, 1_200, None)]
    {
        let mut chat = Chat::new(Config { datagram_bytes, view, ..small() });
        (0..seats).for_each(|number| _ = chat.net.join(90 + number));
        let seat = chat.net.join(100);
        let others = Vec::from_iter((200..240).map(|client_id| chat.net.join(client_id)));
        let mut draw = Draw::new(5);
        for tick in 0..200_u64 {
            chat.say(100, Delivery::Unreliable, &text(tick, 24));
            chat.say(100, Delivery::Unreliable, &text(tick, 20));
            for &other in &others {
                let (x, y) = (draw.below(1_000) as i32, draw.below(1_000) as i32);
                if tick % 30 == 0 {
                    chat.net.move_to(other, x, y);
                }
            }
            chat.turn(seat);
            chat.read(seat);
        }
        let known = chat.net.known(seat).len();
        assert_eq!(known, chat.net.truth().len(), "{seats} {datagram_bytes} {view:?}");
    }
}

#[test]
fn what_is_no_extras_is_dropped_and_what_lies_changes_nothing_for_others() {
    let mut chat = Chat::new(small());
    let (liar, bystander) = (chat.net.address(), chat.net.join(101));
    let encoding = HelloEncoding { encoding: Encoding::Plain, extras: true }.number();
    let session = chat.net.welcomed(liar, Hello { encoding, ..hello(7, 1) }).session;
    let mut sequence = 0;
    let mut say = |chat: &mut Chat, behind: &[u8]| {
        sequence += 1;
        let bytes = [&bytes_of(step(7, session, sequence, 5))[..], behind].concat();
        chat.net.say_bytes(liar, &bytes);
        chat.net.step();
        chat.net.mail(liar);
    };
    let before = chat.net.server.gate().drops().total();
    let too_long = vec![1; 301];
    let empty = [0; 14];
    let longest = message_bytes_max(chat.net.server.config().datagram_bytes);
    let mut message_too_long = vec![0; 8];
    put_message(&Message { sequence: 0, bytes: &vec![1; longest + 1] }, &mut message_too_long);
    for wrong in [&[0; 7][..], &[0; 9], &empty, &[1; 40], &too_long, &vec![0; 1_100], &message_too_long] {
        say(&mut chat, wrong);
    }
    assert_eq!((chat.net.server.gate().drops().total() - before, chat.heard(7).len()), (7, 0));
    let mut draw = Draw::new(3);
    for _ in 0..200 {
        let mut behind = Vec::new();
        put_move_extras(draw.number() as u32 & 0xf, draw.number() as u32 & 0xf, &mut behind);
        for _ in 0..draw.below(5) {
            let sequence = if draw.chance(50) { draw.below(8) as u32 } else { draw.number() as u32 };
            put_message(&Message { sequence, bytes: b"liar-liar" }, &mut behind);
        }
        say(&mut chat, &behind);
        chat.net.move_to(bystander, 2, 2);
    }
    chat.send(bystander, Delivery::Reliable, &text(1, 8)).expect("room");
    chat.say(101, Delivery::Reliable, &text(2, 8));
    (0..5).for_each(|_| chat.turn(bystander));
    assert_eq!((chat.heard(101), chat.read(bystander)), (vec![1], vec![2]));
}

#[test]
fn moves_made_before_a_correction_was_known_count_for_nothing() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut chat = Chat::new(small());
        (0..seed % 2).for_each(|number| _ = chat.net.join(90 + number as u32));
        let seat = chat.net.join(100);
        (0..3).for_each(|_| chat.turn(seat));
        chat.net.weather(storm(seed, 25));
        for round in 0..10 {
            chat.table().to_relocate = Some((100, at(5_000 + round, 0)));
            let corrected = (0..200).find_map(|_| {
                say_move(&mut chat, seat, at(7, 7));
                chat.net.step();
                let stands = chat.net.true_at(100);
                assert_eq!(stands, Some(at(5_000 + round, 0)), "what is said does not count yet");
                // It may go on for a while before it looks.
                chat.net.seats[seat].client.take_correction()
            });
            assert_eq!(corrected, Some(at(5_000 + round, 0)), "seed {seed}");
            let follows = (0..200).find(|step| {
                say_move(&mut chat, seat, at(5_000 + round, 1 + step));
                chat.net.step();
                chat.net.true_at(100).is_some_and(|stands| stands.y > 0)
            });
            assert!(follows.is_some(), "seed {seed}");
        }
        chat.net.weather(|_, _| Fate::Arrives);
        let plain = (0..5).map(|_| say_move(&mut chat, seat, at(1, 1))).last();
        chat.net.run(3);
        assert!(plain.is_some());
        assert_eq!(say_move(&mut chat, seat, at(2, 2)), MOVE_BYTES, "nothing is left to say");
    }
}

/// Moves without a look at corrections; gives the length of the datagram.
fn say_move(chat: &mut Chat, seat: usize, to: Position) -> usize {
    let mut bytes = Vec::new();
    chat.net.seats[seat].client.move_to(to, 0, &mut bytes);
    let length = bytes.len();
    if length > 0 {
        chat.net.send_up(seat, bytes);
    }
    length
}

/// How many messages the game says to a client that moves every so many ticks, and how often they are sent where nothing is
/// lost or late; after some from which it is known how long answers take.
fn sent_to_one_who_moves(every: u64) -> [u64; 2] {
    let mut chat = Chat::new(small());
    let seat = chat.net.join(100);
    let sent = Arc::new(Mutex::new(0));
    let count = Arc::clone(&sent);
    chat.net.weather(move |way, bytes| {
        if way == Way::ToClient
            && let Ok(Some(extras)) = snapshot_extras(bytes)
        {
            *count.lock().expect("nobody panics") += extras.messages.into_iter().count() as u64;
        }
        Fate::Arrives
    });
    let (known, ticks, from_to) = (300, 1_200, 30);
    for tick in 0..ticks {
        if tick == known {
            *sent.lock().expect("nobody panics") = 0;
        }
        if tick % from_to == 7 {
            chat.say(100, Delivery::Reliable, &text(tick, 8));
        }
        if tick.is_multiple_of(every) {
            chat.net.move_to(seat, (tick % 50) as i32, 1);
        }
        chat.net.step();
        chat.read(seat);
    }
    let sent = *sent.lock().expect("nobody panics");
    [(ticks - known) / from_to, sent]
}

#[test]
fn one_who_moves_seldom_is_not_sent_everything_again_and_again() {
    for every in [1, 3, 6, 10, 15] {
        let [said, sent] = sent_to_one_who_moves(every);
        assert!((said..said + 3).contains(&sent), "a move every {every} ticks: {sent} sent of {said}");
    }
}

#[test]
fn who_has_read_nothing_for_long_reads_all_that_has_come_and_what_waited_for_room_comes_at_once() {
    let mut chat = Chat::new(small());
    let seat = chat.net.join(100);
    for number in 0..100 {
        chat.say(100, Delivery::Reliable, &text(number, 8));
        chat.turn(seat);
    }
    assert_eq!(chat.read(seat), Vec::from_iter(0..100));
    chat.net.run(1);
    chat.turn(seat);
    chat.turn(seat);
    (0..WAITING_MAX as u64).for_each(|number| chat.say(100, Delivery::Reliable, &text(number, 8)));
    chat.turn(seat);
    assert_eq!(chat.table().refused, [], "the server has heard that all has been read");
}
