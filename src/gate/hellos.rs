//! Who asks to play? Hellos are answered, handed to the tick, or refused, in the order of what each check costs.
//!
//! First hellos pay for their answer. Proven ones pay for what they make the server do, just before it is done: a refusal
//! of the gate's own, a look into a ticket, a place in the tick.

use std::time::{Duration, Instant};

use super::places::Asker;
use super::{Command, DropReason, Gate, Join, PeerAddr, Reply, Step};
use crate::wire::{
    Challenge, FromServer, Hello, Move, PROTOCOL_VERSION, Proof, REFUSAL_BYTES, Refusal, RefusalReason,
};

impl Gate {
    /// Every version of the protocol understands this refusal.
    pub(super) fn on_other_version(
        &self,
        now: Instant,
        from: PeerAddr,
        nonce: u64,
        received: usize,
    ) -> Result<Option<Reply>, DropReason> {
        if received < REFUSAL_BYTES {
            return Err(DropReason::Length);
        }
        if !self.strangers.may_be_answered(self.age(now), from, nonce) {
            return Err(DropReason::Unanswered);
        }
        let refusal = Refusal { nonce, reason: RefusalReason::Version, detail: PROTOCOL_VERSION };
        Ok(Some(self.say_no(now, from, refusal, DropReason::Version)))
    }

    pub(super) fn on_hello(
        &self,
        now: Instant,
        from: PeerAddr,
        hello: &Hello,
    ) -> Result<Option<Reply>, DropReason> {
        let age = self.age(now);
        if hello.proof == Proof::NONE {
            if !self.strangers.may_be_answered(age, from, hello.nonce) {
                return Err(DropReason::Unanswered);
            }
            let proof = self.prover.prove(age, from, hello.nonce);
            return Ok(Some(Reply::new(&FromServer::Challenge(Challenge { nonce: hello.nonce, proof }))));
        }
        self.prover.check(age, from, hello.nonce, &hello.proof)?;
        if self.tickets.is_some() {
            let refusal = Refusal { nonce: hello.nonce, reason: RefusalReason::TicketNeeded, detail: 0 };
            return self.refuse_proven(now, from, refusal, DropReason::TicketNeeded).map(Some);
        }
        let asker = self.charge(age, from, hello)?;
        self.push_asked(asker, Command::Join(Join::new(from, hello))).map(|()| None)
    }

    /// Where the server is open, the first move of an unknown address asks to play.
    pub(super) fn on_open_move(&self, age: Duration, from: PeerAddr, step: &Move) -> Result<(), DropReason> {
        if !self.open || step.session != 0 {
            return Err(DropReason::UnknownPeer);
        }
        let join = Join {
            from,
            nonce: 0,
            client_id: step.client_id,
            encoding: 0,
            session: 0,
            proven_ms: age.as_millis() as u64,
        };
        let asker = self.strangers.ask(age, from)?;
        self.push_asked(asker, Command::OpenMove(join, Step::from(step)))
    }

    /// Charges whoever says a hello that proves its address. A peer pays for every one of them from an account of its own; for
    /// another session also from that of the session that it names, or else as a stranger does, for it may name anyone.
    pub(super) fn charge(&self, age: Duration, from: PeerAddr, hello: &Hello) -> Result<Asker, DropReason> {
        let paid = self.peers.with(from, |entry| {
            let has_paid = self.hello_budget.charge(age, &mut entry.accounts.hellos);
            has_paid.then_some(entry.was_admitted_by(hello)).ok_or(DropReason::Rate)
        });
        match paid.transpose()? {
            Some(true) => Ok(Asker::Again),
            _ if self.charge_return(age, hello) => Ok(Asker::Back),
            _ => self.strangers.ask(age, from),
        }
    }

    /// Whether the hello names a session that plays, which had something left to pay with.
    fn charge_return(&self, age: Duration, hello: &Hello) -> bool {
        let charged = self.peers.with_client(hello.client_id, |entry| {
            entry.is_known_by(hello.session) && self.return_budget.charge(age, &mut entry.accounts.returns)
        });
        charged.unwrap_or(false)
    }

    /// Hands to the tick what somebody asks who has paid, if the tick has a place for it.
    pub(super) fn push_asked(&self, asker: Asker, command: Command) -> Result<(), DropReason> {
        if !self.places.take(asker) {
            return Err(DropReason::QueueFull);
        }
        self.push(command)
    }

    /// The refusal of a hello that proves its address, unless there are too many of them. The tick does not hear of it.
    pub(super) fn refuse_proven(
        &self,
        now: Instant,
        from: PeerAddr,
        refusal: Refusal,
        reason: DropReason,
    ) -> Result<Reply, DropReason> {
        if !self.strangers.may_be_refused(self.age(now), from) {
            return Err(DropReason::Unanswered);
        }
        Ok(self.say_no(now, from, refusal, reason))
    }

    fn say_no(&self, now: Instant, from: PeerAddr, refusal: Refusal, reason: DropReason) -> Reply {
        self.refuse(now, &from, reason);
        Reply::new(&FromServer::Refusal(refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Identity, PeerKey};
    use super::*;
    use crate::config::Config;
    use crate::secret::Secret;
    use crate::wire::Encoding;

    const AGE: Duration = Duration::from_secs(9);

    fn addr(ip: [u8; 4]) -> PeerAddr {
        PeerAddr::udp((ip, 9).into(), None).expect("an address")
    }

    fn hello(client_id: u32, nonce: u64, session: u64) -> Hello {
        Hello { version: PROTOCOL_VERSION, nonce, client_id, encoding: 0, session, proof: Proof::NONE }
    }

    /// A gate, and at `home` a peer that was admitted by `hello(7, 70, _)`, with session 700, before it 699.
    fn gate(home: PeerAddr) -> Gate {
        #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
        let started = Instant::now();
        let gate = Gate::new(&Config::default(), &Secret::from_seed(1), started);
        let identity = Identity {
            key: PeerKey { slot: 0, generation: 0 },
            session: 700,
            session_before: Some(699),
            nonce: 70,
            client_id: 7,
            encoding: Encoding::Plain,
            extras: false,
        };
        gate.admit(started, home, identity, None, None);
        gate
    }

    fn asked(gate: &Gate, from: PeerAddr, hello: &Hello) -> Vec<Result<Asker, DropReason>> {
        (0..12).map(|_| gate.charge(AGE, from, hello)).collect()
    }

    #[test]
    fn a_peer_pays_for_the_same_hello_alone_and_for_others_as_strangers_do() {
        use Asker::{Again, Back, Often, Seldom};
        let home = addr([10, 0, 0, 1]);
        let eight = |askers: [Asker; 8]| {
            askers.map(Ok).into_iter().chain([Err(DropReason::Rate); 4]).collect::<Vec<_>>()
        };
        let strange = eight([Seldom, Seldom, Often, Often, Often, Often, Often, Often]);
        assert_eq!(asked(&gate(home), home, &hello(7, 70, 0)), eight([Again; 8]));
        assert_eq!(asked(&gate(home), home, &hello(8, 70, 0)), strange, "another client id");
        assert_eq!(asked(&gate(home), home, &hello(8, 71, 700)), strange, "also by the session");
        assert_eq!(asked(&gate(home), home, &hello(7, 71, 0)), strange, "anew, without its session");
        let back = eight([Back, Back, Back, Back, Seldom, Seldom, Often, Often]);
        assert_eq!(asked(&gate(home), home, &hello(7, 71, 700)), back, "anew, with its session");
    }

    #[test]
    fn who_names_a_session_comes_back_from_wherever_and_the_session_pays() {
        let (gate, abroad) = (gate(addr([10, 0, 0, 1])), |number| addr([10, 9, number, 1]));
        let ask = |number, session| gate.charge(AGE, abroad(number), &hello(7, 71, session));
        assert_eq!((ask(1, 700), ask(2, 699)), (Ok(Asker::Back), Ok(Asker::Back)));
        assert_eq!((ask(3, 698), ask(4, 0)), (Ok(Asker::Seldom), Ok(Asker::Seldom)));
        assert_eq!((ask(5, 700), ask(6, 700)), (Ok(Asker::Back), Ok(Asker::Back)));
        assert_eq!(ask(7, 700), Ok(Asker::Seldom), "beyond that it is a stranger's");
        gate.remove(addr([10, 0, 0, 1]));
        assert_eq!(gate.charge(AGE * 2, abroad(8), &hello(7, 71, 700)), Ok(Asker::Seldom), "it has gone");
    }
}
