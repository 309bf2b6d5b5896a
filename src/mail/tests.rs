//! Both ends, and a network between them that loses, doubles and reorders.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::*;
use crate::secret::Secret;
use crate::wire::{MESSAGE_HEADER_BYTES, Message, Messages, Tick};

const BYTES_MAX: usize = 260;
const ROOM: usize = 300;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn written(outgoing: &mut Outgoing, now: Duration) -> Vec<(u32, Vec<u8>)> {
    let mut bytes = Vec::new();
    outgoing.write(now, ROOM, &mut bytes);
    assert!(bytes.len() <= ROOM);
    let messages = Messages::read(&bytes).expect("messages");
    messages.map(|message| (message.sequence, message.bytes.to_vec())).collect()
}

fn say(outgoing: &mut Outgoing, delivery: Delivery, text: &[u8]) {
    outgoing.send(delivery, text, BYTES_MAX).expect("there is room");
}

#[test]
fn a_reliable_message_is_sent_at_once_and_ever_more_seldom_until_it_has_arrived() {
    let mut outgoing = Outgoing::default();
    say(&mut outgoing, Delivery::Reliable, b"a");
    let sent: Vec<u64> = (0..5_000).filter(|at| !written(&mut outgoing, ms(*at)).is_empty()).collect();
    assert_eq!(sent, [0, 250, 500, 750, 1_000, 1_500, 2_500, 3_500, 4_500]);
    outgoing.on_received(ms(5_000), 1);
    assert_eq!((outgoing.waiting(), outgoing.bytes()), (0, 0));
    assert!(!outgoing.has_due(ms(9_000)));
}

#[test]
fn where_nothing_is_lost_nothing_is_sent_twice_up_to_600_ms_there_and_back() {
    for way in [1, 90, 150, 400, 600] {
        let (mut outgoing, mut flying, mut sent) = (Outgoing::default(), VecDeque::new(), Vec::new());
        for now in (0..60_000).step_by(33) {
            if now % 330 == 0 {
                say(&mut outgoing, Delivery::Reliable, b"a");
            }
            for (sequence, _) in written(&mut outgoing, ms(now)) {
                sent.push(sequence);
                flying.push_back((now, sequence));
            }
            let here = flying.iter().take_while(|(at, _)| at + way <= now).count();
            for (at, sequence) in flying.drain(..here) {
                outgoing.on_received(ms(now), sequence);
                outgoing.on_answer(ms(now - at));
            }
        }
        let settled: Vec<u32> = sent.into_iter().skip_while(|sequence| *sequence < 20).collect();
        assert!(settled.len() > 150 && settled.is_sorted_by(|a, b| a < b), "{way} ms: {settled:?}");
    }
}

#[test]
fn the_next_that_was_sent_before_what_is_acknowledged_now_is_sent_again_at_once() {
    let mut outgoing = Outgoing::default();
    let sequences = |written: Vec<(u32, Vec<u8>)>| written.into_iter().map(|(sequence, _)| sequence);
    (0..3).for_each(|_| say(&mut outgoing, Delivery::Reliable, &[7; 250]));
    let first = [0, 100, 200].map(|at| sequences(written(&mut outgoing, ms(at))).collect::<Vec<_>>());
    assert_eq!(first, [[1], [2], [3]]);
    // The first was lost, and is sent again; now it has arrived.
    assert_eq!(sequences(written(&mut outgoing, ms(250))).collect::<Vec<_>>(), [1]);
    outgoing.on_received(ms(300), 1);
    let again = [300, 301, 302].map(|at| sequences(written(&mut outgoing, ms(at))).collect::<Vec<_>>());
    assert_eq!(again, [vec![2], vec![], vec![]]);
}

#[test]
fn what_was_never_sent_cannot_have_arrived() {
    let mut outgoing = Outgoing::default();
    say(&mut outgoing, Delivery::Reliable, b"a");
    outgoing.on_received(ms(0), 1);
    assert_eq!(outgoing.waiting(), 1);
    written(&mut outgoing, ms(0));
    for lie in [0, 2, 7, u32::MAX] {
        outgoing.on_received(ms(0), lie);
    }
    assert_eq!(outgoing.waiting(), 1);
}

#[test]
fn an_unreliable_message_is_sent_once_also_beside_many_others() {
    let mut outgoing = Outgoing::default();
    (0..20).for_each(|_| say(&mut outgoing, Delivery::Reliable, &[7; 200]));
    say(&mut outgoing, Delivery::Unreliable, &[8; 200]);
    let sent: Vec<u32> =
        (0..4).flat_map(|_| written(&mut outgoing, ms(0))).map(|(sequence, _)| sequence).collect();
    assert_eq!(sent, [1, 0, 2, 3], "in turn with the reliable ones");
}

#[test]
fn so_much_may_wait_and_no_more() {
    let mut outgoing = Outgoing::default();
    assert_eq!(outgoing.send(Delivery::Reliable, b"", BYTES_MAX), Err(SendError::Empty));
    let too_long = Err(SendError::TooLong { bytes_max: BYTES_MAX });
    assert_eq!(outgoing.send(Delivery::Unreliable, &[0; BYTES_MAX + 1], BYTES_MAX), too_long);
    (0..WAITING_MAX).for_each(|_| say(&mut outgoing, Delivery::Reliable, b"a"));
    for delivery in [Delivery::Reliable, Delivery::Unreliable] {
        assert_eq!(outgoing.send(delivery, b"a", BYTES_MAX), Err(SendError::Full));
    }
    let mut outgoing = Outgoing::default();
    let long = WAITING_BYTES_MAX / 256;
    (0..long).for_each(|_| say(&mut outgoing, Delivery::Unreliable, &[0; 256]));
    assert_eq!(outgoing.send(Delivery::Reliable, b"a", BYTES_MAX), Err(SendError::Full));
}

#[test]
fn who_begins_anew_loses_what_may_have_arrived_and_says_so() {
    let mut outgoing = Outgoing::default();
    say(&mut outgoing, Delivery::Reliable, b"sent");
    written(&mut outgoing, ms(0));
    say(&mut outgoing, Delivery::Reliable, b"not sent");
    say(&mut outgoing, Delivery::Reliable, &[1; 100]);
    outgoing.begin_anew(99);
    assert_eq!(outgoing.waiting(), 3, "what is lost waits for notice");
    let lost: Vec<_> = std::iter::from_fn(|| outgoing.take_lost()).collect();
    assert_eq!(lost, [b"sent".as_slice().into(), [1; 100].as_slice().into()] as [Box<[u8]>; 2]);
    assert_eq!(written(&mut outgoing, ms(0)), [(1, b"not sent".to_vec())]);
    outgoing.on_received(ms(0), 1);
    assert_eq!((outgoing.waiting(), outgoing.bytes()), (0, 0));
}

#[test]
fn a_stream_goes_around_without_0() {
    assert_eq!((next(0), next(u32::MAX - 1), next(u32::MAX)), (1, u32::MAX, 1));
}

#[test]
fn whoever_says_too_much_has_to_wait() {
    let mut allowance = Allowance::default();
    let burst = (0..100).filter(|_| allowance.charge(ms(5_000), 100, 1_000)).count();
    assert_eq!(burst, 10);
    let granted = (0..3_000).filter(|at| allowance.charge(ms(5_001 + at), 100, 1_000)).count();
    assert_eq!(granted, 30);
    assert!(allowance.charge(ms(60_000), 1_000, 1_000), "all of a second at once");
}

#[test]
fn who_goes_leaves_nothing_in_its_row_and_who_does_not_read_is_nobody() {
    let (mut office, mut out) = (Office::new(1_200), Vec::new());
    assert_eq!(office.send(3, Delivery::Reliable, b"a"), Err(SendError::NobodyThere));
    office.admit(3);
    office.write_extras(3, (Tick(1), ms(0)), None, ROOM, &mut out);
    assert!(out.is_empty(), "nothing was said");
    assert_eq!(office.send(3, Delivery::Reliable, b"a"), Ok(()));
    office.write_extras(3, (Tick(1), ms(0)), None, ROOM, &mut out);
    assert_eq!(out.len(), 18 + MESSAGE_HEADER_BYTES + 1);
    office.dismiss(3);
    assert_eq!(office.send(3, Delivery::Reliable, b"a"), Err(SendError::NobodyThere));
    out.clear();
    office.admit(3);
    office.write_extras(3, (Tick(1), ms(500)), None, ROOM, &mut out);
    assert!(out.is_empty(), "what waited is gone");
}

#[test]
fn what_is_too_much_is_not_taken_and_comes_again() {
    let mut office = Office::new(1_200);
    office.admit(0);
    let mut said = Allowance::default();
    let mut take = |now, sequence| {
        let message = Message { sequence, bytes: &[1; 250] };
        let mailbox = office.of_sender(0).expect("a reader");
        let taken = mailbox.take(ms(now), &message, &mut said, 1_024);
        (taken, std::iter::from_fn(|| mailbox.take_kept()).count())
    };
    let first = [1, 3, 1, 3, 2].map(|sequence| take(0, sequence));
    let again = (Taken::OutOfTurn, 0);
    assert_eq!(first, [(Taken::Now, 0), (Taken::Later, 0), again, again, (Taken::Now, 1)]);
    let too_much = [3, 4, 5, 0].map(|sequence| take(0, sequence));
    assert_eq!(too_much, [again, (Taken::Now, 0), (Taken::TooMuch, 0), (Taken::TooMuch, 0)]);
    assert_eq!([6, 5].map(|sequence| take(5_000, sequence)), [(Taken::Later, 0), (Taken::Now, 1)]);
}

#[test]
fn no_more_is_kept_than_the_other_end_may_have_waiting() {
    let mut incoming = Incoming::default();
    assert_eq!(incoming.turn(WAITING_MAX as u32), Turn::Later);
    assert_eq!(incoming.turn(WAITING_MAX as u32 + 1), Turn::Never, "it cannot wait beside the first");
    assert_eq!([0, u32::MAX].map(|sequence| incoming.turn(sequence)), [Turn::Never; 2]);
    let message = [1; 1_000];
    (2..20).for_each(|sequence| incoming.keep(sequence, &message));
    let turns = [9, 10].map(|sequence| incoming.turn(sequence));
    assert_eq!(turns, [Turn::Never, Turn::Later], "eight thousand bytes are kept");
    assert_eq!((incoming.turn(1), incoming.first_kept()), (Turn::Now, None));
    assert_eq!(incoming.take(), None);
    let taken = std::iter::from_fn(|| incoming.first_kept().is_some().then(|| incoming.take()));
    assert_eq!(taken.count(), 8);
    assert_eq!(incoming.turn(10), Turn::Now);
    (11..20).for_each(|sequence| incoming.keep(sequence, &message));
    assert_eq!([18, 19].map(|sequence| incoming.turn(sequence)), [Turn::Never, Turn::Later]);
}

/// Datagrams on their way, by the time of their arrival: with a time, what has been received, and messages.
#[derive(Default)]
struct Link {
    flying: BTreeMap<(u64, u64), (u64, u32, Vec<u8>)>,
    sent: u64,
}

impl Link {
    fn send(&mut self, now: u64, draw: u64, datagram: (u64, u32, Vec<u8>)) {
        let copies = [0, 1, 1, 1, 1, 2][(draw % 6) as usize];
        for copy in 0..copies {
            self.sent += 1;
            let delay = 1 + (draw >> (8 + 16 * copy)) % 180;
            self.flying.insert((now + delay, self.sent), datagram.clone());
        }
    }

    fn arrived(&mut self, now: u64) -> Vec<(u64, u32, Vec<u8>)> {
        let later = self.flying.split_off(&(now + 1, 0));
        std::mem::replace(&mut self.flying, later).into_values().collect()
    }
}

/// One direction of a play: what is said, what arrives, in what order.
#[derive(Default)]
struct Direction {
    outgoing: Outgoing,
    incoming: Incoming,
    there: Link,
    back: Link,
    said: Vec<u64>,
    heard: Vec<u64>,
    refused: u64,
    /// When the newest datagram was sent that has been heard.
    newest: u64,
}

impl Direction {
    fn hear(&mut self, message: &[u8]) {
        self.incoming.take();
        let number = message.first_chunk().expect("eight bytes");
        self.heard.push(u64::from_le_bytes(*number));
    }

    fn step(&mut self, now: u64, draw: &Secret) {
        let drawn = |purpose: u64| draw.number(now << 3 | purpose);
        if now < 20_000 && drawn(0).is_multiple_of(5) {
            let mut text = (self.said.len() as u64).to_le_bytes().to_vec();
            text.resize(8 + (drawn(1) % 200) as usize, 0);
            match self.outgoing.send(Delivery::Reliable, &text, BYTES_MAX) {
                Ok(()) => self.said.push(self.said.len() as u64),
                Err(error) => {
                    assert_eq!(error, SendError::Full);
                    self.refused += 1;
                }
            }
        }
        assert!(self.outgoing.waiting() <= WAITING_MAX && self.outgoing.bytes() <= WAITING_BYTES_MAX);
        if now.is_multiple_of(33) && self.outgoing.has_due(ms(now)) {
            let mut bytes = Vec::new();
            self.outgoing.write(ms(now), ROOM, &mut bytes);
            self.there.send(now, drawn(2), (now, 0, bytes));
        }
        for (sent, _, bytes) in self.there.arrived(now) {
            self.newest = self.newest.max(sent);
            for message in Messages::read(&bytes).expect("messages") {
                // Whoever hears has no time now and then.
                let has_time = !drawn(3).is_multiple_of(7);
                match self.incoming.turn(message.sequence) {
                    Turn::Now if has_time => self.hear(message.bytes),
                    Turn::Later if has_time => self.incoming.keep(message.sequence, message.bytes),
                    Turn::Now | Turn::Later | Turn::Never => {}
                }
                while let Some(kept) = self.incoming.first_kept().map(<[u8]>::to_vec) {
                    self.hear(&kept);
                }
            }
        }
        if now.is_multiple_of(33)
            && let Some(received) = self.incoming.owed()
        {
            self.incoming.on_said();
            self.back.send(now, drawn(4), (self.newest, received, Vec::new()));
        }
        for (newest, received, _) in self.back.arrived(now) {
            self.outgoing.on_received(ms(now), received);
            self.outgoing.on_answer(ms(now - newest));
        }
    }
}

#[test]
fn every_reliable_message_arrives_once_and_in_order_or_is_refused_at_once() {
    for seed in 0..20 {
        println!("seed {seed}");
        let (draw, mut way) = (Secret::from_seed(seed), Direction::default());
        (0..60_000).for_each(|now| way.step(now, &draw));
        assert_eq!(way.heard, way.said, "seed {seed}");
        assert_eq!((way.outgoing.waiting(), way.outgoing.bytes()), (0, 0), "seed {seed}");
        assert!(way.said.len() > 400 && way.refused > 0, "seed {seed}: {} said", way.said.len());
    }
}
