//! How many may ask something at the same time, beside the tick.

use std::collections::VecDeque;

use tokio::task::AbortHandle;

/// Connections at once. One more, and the oldest is closed: an honest one lasts for milliseconds, so a reader that
/// dawdles can keep nobody out.
pub(super) const CONNECTIONS_MAX: usize = 16;

/// The connections in the order in which they came. They end with it.
#[derive(Debug, Default)]
pub(super) struct Connections(VecDeque<AbortHandle>);

impl Connections {
    pub(super) fn add(&mut self, connection: AbortHandle) {
        self.0.retain(|connection| !connection.is_finished());
        self.0.push_back(connection);
        if self.0.len() > CONNECTIONS_MAX
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}
