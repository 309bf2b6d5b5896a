//! What threads share is made of these; for the model checker, of what it knows.

#[cfg(not(tickcast_loom))]
pub(super) use crossbeam_queue::ArrayQueue;
#[cfg(not(tickcast_loom))]
pub(super) use dashmap::DashMap;
#[cfg(tickcast_loom)]
pub(super) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(not(tickcast_loom))]
pub(super) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[cfg(tickcast_loom)]
pub(super) use super::model::{ArrayQueue, DashMap};
