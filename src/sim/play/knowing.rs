//! How a play ends: when everyone knows the same, and all that was said has arrived.

use super::Play;
use crate::client::Phase;
use crate::server::Server;
use crate::wire;

impl Play<'_> {
    fn knows_all(&self, index: usize, server: &Server) -> bool {
        let Some(client) = &self.actors[index].client else { return false };
        let is_told = |player: wire::Player| {
            client.world().player(player.client_id).is_some_and(|known| known.player.at == player.at)
        };
        client.phase() == Phase::Playing
            && client.welcome().is_some_and(|welcome| welcome.epoch == server.epoch())
            && self.books.as_ref().is_none_or(|books| books.is_done(index, client))
            && client.world().len() == server.players().count()
            && server.players().all(is_told)
    }

    pub(super) fn all_know_the_same(&self) -> bool {
        self.server.as_ref().is_some_and(|server| {
            server.players().count() == self.actors.len()
                && (0..self.actors.len()).all(|index| self.knows_all(index, server))
        })
    }

    pub(super) fn who_knows_not(&self) -> String {
        let Some(server) = &self.server else { return "there is no server".into() };
        let ignorant = self.actors.iter().enumerate().filter(|(index, _)| !self.knows_all(*index, server));
        let who: Vec<_> = ignorant
            .map(|(index, actor)| {
                let client = actor.client.as_ref();
                (index, client.map(|c| (c.phase(), c.world().len(), c.waiting_messages())))
            })
            .collect();
        format!(
            "{} stand in the world, and long after all trouble these do not know it: {who:?}",
            server.players().count()
        )
    }
}
