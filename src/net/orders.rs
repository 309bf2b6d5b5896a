//! What an operator tells the game while it runs.

use tokio::sync::{mpsc, oneshot};

use super::ServeError;

/// Orders that may wait for the next tick, and that one tick carries out; who gives one beyond that waits for a place.
pub(super) const ORDERS_MAX: usize = 16;

/// An order, and who waits for its answer.
pub(super) type OrderRequest = (String, oneshot::Sender<String>);

/// Gives the game of a running server orders: see [`crate::game::Game::on_order`].
#[derive(Clone, Debug)]
pub struct Orders(mpsc::Sender<OrderRequest>);

impl Orders {
    /// Where orders are given, and where the server finds them.
    pub(super) fn new() -> (Self, mpsc::Receiver<OrderRequest>) {
        let (giving, given) = mpsc::channel(ORDERS_MAX);
        (Self(giving), given)
    }

    /// Has the game carry out an order in the next tick, and gives its answer, which begins with
    /// [`crate::game::REFUSED`] if it does not.
    ///
    /// # Errors
    /// If the server has ended.
    pub async fn give(&self, order: String) -> Result<String, ServeError> {
        let (request, answer) = oneshot::channel();
        self.0.send((order, request)).await.map_err(|_| ServeError::Ended)?;
        answer.await.map_err(|_| ServeError::Ended)
    }
}
