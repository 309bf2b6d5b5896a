//! Trouble, and its end.

use super::scene::Trouble;
use super::{Play, What};
use crate::path::{Impairment, Path};
use crate::sim::scenario::Scenario;

impl<S: Scenario> Play<'_, S> {
    pub(super) fn on_trouble(&mut self, trouble: Trouble) {
        self.report.troubles += 1;
        match trouble {
            Trouble::Moved(index) => {
                let host = &mut self.hosts[index];
                host.addr.set_port(host.addr.port() + 1);
                self.places.insert(host.addr, index);
            }
            Trouble::Crashed(index, long) => {
                self.hosts[index].client = None;
                self.at(self.now + long, What::ClientBack(index));
            }
            Trouble::CutOff(index, long) => self.hosts[index].cut_off_until = self.now + long,
            Trouble::ServerCrashed(long) => {
                self.server = None;
                if let Some(store) = &mut self.store {
                    store.on_crash(self.now);
                }
                self.waiting.clear();
                self.ledger.on_server_crash();
                self.at(self.now + long, What::ServerBack);
            }
            Trouble::ServerStalled(long) => self.stalled_until = self.now + long,
            Trouble::ClockStopped(long) => self.clock_stopped = Some((self.now, self.now + long)),
        }
    }

    pub(super) fn calm_down(&mut self) -> Result<(), String> {
        self.start_server()?;
        self.stalled_until = self.now;
        self.clock_stopped = None;
        for index in 0..self.hosts.len() {
            self.start_client(index);
            let host = &mut self.hosts[index];
            host.cut_off_until = self.now;
            for path in [&mut host.up, &mut host.down] {
                self.report.passed.add(path.passed());
                *path = Path::new(Impairment::default(), 0);
            }
        }
        Ok(())
    }
}
