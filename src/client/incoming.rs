//! What comes in: answers to a hello, the end of a session, snapshots.

use std::time::Instant;

use super::clock::TickClock;
use super::{Client, Event, Phase};
use crate::wire::{
    self, Ack, Challenge, Closed, CompactSnapshot, FromServer, Proof, Refusal, SnapshotExtras,
    SnapshotHeader, Tick, Welcome,
};

/// A snapshot that was overtaken by so many ticks may lead from a baseline that is no longer kept: those of 64 ticks are,
/// and blocks lead back 56 at the most.
const OVERTAKEN_TICKS_MAX: u64 = 8;

impl Client {
    pub(super) fn on_message(&mut self, now: Instant, bytes: &[u8]) -> Option<Event> {
        let event = match wire::snapshot_header(bytes) {
            Some(header) => self.on_snapshot(now, &header, bytes),
            None => match wire::decode_server(bytes) {
                Ok(FromServer::Challenge(challenge)) if self.on_challenge(now, &challenge) => return None,
                Ok(FromServer::Welcome(welcome)) => self.on_welcome(now, welcome),
                Ok(FromServer::Refusal(refusal)) => self.on_refusal(refusal),
                Ok(FromServer::Closed(closed)) => self.on_closed(closed),
                Ok(FromServer::Challenge(_) | FromServer::Plain(_)) => None,
                Err(_) => self.on_malformed(),
            },
        };
        self.ignored += u64::from(event.is_none());
        event
    }

    /// False if it is not the answer that is waited for.
    fn on_challenge(&mut self, now: Instant, challenge: &Challenge) -> bool {
        let expected = self.phase == Phase::Joining
            && challenge.nonce == self.hello.nonce
            && self.hello.proof == Proof::NONE;
        if expected {
            self.hello.proof = challenge.proof;
            self.proof_since = now;
            self.next_hello = now;
        }
        expected
    }

    fn on_welcome(&mut self, now: Instant, welcome: Welcome) -> Option<Event> {
        if self.phase != Phase::Joining || welcome.nonce != self.hello.nonce {
            return None;
        }
        if self.welcome.is_none_or(|before| before.epoch != welcome.epoch) {
            self.world.clear();
            self.clock = None;
            self.frames.clear();
            self.ack = Ack::default();
        }
        self.mail.on_welcome(&welcome);
        self.welcome = Some(welcome);
        self.world.set_period(welcome.period_ns);
        self.sequence = 0;
        self.header = None;
        self.heard = now;
        self.phase = Phase::Playing;
        Some(Event::Welcomed(welcome))
    }

    fn on_refusal(&mut self, refusal: Refusal) -> Option<Event> {
        if self.phase != Phase::Joining || refusal.nonce != self.hello.nonce {
            return None;
        }
        self.phase = Phase::Refused(refusal);
        Some(Event::Refused(refusal))
    }

    fn on_closed(&mut self, closed: Closed) -> Option<Event> {
        if self.session() != Some(closed.session) {
            return None;
        }
        self.phase = Phase::Closed(closed.reason);
        Some(Event::Closed(closed.reason))
    }

    fn on_snapshot(&mut self, now: Instant, header: &SnapshotHeader, bytes: &[u8]) -> Option<Event> {
        if self.session() != Some(header.session) {
            return None;
        }
        let Some(extras) = self.take_in(bytes) else {
            return if self.is_too_late(header.tick) { None } else { self.on_malformed() };
        };
        let is_first = !has_arrived(self.ack, header.tick);
        let is_newest = self.header.is_none_or(|newest| header.tick > newest.tick);
        self.on_header(now, header);
        self.mail.on_snapshot(now, extras.as_ref(), is_first, is_newest);
        Some(Event::Snapshot(*header))
    }

    /// Whether so many newer snapshots have overtaken that of `tick` that what it leads from may be forgotten.
    fn is_too_late(&self, tick: Tick) -> bool {
        self.header.is_some_and(|newest| newest.tick.since(tick) >= OVERTAKEN_TICKS_MAX)
    }

    /// Makes the known world as new as the snapshot, if it takes in more than headers, and gives its extras. `None` if it
    /// cannot be decoded; then nothing has changed.
    fn take_in<'a>(&mut self, bytes: &'a [u8]) -> Option<Option<SnapshotExtras<'a>>> {
        if !self.config.decode {
            return wire::snapshot_extras(bytes).ok();
        }
        if let Some(compact) = wire::compact_snapshot(bytes) {
            return self.take_in_compact(&compact).then_some(compact.extras);
        }
        let (snapshot, extras) = wire::decode_plain(bytes).ok()?;
        self.world.take_in(&snapshot);
        Some(extras)
    }

    fn take_in_compact(&mut self, compact: &CompactSnapshot<'_>) -> bool {
        let taken = self.frames.take_in(compact);
        if taken == Ok(true) {
            if let Some(sum) = compact.checksum {
                self.blocks.checksums += 1;
                self.blocks.desyncs += u64::from(self.frames.checksum(compact.header.tick) != sum);
            }
            let telling = self.frames.telling(compact.header.tick);
            self.blocks.bytes += compact.blocks.len() as u64;
            self.blocks.players += telling.members as u64;
            self.world.take_in_members(&compact.header, telling);
            self.frames.missing(compact.header.tick, |missing| self.world.on_missing(missing));
        }
        taken.is_ok()
    }

    fn on_malformed(&mut self) -> Option<Event> {
        self.malformed += 1;
        None
    }

    fn on_header(&mut self, now: Instant, header: &SnapshotHeader) {
        self.heard = now;
        self.ack = acknowledge(self.ack, header.tick);
        self.set_clock(now, header.tick);
        if self.header.is_none_or(|newest| header.tick > newest.tick) {
            self.header = Some(*header);
            self.mail.on_applied(now, header);
        }
    }

    fn set_clock(&mut self, now: Instant, tick: Tick) {
        let period_ns = self.welcome.map_or(1, |welcome| welcome.period_ns);
        match &mut self.clock {
            Some(clock) => clock.on_snapshot(now, tick),
            None if self.config.interpolation.is_some() => {
                self.clock = Some(TickClock::new(now, tick, period_ns));
            }
            None => {}
        }
    }
}

/// `ack`, and the snapshot of `tick` too.
fn acknowledge(ack: Ack, tick: Tick) -> Ack {
    if ack == Ack::default() {
        return Ack { newest: tick, history: 0 };
    }
    let ahead = tick.since(ack.newest);
    let behind = ack.newest.since(tick);
    let bit = |distance: u64| 1_u64.checked_shl(distance.wrapping_sub(1) as u32).unwrap_or(0);
    match (ahead, behind) {
        (0, 0) => ack,
        (0, 1..=64) => Ack { history: ack.history | bit(behind), ..ack },
        (0, _) => ack,
        (1..=64, _) => {
            Ack { newest: tick, history: ack.history.checked_shl(ahead as u32).unwrap_or(0) | bit(ahead) }
        }
        _ => Ack { newest: tick, history: 0 },
    }
}

/// Whether the snapshot of `tick` has arrived before, or so long ago that nobody knows.
fn has_arrived(ack: Ack, tick: Tick) -> bool {
    match ack.newest.since(tick) {
        0 => tick == ack.newest,
        behind @ 1..=64 => ack.history & 1 << (behind - 1) != 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_remember_64_ticks() {
        let all = [10, 11, 13, 12, 13].into_iter().map(Tick).fold(Ack::default(), acknowledge);
        assert_eq!(all, Ack { newest: Tick(13), history: 0b111 });
        assert_eq!(
            [10, 11, 12, 13, 14].map(|tick| has_arrived(all, Tick(tick))),
            [true, true, true, true, false]
        );
        assert!(has_arrived(Ack { newest: Tick(100), history: 0 }, Tick(35)), "nobody knows");
        let late = acknowledge(Ack { newest: Tick(100), history: 0 }, Tick(36));
        assert_eq!(late.history, 1 << 63);
        assert_eq!(acknowledge(late, Tick(35)), late);
        assert_eq!(acknowledge(late, Tick(164)), Ack { newest: Tick(164), history: 1 << 63 });
        assert_eq!(acknowledge(late, Tick(u64::MAX)), Ack { newest: Tick(u64::MAX), history: 0 });
    }
}
