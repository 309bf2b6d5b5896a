//! How a play ends: when everyone knows the same, and whatever else the scenario wants.

use super::Play;
use crate::client::{Client, Phase};
use crate::server::Server;
use crate::sim::scenario::Scenario;
use crate::wire::{self, kind_of};

impl<S: Scenario> Play<'_, S> {
    /// Whether a client plays, knows where all players stand that it may be shown, and has settled. What the game has put into
    /// the world beside them may be under way for ever.
    fn settled(&self, index: usize, server: &Server) -> Result<(), String> {
        let client = self.hosts[index].client.as_ref().ok_or("it has crashed")?;
        let plays = client.phase() == Phase::Playing
            && client.welcome().is_some_and(|welcome| welcome.epoch == server.epoch());
        if !plays {
            return Err(format!("it does not play: {:?}", client.phase()));
        }
        if self.serves.view.is_none() && !knows_all(client, server) {
            return Err(format!("it knows {} of them, or where they stood", client.world().len()));
        }
        self.scenario.settled(index, client, server)
    }

    /// Whether everyone has settled.
    pub(super) fn is_over(&self) -> bool {
        self.server.as_ref().is_some_and(|server| {
            server.players().count() == self.hosts.len()
                && (0..self.hosts.len()).all(|index| self.settled(index, server).is_ok())
        })
    }

    pub(super) fn who_is_unsettled(&self) -> String {
        let Some(server) = &self.server else { return "there is no server".into() };
        let why = |index| self.settled(index, server).err().map(|why| format!("client {index}: {why}"));
        let who: Vec<String> = (0..self.hosts.len()).filter_map(why).collect();
        format!(
            "{} stand in the world, and long after all trouble these have not settled: {}",
            server.players().count(),
            who.join("; ")
        )
    }
}

fn knows_all(client: &Client, server: &Server) -> bool {
    let world = client.world();
    let is_told = |player: wire::Player| {
        world.player(player.client_id).is_some_and(|known| known.player.at == player.at)
    };
    let known = world.players().filter(|known| kind_of(known.player.client_id) == 0).count();
    known == server.players().count() && server.players().all(is_told)
}
